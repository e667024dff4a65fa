// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * backend: the choice of a backend, and its place in the address space.
 *
 * Each backend fills a window of addresses from the bottom.  A window of 1 TiB
 * is found by mapping 2 TiB without access and unmapping them: the kernel
 * chooses the place of the two at random, and we choose one within, because the
 * kernel's choice alone leaves only 19 random bits in a block's address.  The
 * application's mappings fill the hole from its top, so the two meet late.
 * The first 2 TiB need not be mapped: they are those below the dynamic linker, where
 * the kernel begins.
 * When they do, or when the window is full, another window is found.  Under
 * RLIMIT_AS the 2 TiB are guessed, until something is in the way; then smaller
 * holes are found, and in the end the addresses below the lowest window are
 * tried.
 *
 * The PAGEHEAP lock, held by the callers, protects everything here.
 */
#include <linux/random.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "backend.h"
#include "base/conf.h"
#include "base/pagemap.h"
#include "base/sys.h"

#define WINDOW_MAX	((size_t)1 << 40)
#define WINDOW_SPREAD	2u	/* the hole in which a window is placed: 2^20 blocks */

static struct window {
	uintptr_t at;		/* the next byte to map */
	uintptr_t end;
	uintptr_t low;		/* the lowest address of all windows so far */
} window[BACKEND_NR];

static bool chosen;
static enum backend_id first;
static bool scarce, no_guess;

static const struct backend_ops *const ops[BACKEND_NR] = {
	[BACKEND_THP] = &backend_thp,
	[BACKEND_KMOD] = &backend_kmod,
};

const struct backend_ops *backend_ops(enum backend_id id)
{
	return ops[id];
}

enum backend_id backend_first(void)
{
	if (!chosen) {
		chosen = true;
		first = BACKEND_THP;
		if (shim_conf.backend != SHIM_BACKEND_THP && backend_kmod.open())
			first = BACKEND_KMOD;
	}
	return first;
}

size_t backend_random(size_t n)
{
	static uint64_t state;
	static bool asked, fixed;
	uint64_t x;

	if (!asked) {
		const uint64_t *seed = (const uint64_t *)getauxval(AT_RANDOM);
		long how = sys_call3(SYS_personality, 0xffffffff, 0, 0);

		asked = true;
		/*
		 * address randomisation is off: use the same addresses each
		 * time
		 */
		fixed = !sys_failed(how) && how & ADDR_NO_RANDOMIZE;
		if (sys_call3(SYS_getrandom, (long)&state, sizeof(state),
			      GRND_NONBLOCK) != sizeof(state) && seed)
			state = seed[0] ^ seed[1];
	}
	if (fixed)
		return 0;
	/* splitmix64: its output does not reveal the seed or the state */
	state += 0x9e3779b97f4a7c15u;
	x = state;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) % n;
}

/*
 * The kernel chooses its places from the dynamic linker's down, so what lies below is
 * free when a process begins; what is mapped there replaces nothing.  Asked once, and
 * not where address space is limited: that shows when a hole is mapped.
 *
 * Return: where a hole of @len bytes should begin, or 0.
 */
static uintptr_t hole_guess(size_t len)
{
	uintptr_t below = getauxval(AT_BASE) & ~(uintptr_t)(BLOCK_SIZE - 1);
	struct rlimit64 limit;
	static bool asked;

	if (asked || below < 2 * len)
		return 0;
	asked = true;
	if (sys_call6(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0) ||
	    limit.rlim_cur != RLIM64_INFINITY)
		return 0;
	return below - len;
}

/*
 * A hole of @len bytes, by mapping it for a moment.  RLIMIT_AS forbids that; the
 * addresses below the kernel's choice for one page are as likely to be free,
 * and what is mapped there later replaces nothing.
 *
 * Return: where it begins, or 0.
 */
static __attribute__((noinline)) uintptr_t hole_find(size_t len)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	long p = sys_mmap(0, len, PROT_NONE, flags, -1, 0);

	if (!sys_failed(p)) {
		sys_munmap((uintptr_t)p, len);
		return (uintptr_t)p;
	}
	scarce = true;
	if (no_guess)
		return 0;
	p = sys_mmap(0, BLOCK_SIZE, PROT_NONE, flags, -1, 0);
	if (sys_failed(p))
		return 0;
	sys_munmap((uintptr_t)p, BLOCK_SIZE);
	return (uintptr_t)p > 2 * len ? (uintptr_t)p - len : 0;
}

