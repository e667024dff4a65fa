// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * backend: the choice of a backend, and its place in the address space.
 *
 * Each backend fills a window of addresses from the bottom.  A window is found
 * by mapping a terabyte without access and unmapping it: the kernel chooses the
 * place, at random as always.  Mappings of the application fill the hole from
 * its top, so the two meet late; when they do, or when the window is full,
 * another window is found.
 *
 * The PAGEHEAP lock, held by the callers, protects everything here.
 */
#include "backend.h"
#include "base/conf.h"
#include "base/pagemap.h"
#include "base/sys.h"

#define WINDOW_MAX	((size_t)1 << 40)

static struct window {
	uintptr_t at;		/* next byte to map */
	uintptr_t end;
} window[BACKEND_NR];

static bool chosen;
static enum backend_id first;

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

/* Find a hole of at least @min bytes; areas are kept apart where there is room. */
static bool window_find(enum backend_id id, size_t min)
{
	struct window *w = &window[id];
	size_t len = WINDOW_MAX;

	/* one span may need more */
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

uintptr_t backend_grow(enum backend_id id, size_t min, size_t want, bool whole,
		       size_t *len)
{
	struct window *w = &window[id];
	int windows;

	/* four windows: three times somebody else was faster */
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
