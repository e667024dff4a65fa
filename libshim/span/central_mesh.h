/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * central_mesh: when spans are meshed, and which.
 *
 * See span_mesh.h for what that is.
 */
#ifndef SHIM_CENTRAL_MESH_H
#define SHIM_CENTRAL_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct central_mesh_stat - meshing in numbers, beside those of the page heap
 * @aliases: spans that have another one's memory now
 * @span_bytes: address space of these
 * @spans: spans that became aliases, ever
 * @left: aliases that are none any more, ever: the last object was freed
 * @rounds: times all spans of a class were looked at
 * @probes: pairs of spans that were compared
 * @changed: pairs given up because a span had changed meanwhile
 * @waits: rounds ended because of a relative by fork or a pinned page
 *
 * spans = aliases + left.
 */
struct central_mesh_stat {
	size_t aliases;
	size_t span_bytes;
	uint64_t spans;
	uint64_t left;
	uint64_t rounds;
	uint64_t probes;
	uint64_t changed;
	uint64_t waits;
};

/* Whether spans are meshed, and who pays for it. */
enum central_mesh_mode {
	CENTRAL_MESH_OFF,
	CENTRAL_MESH_LATER,	/* off; PACED once the heap is made of blocks */
	CENTRAL_MESH_PACED,	/* a hundredth of the time, in bursts as well */
	CENTRAL_MESH_PAID,	/* bursts cost what has been freed has earned */
};

/**
 * central_mesh_enable - begin or end to mesh
 * @mode: how.  What is meshed stays so until its objects are freed
 *
 * CENTRAL_MESH_LATER touches no memory: a small process pays nothing for it.
 *
 * Return: NULL, or why it cannot begin, a sentence's end.
 */
const char *central_mesh_enable(enum central_mesh_mode mode);

/**
 * central_mesh_why_not - can spans be meshed
 *
 * Return: NULL if they can, or why they cannot, a sentence's end.
 */
const char *central_mesh_why_not(void);

/**
 * central_mesh_mode - are spans meshed
 */
enum central_mesh_mode central_mesh_mode(void);

/**
 * central_mesh_tick - mesh what has been quiet
 *
 * For at most a hundredth of the time that has passed.  Called by
 * entry_idle().
 */
void central_mesh_tick(void);

/**
 * central_mesh_all - mesh all that can be, now
 *
 * For malloc_trim() and its like.
 */
void central_mesh_all(void);

/**
 * central_mesh_get_stat - take the numbers
 * @st: filled in
 */
void central_mesh_get_stat(struct central_mesh_stat *st);

#endif /* SHIM_CENTRAL_MESH_H */