/* Choose 1 TiB anywhere within the 2 TiB. */
static bool window_anywhere(enum backend_id id)
{
	/* a window of an arena begins where an area begins */
	size_t align = id == BACKEND_THP ? BLOCK_SIZE : AREA_SIZE;
	size_t len = WINDOW_SPREAD * WINDOW_MAX;
	struct window *w = &window[id];
	uintptr_t hole = hole_guess(len), start, end;

	if (!hole)
		hole = hole_find(len);
	if (!hole)
		return false;
	start = (hole + align - 1) & ~(align - 1);
	start += backend_random((len - WINDOW_MAX) / align) * align;
	end = start + WINDOW_MAX - align;
	if (end >> PAGEMAP_BITS || !ops[id]->window(start, end - start))
		return false;
	w->at = start;
	w->end = end;
	return true;
}

/*
 * There is no hole of that size.  Addresses below may be free, though fewer
 * than requested.
 */
static bool window_below(enum backend_id id, size_t min)
{
	struct window *w = &window[id];

	/* otherwise there would be an arena for each block */
	if (id != BACKEND_THP || w->low <= min ||
	    !ops[id]->window(w->low - min, min))
		return false;
	w->at = w->low - min;
	w->end = w->low;
	return true;
}

/*
 * Find a hole of at least @min bytes.  Windows are kept an area apart where
 * there is room.
 */
static bool window_hole(enum backend_id id, size_t min)
{
	struct window *w = &window[id];
	size_t len = WINDOW_MAX;

	if (min < WINDOW_MAX - AREA_SIZE && window_anywhere(id))
		return true;

	/* a single span may need more */
	while (len < min + AREA_SIZE)
		len *= 2;
	for (; len >= min + BLOCK_SIZE; len /= 2) {
		size_t align = len >= 2 * AREA_SIZE ? AREA_SIZE : BLOCK_SIZE;
		uintptr_t start, end;
		long p;

		p = sys_mmap(0, len, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (sys_failed(p))
			continue;
		sys_munmap((uintptr_t)p, len);
		start = ((uintptr_t)p + align - 1) & ~(align - 1);
		end = ((uintptr_t)p + len) & ~(align - 1);
		if (end <= start || end - start < min)
			return false;
		if (end >> PAGEMAP_BITS || !ops[id]->window(start, end - start))
			return false;
		w->at = start;
		w->end = end;
		return true;
	}
	return false;
}

static bool window_find(enum backend_id id, size_t min)
{
	struct window *w = &window[id];

	if (!window_hole(id, min) && !window_below(id, min))
		return false;
	if (!w->low || w->at < w->low)
		w->low = w->at;
	return true;
}

uintptr_t backend_next(enum backend_id id)
{
	return window[id].at;
}

bool backend_scarce(void)
{
	return scarce;
}

uintptr_t backend_grow(enum backend_id id, size_t min, size_t want, bool whole,
		       size_t *len)
{
	struct window *w = &window[id];
	int windows;

	/*
	 * up to four windows: another thread may map something there three
	 * times
	 */
	for (windows = 0; windows < 4; windows++) {
		size_t n = want;

		if (w->end - w->at < min && !window_find(id, min))
			return 0;
		if (n > w->end - w->at)
			n = w->end - w->at;
		for (;;) {
			uintptr_t start = w->at;
			enum backend_map m = ops[id]->map(start, n, whole);

			if (m == BACKEND_MAP_OK) {
				w->at += n;
				*len = n;
				return start;
			}
			if (m == BACKEND_MAP_GONE)
				return 0;
			if (m == BACKEND_MAP_NOMEM)
				scarce = true;
			else if (scarce)
				no_guess = true;	/* something was there */
			if (n == min) {
				if (m == BACKEND_MAP_NOMEM)
					return 0;
				break;
			}
			n = n / 2 & ~(BLOCK_SIZE - 1);
			if (n < min)
				n = min;
		}
		w->at = 0;
		w->end = 0;
	}
	return 0;
}
