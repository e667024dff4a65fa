/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scavenger: when to give memory back, and who does it.
 *
 * A part of the page heap.  Its thread exists only while there is something to
 * give back or to join; where threads are forbidden the same work is done in
 * the time of whoever frees.
 */
#ifndef SHIM_SCAVENGER_H
#define SHIM_SCAVENGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct scavenger_stat - what the scavenger has done
 * @cpu_ns: CPU time of its threads
 * @starts: threads made
 * @fails: threads that could not be made
 * @demand: bytes kept because the last minute has shown they come back
 */
struct scavenger_stat {
	uint64_t cpu_ns;
	uint64_t starts;
	uint64_t fails;
	size_t demand;
};

/**
 * scavenger_is_wanted - is there enough to do, and nobody doing it
 *
 * Called with ph.lock held, after pages became free.
 */
bool scavenger_is_wanted(void);

/**
 * scavenger_kick - see to it that the work is done
 *
 * Called with no lock of the page heap or below held; locks above may be.  Makes
 * the thread, or does a part of the work itself.
 */
void scavenger_kick(void);

/**
 * scavenger_get_stat - take the numbers
 * @st: filled in
 *
 * Called with ph.lock held.
 */
void scavenger_get_stat(struct scavenger_stat *st);

/**
 * scavenger_fork_child - forget the parent's thread
 *
 * Called in the child of a fork, with ph.lock held.
 */
void scavenger_fork_child(void);

#endif /* SHIM_SCAVENGER_H */
