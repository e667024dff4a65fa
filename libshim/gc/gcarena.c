// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcarena: pages of an arena of the module, whose dirty bits can be read.
 *
 * Each page has a bit in four maps:
 *
 *	busy	somebody has it
 *	there	it has memory
 *	used	it may read as something else than zero; only if it is there
 *	stale	it was free at the last trim, and still is
 *
 * The first free run that is long enough is taken, so that memory lies at the
 * arena's beginning.
 */
#include <errno.h>
#include <sys/sysinfo.h>

#include "../../kmod/uapi/hugearena.h"
#include "base/lock.h"
#include "base/sys.h"
#include "gcarena.h"
#include "gcmeta.h"
#include "seam/seam.h"

#define PAGE		SEAM_PAGE_SIZE
#define OS_PAGE		((uintptr_t)4096)
#define OS_PAGES	(PAGE / OS_PAGE)
#define SIZE_MIN	((size_t)1 << 30)
#define SIZE_MOST	((size_t)1 << 45)	/* half of an arena's largest */
/* Pages that get memory with those that are wanted, to save system calls. */
#define AHEAD		((size_t)16)
#define RANGES		64	/* given back at a time: 1 KiB of stack */
/* Runs shorter than this are most spans; for them it is known where to look. */
#define SHORT		32

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static struct seam_arena arena;
static bool made;
static uint64_t *busy, *there, *used, *stale;
static size_t nr;			/* pages in all */
static size_t top;			/* pages ever handed out; atomic */
static size_t hint[SHORT];		/* no run of so many free pages below */
static size_t idle;			/* pages there and not busy; atomic */
/* What was read last, by the collector alone. */
static uint64_t *dirty;			/* a bit for each OS page */
static size_t dirty_top;		/* OS pages that it knows of */
static bool all_dirty;

