/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Meshing: two ranges of an arena whose live bytes do not overlap get one
 * range's memory.  The idea is that of Powers, Tench, Berger and McGregor
 * ("Mesh", 2019), who use a memfd and one mapping for each pair.  Here the
 * table of the arena records it, and no mapping changes.
 */
#ifndef _HUGEARENA_MESH_H
#define _HUGEARENA_MESH_H

#include "cow.h"

/**
 * ha_mesh_pairs() - mesh ranges
 * @a: arena
 * @pairs: checked ranges, each within its blocks; result is filled in
 * @nr: how many; faults of the arena wait for all of them
 * @moves: checked, those of the first pair first
 *
 * Return: bytes of memory that were freed.
 */
u64 ha_mesh_pairs(struct ha_arena *a, struct hugearena_pair *pairs,
		  unsigned int nr, const struct hugearena_move *moves);

/**
 * ha_mesh_claim() - take meshed pages for the arena exclusively
 * @a: arena, rw held for writing, that shares no block any more
 *
 * A page of which a relative has a slot, in a block that we have dropped, is
 * copied.  From then on a meshed page belongs to one arena exclusively, and
 * may be written.
 * Return: false if there is no memory for that now.
 */
bool ha_mesh_claim(struct ha_arena *a);

#endif /* _HUGEARENA_MESH_H */
