/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * backend: where blocks come from.
 *
 * Two of them: kmod, arenas of /dev/hugearena, and thp, anonymous memory with
 * transparent huge pages.  backend.c chooses one and finds address space.  The
 * page heap is the only caller, and names the backend of each block.
 */
#ifndef SHIM_BACKEND_H
#define SHIM_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mesh.h"

enum backend_id {
	BACKEND_THP,
	BACKEND_KMOD,
	BACKEND_NR
};

/* Results of backend_ops.map. */
enum backend_map {
	BACKEND_MAP_OK,
	BACKEND_MAP_TAKEN,	/* there is another mapping at that address */
	BACKEND_MAP_NOMEM,	/* ask for less */
	BACKEND_MAP_GONE,	/* the backend cannot be used any more */
};

/* Results of backend_ops.remap. */
enum backend_remap {
	BACKEND_MOVED,
	/* nothing moved; the target is mapped, and reads as before or as zero */
	BACKEND_STAYED,
	/*
	 * nothing moved; the target belongs to another mapping: do not touch it
	 */
	BACKEND_LOST,
};

/**
 * struct backend_range - a part of the heap
 * @start: first byte, a multiple of 4 KiB
 * @len: bytes, a multiple of 4 KiB
 */
struct backend_range {
	uintptr_t start;
	size_t len;
};

#define BACKEND_RANGES	128	/* ranges in a batch: every other page of a block */

/**
 * struct backend_ops - what a backend does
 * @name: for the statistics
 * @open: true if it can be used; called once
 * @window: an address window was found; return true if the backend can fill it
 * @map: put memory at [@addr, @addr + @len), inside a window
 * @whole: blocks are about to be used as blocks: get memory for them, so that
 *	touching them cannot fail; return false if there is none
 * @thin: a block without memory is about to be used in part, as 4 KiB pages:
 *	get memory for its first bytes; the rest gets it when touched.  Return
 *	false if there is none
 * @pages: a block is about to be given back in part: its memory will not be a
 *	huge page again until @join; may be NULL
 * @split: have the kernel split the huge page that it keeps for a block of
 *	which a part is in use, now and not only when memory is short; @page: a
 *	page that is in use.  NULL if the kernel does not keep any
 * @release: give ranges back; what is released reads as zero afterwards.
 *	Returns how many ranges, from the first, were released
 * @join: make a block whole again; return true if it is
 * @can_mesh: after @open: does @mesh work here
 * @apart: have a block in 4 KiB pages without giving any of it back; return true
 *	if it is; NULL with @mesh
 * @fill: get memory for OS pages that have none; NULL with @mesh
 * @mesh: give pairs of ranges one range's memory, the bytes in @moves being
 *	copied; fills in the result of each pair, see pageheap_mesh(); may be NULL
 * @remap: move memory to unused addresses of this backend, leaving address
 *	space without memory behind; whole 4 KiB pages; @whole: the target is used as
 *	blocks, should it have to be mapped anew; may be NULL
 */
struct backend_ops {
	const char *name;
	bool (*open)(void);
	bool (*window)(uintptr_t base, size_t len);
	enum backend_map (*map)(uintptr_t addr, size_t len, bool whole);
	bool (*whole)(uintptr_t start, size_t len);
	bool (*thin)(uintptr_t block, size_t used);
	void (*pages)(uintptr_t block);
	void (*split)(uintptr_t page);
	unsigned int (*release)(const struct backend_range *r, unsigned int nr);
	bool (*join)(uintptr_t block);
	bool (*can_mesh)(void);
	bool (*apart)(uintptr_t block);
	bool (*fill)(uintptr_t start, size_t len);
	void (*mesh)(struct mesh_pair *pairs, unsigned int nr,
		     const struct mesh_move *moves);
	enum backend_remap (*remap)(uintptr_t from, uintptr_t to, size_t len,
				    bool whole);
};

extern const struct backend_ops backend_thp;
extern const struct backend_ops backend_kmod;

/**
 * backend_ops - the operations of a backend
 * @id: which
 */
const struct backend_ops *backend_ops(enum backend_id id);

/**
 * backend_first - the backend that blocks are to come from
 *
 * Chosen at the first call, by shim_conf and by what the system has.
 */
enum backend_id backend_first(void);

/**
 * backend_random - an unpredictable number
 * @n: the result is less than this
 *
 * Return: the number; 0 in a process without random addresses.
 */
size_t backend_random(size_t n);

/**
 * backend_grow - get address space for blocks
 * @id: of which backend
 * @min: bytes needed, a multiple of BLOCK_SIZE
 * @want: bytes wanted, not less
 * @whole: the blocks will be used as blocks; else as 4 KiB pages
 * @len: out: bytes that were found, between @min and @want
 *
 * Called with the PAGEHEAP lock held.
 *
 * Return: address of the first block, all of which is new and reads as zero, or
 * 0.
 */
uintptr_t backend_grow(enum backend_id id, size_t min, size_t want, bool whole,
		       size_t *len);

/**
 * backend_next - where the address space continues that backend_grow() found
 * @id: of which backend
 *
 * Return: behind its last block; 0 if there is none.
 */
uintptr_t backend_next(enum backend_id id);

/**
 * backend_scarce - is address space limited, as under RLIMIT_AS?
 *
 * Called with the PAGEHEAP lock held.
 *
 * Return: true once the kernel has refused address space that a process without
 * a limit gets.
 */
bool backend_scarce(void);

#endif /* SHIM_BACKEND_H */