static bool bit(const uint64_t *map, size_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static void set_bits(uint64_t *map, size_t from, size_t n, bool on)
{
	for (; n; n--, from++) {
		if (on)
			map[from / 64] |= 1ull << (from % 64);
		else
			map[from / 64] &= ~(1ull << (from % 64));
	}
}

static size_t count(const uint64_t *map, size_t from, size_t n)
{
	size_t i, sum = 0;

	for (i = from; i < from + n; i++)
		sum += bit(map, i);
	return sum;
}

/* Twice as much as the machine's memory: room for gaps between spans. */
static size_t size_wanted(void)
{
	size_t size = SIZE_MIN;
	struct sysinfo info;

	if (sys_call3(SYS_sysinfo, (long)&info, 0, 0))
		return size;
	while (size < 2 * info.totalram * info.mem_unit && size < SIZE_MOST)
		size *= 2;
	return size;
}

static void drop_maps(void)
{
	gcmeta_unmap(busy, nr / 8);
	gcmeta_unmap(there, nr / 8);
	gcmeta_unmap(used, nr / 8);
	gcmeta_unmap(stale, nr / 8);
	gcmeta_unmap(dirty, OS_PAGES * nr / 8);
}

static bool make_maps(void)
{
	busy = gcmeta_map(nr / 8);
	there = gcmeta_map(nr / 8);
	used = gcmeta_map(nr / 8);
	stale = gcmeta_map(nr / 8);
	dirty = gcmeta_map(OS_PAGES * nr / 8);
	if (busy && there && used && stale && dirty)
		return true;
	drop_maps();
	return false;
}

/* Are a page that is written to, and one that is not, reported as such? */
static bool works(void)
{
	volatile char *p;
	bool is_zero, ok;

	p = gcarena_get(1, &is_zero);
	if (!p)
		return false;
	*p = 1;
	ok = gcarena_read_dirty() >= 0 && !gcarena_read_dirty();
	*p = 0;
	ok = ok && gcarena_read_dirty() == 1 && bit(dirty, 0);
	gcarena_put((void *)p, 1);
	return ok;
}

bool gcarena_make(void)
{
	size_t size = size_wanted();

	if (made)
		return true;
	if (!seam_is_here())
		return false;
	/* RLIMIT_AS may allow less than that */
	while (seam_arena(&arena, HUGEARENA_KIND_PAGES, 0, size, "gc")) {
		size /= 2;
		if (size < SIZE_MIN)
			return false;
	}
	nr = size / PAGE;
	if (!make_maps()) {
		seam_arena_put(&arena);
		return false;
	}
	if (!works()) {
		top = 0;
		idle = 0;
		drop_maps();
		seam_arena_put(&arena);
		return false;
	}
	made = true;
	return true;
}

bool gcarena_is_there(void)
{
	return made;
}

bool gcarena_has(uintptr_t p)
{
	return made && p - arena.base < arena.size;
}

/* Lock held.  The first of @n free pages in a row, or @nr. */
static size_t find(size_t n)
{
	size_t i = n < SHORT ? hint[n] : 0, run = 0;

	while (i < nr) {
		if (!run && !(i % 64) && !~busy[i / 64]) {
			i += 64;
			continue;
		}
		run = bit(busy, i++) ? 0 : run + 1;
		if (run == n)
			return i - n;
	}
	return nr;
}

/* Lock held: these pages, none of which is busy, have memory or have none. */
static void note_memory(size_t at, size_t n, bool has)
{
	size_t had = count(there, at, n);

	set_bits(there, at, n, has);
	if (!has)
		set_bits(used, at, n, false);
	__atomic_add_fetch(&idle, (has ? n : 0) - had, __ATOMIC_RELAXED);
}

/* Lock held. */
static void give_back(const struct seam_range *r, unsigned int n)
{
	unsigned int done = seam_release(&arena, r, n), i;

	for (i = 0; i < done; i++)
		note_memory(r[i].offset / PAGE, r[i].len / PAGE, false);
}

static bool touch(size_t at, size_t n)
{
	return !sys_madvise(arena.base + at * PAGE, n * PAGE,
			    MADV_POPULATE_WRITE);
}

/* Lock held.  Return: false if there is no memory for these pages. */
static bool populate(size_t at, size_t n)
{
	struct seam_range all = { at * PAGE, 0 };
	size_t end = at + n, ahead = 0;

	while (ahead < AHEAD && end + ahead < nr &&
	       !bit(there, end + ahead) && !bit(busy, end + ahead))
		ahead++;
	all.len = (n + ahead) * PAGE;
	if (!touch(at, n + ahead)) {
		/* a limit may leave what is wanted, if not what is ahead */
		ahead = 0;
		if (!touch(at, n)) {
			/* some of them may have got memory */
			give_back(&all, 1);
			return false;
		}
	}
	note_memory(at, n + ahead, true);
	return true;
}

void *gcarena_get(size_t npages, bool *is_zero)
{
	void *p = NULL;
	size_t at;

	shim_lock_acquire(&lock);
	at = find(npages);
	if (at == nr)
		goto out;
	if (count(there, at, npages) < npages && !populate(at, npages))
		goto out;
	*is_zero = !count(used, at, npages);
	set_bits(busy, at, npages, true);
	set_bits(used, at, npages, true);
	set_bits(stale, at, npages, false);
	if (npages < SHORT)
		hint[npages] = at;
	if (at + npages > top)
		__atomic_store_n(&top, at + npages, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&idle, npages, __ATOMIC_RELAXED);
	p = (void *)(arena.base + at * PAGE);
out:
	shim_lock_release(&lock);
	return p;
}

void gcarena_put(void *p, size_t npages)
{
	size_t at = ((uintptr_t)p - arena.base) / PAGE, n, first;

	shim_lock_acquire(&lock);
	set_bits(busy, at, npages, false);
	for (n = 1; n < SHORT; n++) {
		/* with the free pages before it, it may be part of a run */
		first = at < n ? 0 : at - n + 1;
		if (first < hint[n])
			hint[n] = first;
	}
	__atomic_add_fetch(&idle, npages, __ATOMIC_RELAXED);
	shim_lock_release(&lock);
}

/* Lock held: the next run of pages that have been free all the time. */
static bool stale_run(size_t *at, size_t end, struct seam_range *r)
{
	size_t i = *at, from;

	while (i < end && !(bit(stale, i) && bit(there, i)))
		i += i % 64 || (stale[i / 64] & there[i / 64]) ? 1 : 64;
	from = i;
	while (i < end && bit(stale, i) && bit(there, i))
		i++;
	*at = i;
	r->offset = from * PAGE;
	r->len = (i - from) * PAGE;
	return i > from;
}

void gcarena_trim(void)
{
	struct seam_range r[RANGES];
	unsigned int n = 0;
	size_t at = 0, end, i;

	if (!made)
		return;
	shim_lock_acquire(&lock);
	end = top + AHEAD < nr ? top + AHEAD : nr;
	while (stale_run(&at, end, &r[n])) {
		if (++n == RANGES) {
			give_back(r, n);
			n = 0;
		}
	}
	if (n)
		give_back(r, n);
	for (i = 0; i < (end + 63) / 64; i++)
		stale[i] = ~busy[i];
	shim_lock_release(&lock);
}

size_t gcarena_free(void)
{
	return __atomic_load_n(&idle, __ATOMIC_RELAXED) * PAGE;
}

long gcarena_read_dirty(void)
{
	size_t pages = __atomic_load_n(&top, __ATOMIC_RELAXED);
	long ret = 0;

	/* whole words of the bitmap; nr is a multiple of that */
	pages = (pages + 63) & ~(size_t)63;
	if (pages)
		ret = seam_dirty(&arena, 0, pages * PAGE, dirty);
	dirty_top = pages * OS_PAGES;
	all_dirty = ret < 0;
	return ret;
}

/* Pages that are newer than the bits count as written to. */
static bool is_dirty(size_t i)
{
	return i >= dirty_top || bit(dirty, i);
}

void gcarena_each_dirty(uintptr_t low, uintptr_t high,
			void (*fn)(uintptr_t low, uintptr_t high, void *arg),
			void *arg)
{
	size_t i, end, from;

	if (all_dirty || !gcarena_has(low)) {
		fn(low, high, arg);
		return;
	}
	i = (low - arena.base) / OS_PAGE;
	end = (high - arena.base) / OS_PAGE;
	while (i < end) {
		/* most of a large heap is clean */
		if (!(i % 64) && i < dirty_top && !dirty[i / 64]) {
			i += 64;
			continue;
		}
		from = i;
		while (i < end && is_dirty(i))
			i++;
		if (i > from)
			fn(arena.base + from * OS_PAGE,
			   arena.base + i * OS_PAGE, arg);
		else
			i++;
	}
}

void gcarena_range(uintptr_t *low, uintptr_t *high)
{
	*low = arena.base;
	*high = arena.base + __atomic_load_n(&top, __ATOMIC_RELAXED) * PAGE;
}

void gcarena_fork_prepare(void)
{
	shim_lock_acquire(&lock);
}

void gcarena_fork_done(void)
{
	shim_lock_release(&lock);
}
