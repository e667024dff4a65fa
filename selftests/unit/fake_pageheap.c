// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_pageheap: spans cut from one map of 256 MiB, first fit.
 *
 * The map is of a file, so that two addresses can have one page.  A page that is
 * given back gets a new one of the file, as it does from the module: others that
 * had the old one keep it.
 *
 * Has a lock of the page heap's rank, so that the rank checker sees who calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_pageheap.h"
#include "base/lock.h"
#include "pageheap/pageheap.h"
#include "pageheap/pageheap_mesh.h"
#include "pageheap/scavenger.h"

#define PAGES	(AREA_PAGES * 4)
#define BEHIND	0xa5a5a5a5a5a5a5a5ull	/* a record that has one word of bitmap */

struct fake_pageheap fake_pageheap = { .fail_after = -1 };

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_PAGEHEAP);
static unsigned char used[PAGES];
static struct span spans[PAGES];
static uintptr_t base;
static size_t lowest;		/* nothing is free below */

#define OS_PAGE		4096ul
#define OS_PAGES	(PAGES * (PAGE_SIZE / OS_PAGE))
#define FILE_PAGES	(OS_PAGES * 64)

static int fd;
static size_t page_of[OS_PAGES];	/* of the file */
static size_t next_page;		/* new ones */
static unsigned short refs[FILE_PAGES];	/* addresses that a page of the file has */

static void map(void)
{
	size_t i;
	void *p;

	p = mmap(NULL, AREA_SIZE * 5, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	fd = memfd_create("fake_pageheap", MFD_CLOEXEC);
	if (p == MAP_FAILED || fd < 0 || ftruncate(fd, FILE_PAGES * OS_PAGE))
		abort();
	base = ((uintptr_t)p + AREA_SIZE - 1) & ~(AREA_SIZE - 1);
	p = mmap((void *)base, AREA_SIZE * 4, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0);
	if (p == MAP_FAILED || !pagemap_add(base, AREA_SIZE * 4))
		abort();
	for (i = 0; i < OS_PAGES; i++) {
		page_of[i] = i;
		refs[i] = 1;
	}
	next_page = OS_PAGES;
}

static size_t number(uintptr_t p)
{
	return (p - base) / OS_PAGE;
}

/* Have a page of the file at an address. */
static void page_put(uintptr_t p, size_t page)
{
	size_t was = page_of[number(p)];

	if (page >= FILE_PAGES)
		abort();
	if (!--refs[was] &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      was * OS_PAGE, OS_PAGE))
		abort();
	refs[page]++;
	page_of[number(p)] = page;
	if (mmap((void *)p, OS_PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, page * OS_PAGE) == MAP_FAILED)
		abort();
}

static size_t find(size_t npages)
{
	size_t i, run = 0;

	for (i = lowest; i < PAGES; i++) {
		run = used[i] ? 0 : run + 1;
		if (run == npages)
			return i + 1 - npages;
	}
	abort();
}

/* Behind the first word of a record that has no more: nobody writes there. */
static bool is_cut(const struct span *s)
{
	unsigned int i;

	for (i = 1; i < sizeof(s->bitmap) / sizeof(s->bitmap[0]); i++)
		if (s->bitmap[i] != BEHIND)
			return false;
	return true;
}

static struct span *alloc(size_t npages, bool wide)
{
	struct span *s = NULL;
	size_t at;

	shim_lock_acquire(&lock);
	if (!base)
		map();
	if (fake_pageheap.fail_after) {
		if (fake_pageheap.fail_after > 0)
			fake_pageheap.fail_after--;
		at = find(npages);
		memset(used + at, 1, npages);
		if (at == lowest)
			lowest += npages;
		s = &spans[at];
		memset(s, 0, sizeof(*s));
		s->start = base + at * PAGE_SIZE;
		s->npages = npages;
		s->state = SPAN_INUSE;
		if (wide)
			s->flags = SPAN_WIDE;
		else
			memset(s->bitmap + 1, BEHIND & 0xff,
			       sizeof(s->bitmap) - sizeof(s->bitmap[0]));
		s->flags |= (uint8_t)(fake_pageheap.node << SPAN_NODE);
		fake_pageheap.spans++;
	}
	shim_lock_release(&lock);
	return s;
}

struct span *pageheap_alloc(size_t npages, size_t align_pages)
{
	(void)align_pages;
	return alloc(npages, false);
}

struct span *pageheap_alloc_short(size_t npages, unsigned int size)
{
	unsigned int each = fake_pageheap.shorter;
	static unsigned int turn;
	size_t n = npages - 1;

	if (!each || __atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED) % each)
		return alloc(npages, false);
	while (n * PAGE_SIZE >= size && n * PAGE_SIZE % size > n * PAGE_SIZE / 8)
		n--;
	return alloc(n * PAGE_SIZE >= size ? n : npages, false);
}

struct span *pageheap_alloc_wide(size_t npages, size_t align_pages)
{
	(void)align_pages;
	return alloc(npages, true);
}

/* Does any other address of the map have a page of this span? */
static bool pages_are_shared(const struct span *s)
{
	size_t first = number(s->start), n = s->npages * (PAGE_SIZE / OS_PAGE);
	size_t i;

	for (i = first; i < first + n; i++)
		if (refs[page_of[i]] != 1)
			return true;
	return false;
}

