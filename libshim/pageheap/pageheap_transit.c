// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_transit: memory in transit, while ph.lock is not held.
 *
 * System calls on memory are made without the lock.  In the meantime the memory
 * is on no list.  It is recorded here so that the child of a fork can put it
 * back, since the thread that would have done so does not exist there.  So
 * fork() never waits for another thread's system call.
 *
 * Keeps true: an entry with an owner belongs to a call in progress.  Putting
 * memory back assumes as little as possible: the memory may or may not be
 * there, and only what was known to read as zero is taken to read as zero.
 *
 * Protected by ph.lock.  Called by the other files of the page heap.
 */
#include "pageheap_int.h"
#include "base/sys.h"

/* As many threads at once; a further one keeps the lock during its call. */
#define TRANSITS	32

struct transit {
	uint32_t owner;		/* shim_lock_self(), or 0 if the entry is not in use */
	struct transit_of of;
};

static struct transit transits[TRANSITS] SHIM_BSS_LARGE;

/**
 * transit_note - record memory that goes into transit
 * @of: the memory; copied
 *
 * The lock stays held, until the caller drops it.
 *
 * Return: for transit_arrived(); -1 if there is no room: the lock must stay held.
 */
int transit_note(const struct transit_of *of)
{
	int i;

	shim_lock_assert(&ph.lock);
	for (i = 0; i < TRANSITS; i++)
		if (!transits[i].owner)
			break;
	if (i == TRANSITS)
		return -1;
	transits[i].of = *of;
	transits[i].owner = shim_lock_self();
	ph.moving++;
	return i;
}

/**
 * transit_leave - record memory that goes into transit, and drop the lock
 * @of: the memory; copied
 *
 * Return: for transit_enter(); -1 if there is no room: the lock is still held.
 */
int transit_leave(const struct transit_of *of)
{
	int i = transit_note(of);

	if (i >= 0)
		shim_lock_release(&ph.lock);
	return i;
}

/**
 * transit_arrived - the memory has arrived
 * @i: from transit_note(); nothing is done if it is negative
 */
void transit_arrived(int i)
{
	shim_lock_assert(&ph.lock);
	if (i < 0)
		return;
	ph.moving--;
	transits[i].owner = 0;
}

/**
 * transit_enter - take the lock again: the memory has arrived
 * @i: from transit_leave()
 */
void transit_enter(int i)
{
	if (i >= 0)
		shim_lock_acquire(&ph.lock);
	transit_arrived(i);
}

/* Pages that were about to be given back are idle again. */
static void hold_undo(struct block *b, const struct bits *held)
{
	struct backend_range r[BACKEND_RANGES];
	unsigned int i, end, nr = 0;
	bool stuck = b->stuck;

	for (i = bits_next(held, 0); i < BLOCK_PAGES; i = bits_next(held, end)) {
		end = bits_next_clear(held, i);
		r[nr].start = b->start + i * PAGE_SIZE;
		r[nr].len = (end - i) * PAGE_SIZE;
		nr++;
	}
	block_drop_idle(b, r, nr, 0);
	b->stuck = stuck;
	age_update(b);
}

static void put_back(const struct transit_of *of)
{
	struct block *b = of->block;

	switch (of->what) {
	case TRANSIT_RUN:
		runs_insert(of->start, of->blocks, of->backend, of->kind);
		break;
	case TRANSIT_IDLE_RUN:
		ph.idle -= of->blocks * BLOCK_PAGES;
		runs_insert(of->start, of->blocks, of->backend, of->kind);
		break;
	case TRANSIT_HELD:
		b->releasing--;
		hold_undo(b, &of->held);
		runs_insert_unused(b);
		break;
	case TRANSIT_PURGE:
		b->releasing--;
		break;
	case TRANSIT_JOIN:
		b->joining = false;
		runs_insert_unused(b);
		break;
	}
}

/**
 * transit_fork_child - put back what other threads had in transit
 *
 * In the child of a fork, with the lock held.  What the forking thread itself
 * had in transit, when a signal interrupted it, stays: the thread will complete
 * its call.
 */
void transit_fork_child(void)
{
	uint32_t self = shim_lock_self();
	int i;

	for (i = 0; i < TRANSITS; i++) {
		if (!transits[i].owner || transits[i].owner == self)
			continue;
		transits[i].owner = 0;
		ph.moving--;
		put_back(&transits[i].of);
	}
}
