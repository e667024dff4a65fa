/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcpages: the source of the collector's pages.
 */
#ifndef SHIM_GCPAGES_H
#define SHIM_GCPAGES_H

#include <stdbool.h>
#include <stddef.h>

/**
 * gcpages_are_own - do pages come from the kernel rather than from libshim
 */
bool gcpages_are_own(void);

/**
 * gcpages_get - get pages of 8 KiB
 * @npages: how many
 * @watched: writes to them should be known: they come from the arena of
 *	gcarena, if there is one and it has memory
 * @owner: a value that the page heap keeps with them
 * @handle: out: the page heap's handle
 * @is_zero: out: all of it reads as zero
 *
 * Return: the first byte, aligned to a page, or NULL.
 */
void *gcpages_get(size_t npages, bool watched, void *owner, void **handle,
		  bool *is_zero);

/**
 * gcpages_put - give pages back
 * @handle: from gcpages_get()
 * @p: what gcpages_get() returned
 * @npages: how many
 */
void gcpages_put(void *handle, void *p, size_t npages);

/**
 * gcpages_room - how much memory the process may still take
 * @limit: out: its limit, 0 for none known
 * @left: out: bytes below it
 * @over: out: bytes above it
 * @free: out: bytes that the page heap has and that are not in use
 *
 * As the core has last seen it.  Without libshim no limit is known.
 */
void gcpages_room(size_t *limit, size_t *left, size_t *over, size_t *free);

/**
 * gcpages_look - have the core check its limits now
 *
 * No lock held, the world runs.
 */
void gcpages_look(void);

/* Around fork(). */
void gcpages_fork_prepare(void);
void gcpages_fork_done(void);

#endif /* SHIM_GCPAGES_H */
