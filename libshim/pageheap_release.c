// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_release: memory back to the kernel, and blocks made whole again.
 *
 * Keeps true: what is on its way is on no list and counted in ph.moving while
 * the lock is dropped; a page is off @backed only after the kernel took it.
 *
 * Guarded by ph.lock.  Called by the scavenger and by pageheap_trim().
 */
#include "pageheap_int.h"

/* Give one free run back, or as much of it as @max blocks. */
static size_t run_release(enum backend_id backend, enum run_kind kind,
			  size_t max)
{
	struct runs *r = &ph.runs[kind][backend];
	struct backend_range range;
	size_t blocks = r->blocks < max ? r->blocks : max;
	unsigned int done;
	uintptr_t start;

	/* the longest run that is there, by halves */
	while (blocks && !runs_take(backend, kind, blocks, BLOCK_SIZE, &start))
		blocks /= 2;
	if (!blocks)
		return 0;
	range.start = start;
	range.len = blocks * BLOCK_SIZE;
	ph.moving++;
	shim_lock_release(&ph.lock);
	done = backend_ops(backend)->release(&range, 1);
	shim_lock_acquire(&ph.lock);
	ph.moving--;
	ph.nr_release++;
	runs_insert(start, blocks, backend, done ? RUN_RETURNED : kind);
	if (!done)
		return 0;
	ph.released += range.len;
	return range.len;
}

/**
 * block_release - give the idle pages of a block back
 * @b: a PART block with idle pages; 4 KiB memory from then on
 *
 * Return: bytes given back.
 */
static size_t block_release(struct block *b)
{
	const struct backend_ops *ops = backend_ops(b->backend);
	struct backend_range r[BACKEND_RANGES];
	bool split = b->whole;
	unsigned int nr, done;
	size_t bytes;

	nr = block_hold_idle(b, r);
	ph.moving++;
	shim_lock_release(&ph.lock);
	if (split && ops->pages)
		ops->pages(b->start);
	done = ops->release(r, nr);
	shim_lock_acquire(&ph.lock);
	ph.moving--;
	ph.nr_release++;
	if (split)
		ph.nr_split++;
	bytes = block_drop_idle(b, r, nr, done);
	ph.released += bytes;
	part_unused(b);
	return bytes;
}

/* The block with most idle pages. */
static struct block *block_idlest(void)
{
	unsigned int a;

	for (a = AGES - 1; a; a--)
		if (ph.age[a])
			return ph.age[a];
	return NULL;
}

static size_t runs_trim(size_t keep)
{
	static const enum run_kind kinds[] = { RUN_PAGES, RUN_WHOLE };
	size_t done = 0, now;
	unsigned int i, k;

	for (i = 0; i < BACKEND_NR; i++) {
		for (k = 0; k < 2; k++) {
			while (ph.idle > keep) {
				size_t over = ph.idle - keep;

				now = run_release(i, kinds[k],
						  (over + BLOCK_PAGES - 1) /
						  BLOCK_PAGES);
				if (!now)
					break;
				done += now;
			}
		}
	}
	return done;
}

size_t pageheap_trim(size_t keep_bytes)
{
	size_t keep = keep_bytes / PAGE_SIZE, done;
	struct block *b;

	shim_lock_acquire(&ph.lock);
	done = runs_trim(keep);
	while (ph.idle > keep) {
		b = block_idlest();
		if (!b)
			break;
		done += block_release(b);
	}
	shim_lock_release(&ph.lock);
	return done;
}