void pageheap_free(struct span *s)
{
	size_t at = s - spans;

	shim_lock_acquire(&lock);
	if (at >= PAGES || !used[at] || s->state != SPAN_INUSE ||
	    (!(s->flags & SPAN_WIDE) && !is_cut(s)) ||
	    pagemap_class((void *)s->start) != PAGEMAP_NONE)
		fake_pageheap.bad++;
	else
		memset(used + at, 0, s->npages);
	if (pages_are_shared(s))
		fake_pageheap.bad++;
	if (at < lowest)
		lowest = at;
	s->state = SPAN_DEAD;
	fake_pageheap.spans--;
	shim_lock_release(&lock);
}

size_t pageheap_usage(void)
{
	return fake_pageheap.tiny ? 0 : PAGES * PAGE_SIZE;
}

size_t pageheap_spare(void)
{
	return fake_pageheap.spare;
}

size_t pageheap_purge(struct span *s, uint32_t pages)
{
	unsigned int i;

	if (s->state != SPAN_INUSE || pages >> (s->npages * 2))
		fake_pageheap.bad++;
	if (fake_pageheap.whole)
		return 0;
	for (i = 0; i < s->npages * 2; i++) {
		if (!(pages >> i & 1))
			continue;
		page_put(s->start + i * OS_PAGE, next_page++);
	}
	fake_pageheap.purged += __builtin_popcount(pages) * 4096ul;
	return __builtin_popcount(pages) * 4096ul;
}

void scavenger_spend(size_t ns)
{
	(void)ns;
}

bool scavenger_may_spend(void)
{
	return true;
}

void scavenger_stir(void)
{
	__atomic_fetch_add(&fake_pageheap.stirs, 1, __ATOMIC_RELAXED);
}

bool scavenger_has_time(void)
{
	return true;
}

/* Which of them it does not say: those that have been written to, all else is 0. */
void pageheap_retaken(size_t bytes)
{
	fake_pageheap.retaken += bytes;
}

const char *pageheap_mesh_why_not(void)
{
	return fake_pageheap.why_not;
}

bool pageheap_can_mesh(const struct span *s)
{
	(void)s;
	return true;
}

static bool wanted;

/* How many pages of a range had no memory.  They have it then. */
static unsigned int touch(uintptr_t p, size_t len)
{
	unsigned char in[16];
	unsigned int i, n = 0;

	if (len > sizeof(in) * OS_PAGE || mincore((void *)p, len, in))
		abort();
	for (i = 0; i < len / OS_PAGE; i++) {
		if (in[i] & 1)
			continue;
		*(volatile char *)(p + i * OS_PAGE);
		n++;
	}
	return n;
}

static int pair_mesh(const struct mesh_pair *p, const struct mesh_move *moves)
{
	static unsigned int turn;
	unsigned int i;

	if (fake_pageheap.mesh_whole)
		return -EAGAIN;
	if (fake_pageheap.mesh_fail && ++turn % fake_pageheap.mesh_fail == 0)
		return fake_pageheap.mesh_errno;
	if (touch(p->dst, p->len) || touch(p->src, p->len))
		return -ENOENT;
	for (i = 0; i < p->nr_moves; i++) {
		if (!moves[i].len || moves[i].at + moves[i].len > p->len)
			fake_pageheap.bad++;
		memcpy((char *)p->dst + moves[i].at,
		       (char *)p->src + moves[i].at, moves[i].len);
	}
	for (i = 0; i < p->len / OS_PAGE; i++) {
		size_t dst = number(p->dst) + i, src = number(p->src) + i;

		/* the module refuses what is one already */
		if (page_of[dst] == page_of[src])
			return -EEXIST;
		page_put(p->src + i * OS_PAGE, page_of[dst]);
	}
	fake_pageheap.meshed += p->len / OS_PAGE;
	fake_pageheap.pairs++;
	return 0;
}

unsigned int pageheap_mesh(struct mesh_pair *pairs, unsigned int nr,
			   struct mesh_move *moves)
{
	unsigned int i, done = 0;

	shim_lock_acquire(&lock);
	if (nr > MESH_PAIRS)
		fake_pageheap.bad++;
	for (i = 0; i < nr; moves += pairs[i++].nr_moves) {
		pairs[i].result = pair_mesh(&pairs[i], moves);
		done += !pairs[i].result;
	}
	shim_lock_release(&lock);
	return done;
}

bool pageheap_mesh_is_due(void)
{
	return !fake_pageheap.small;
}

void pageheap_mesh_begin(bool on)
{
	(void)on;
}

bool pageheap_mesh_ready(struct span *s)
{
	if (s->state != SPAN_INUSE)
		fake_pageheap.bad++;
	wanted = wanted || fake_pageheap.mesh_whole;
	return !fake_pageheap.mesh_whole;
}

bool pageheap_mesh_apart(void)
{
	bool was = wanted;

	wanted = false;
	if (was)
		fake_pageheap.mesh_whole = 0;
	return was;
}

void pageheap_unshare(const struct mesh_alias *a)
{
	fake_pageheap.meshed -= __builtin_popcount(a->shared);
}

unsigned int pageheap_unmesh(const struct mesh_alias *v, unsigned int nr)
{
	unsigned int i, k;

	if (fake_pageheap.unmesh_fail)
		return 0;
	shim_lock_acquire(&lock);
	for (i = 0; i < nr; i++) {
		if (i && v[i - 1].span->start >= v[i].span->start)
			fake_pageheap.bad++;
		for (k = 0; k < v[i].span->npages * 2; k++)
			page_put(v[i].span->start + k * OS_PAGE, next_page++);
		pageheap_unshare(&v[i]);
	}
	shim_lock_release(&lock);
	return nr;
}

void pageheap_free_purged(struct span *s)
{
	pageheap_free(s);
}
