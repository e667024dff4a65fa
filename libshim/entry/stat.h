/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stat: the numbers of all layers together.
 *
 *   stat.c         reading them, and the table of names
 *   stat_ctl.c     shim_ctl()
 *   stat_malloc.c  mallinfo(), malloc_info() and related functions
 */
#ifndef SHIM_STAT_H
#define SHIM_STAT_H

#include <stddef.h>
#include <stdint.h>

#include "span/central.h"
#include "span/central_compound.h"
#include "span/central_mesh.h"
#include "base/guard.h"
#include "span/large.h"
#include "pageheap/pageheap.h"
#include "pageheap/pageheap_mesh.h"
#include "cache/percpu.h"
#include "cache/transfer.h"

/**
 * struct shim_stat - everything
 * @heap: the page heap
 * @cache: cpu caches
 * @guard: the sampler
 * @large: freed large spans that are kept
 * @mesh: meshing, the page heap's part
 * @spans: meshing, the central lists' part
 * @compound: objects in the spans of other classes
 * @transfer_bytes: bytes of free objects in transfer caches
 * @transfer_hits: batches they served
 * @transfer_misses: batches they could not serve
 * @transfer_spills: batches they had no room for
 * @central_spans: spans of small objects
 * @central_free: bytes of free objects in them
 * @central_made: spans made, ever
 * @central_destroyed: spans given back, ever
 * @allocated: bytes in live objects, sizes rounded up
 * @resident: bytes with memory: heap in use and free, less what meshing saves, and
 *	metadata
 *
 * Each layer's numbers are consistent.  The layers are asked one after the
 * other, so sums over several of them are exact only while no thread allocates.
 */
struct shim_stat {
	struct pageheap_stat heap;
	struct percpu_stat cache;
	struct guard_stat guard;
	struct large_stat large;
	struct pageheap_mesh_stat mesh;
	struct central_mesh_stat spans;
	struct central_compound_stat compound;
	uint64_t transfer_bytes;
	uint64_t transfer_hits;
	uint64_t transfer_misses;
	uint64_t transfer_spills;
	uint64_t central_spans;
	uint64_t central_free;
	uint64_t central_made;
	uint64_t central_destroyed;
	uint64_t allocated;
	uint64_t resident;
};

/**
 * stat_get - take all numbers
 * @st: filled in
 */
void stat_get(struct shim_stat *st);

/**
 * stat_name - the names of the numbers
 * @i: 0 and up
 *
 * Return: the name, or NULL past the last.
 */
const char *stat_name(unsigned int i);

/**
 * stat_value - one of the numbers
 * @st: from stat_get()
 * @i: as for stat_name()
 */
uint64_t stat_value(const struct shim_stat *st, unsigned int i);

#define STAT_LAYERS	3	/* slots: the libraries above, lowest first */

/**
 * struct stat_extra - a number of a layer above
 * @name: its name
 * @value: maintained by the layer, read with relaxed order
 */
struct stat_extra {
	char name[24];
	uint64_t value;
};

/**
 * stat_register - show a layer's numbers with the others
 * @slot: which layer
 * @extra: the numbers, which live as long as the process
 * @nr: how many
 */
void stat_register(unsigned int slot, const struct stat_extra *extra,
		   unsigned int nr);

/**
 * stat_extra_name - the names of the layers' numbers
 * @i: 0 and up
 * @value: out, may be NULL: the number
 *
 * Return: the name, or NULL past the last.
 */
const char *stat_extra_name(unsigned int i, uint64_t *value);

/**
 * stat_print - write all numbers to standard error, one on each line
 */
void stat_print(void);

#endif /* SHIM_STAT_H */
