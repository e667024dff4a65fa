/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mesh: what the layers say to each other when they mesh: see span_mesh.h.
 */
#ifndef SHIM_MESH_H
#define SHIM_MESH_H

#include <stdint.h>

#define MESH_PAIRS	32	/* pairs in a call: 0.1 ms of the module's time */
#define MESH_MOVES	2048	/* and moves of all of them */

/**
 * struct mesh_move - bytes that move
 * @at: offset, in both ranges
 * @len: not 0
 */
struct mesh_move {
	uint32_t at;
	uint32_t len;
};

/**
 * struct mesh_pair - two ranges that are to have one range's memory
 * @dst: the first byte of the range whose memory stays
 * @src: of the range whose memory goes
 * @len: bytes of each, whole OS pages inside one span
 * @nr_moves: how many of the array of moves are this pair's
 * @result: out: 0, or a negative errno
 */
struct mesh_pair {
	uintptr_t dst;
	uintptr_t src;
	uint32_t len;
	uint32_t nr_moves;
	int32_t result;
};

#endif /* SHIM_MESH_H */
