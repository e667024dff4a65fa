/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_backend: a backend that obeys, fails on demand and remembers.
 *
 * Real anonymous memory, so that what it gives can be written; a map of which
 * pages it considers resident, so that a test can see what was given back.
 */
#ifndef UNIT_FAKE_BACKEND_H
#define UNIT_FAKE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

/**
 * struct fake_backend - what a test sets and reads
 * @first: the backend that blocks come from first
 * @fail_after: calls that still succeed; negative: all
 * @refuse_release: release refuses everything
 * @locked: release refuses what has this address in it
 * @refuse_join: join fails
 * @refuse_thin: thin fails
 * @remap: what remap answers
 * @cut: remap refuses what has this address inside, as between two mappings
 * @moves: how many times remap moves before it answers otherwise
 * @jump: each growth is somewhere else, not behind the last
 * @scarce: address space is limited
 * @on_release: called by release while the heap's lock is dropped, or NULL
 * @on_join: the same for join
 * @on_whole: the same for whole
 * @on_mesh: the same for mesh
 * @no_mesh: can_mesh says no
 * @mesh_result: what each pair gets
 * @room: bytes of address space left
 * @calls: calls that may fail, ever
 * @grown: bytes of address space given
 * @whole: bytes made whole
 * @released: bytes given back
 * @moved: bytes moved by remap
 * @moved_whole: calls of remap with a target that is to be blocks
 * @thin: blocks begun as 4 KiB pages
 * @ranges: in how many ranges
 * @split: blocks that are to be pages
 * @paid: huge pages split
 * @joined: blocks joined
 * @apart: blocks cut
 * @filled: bytes that fill was asked for
 * @meshed: bytes meshed
 * @moved_by_mesh: bytes of the moves
 * @bad: calls that no backend should get; always 0
 */
struct fake_backend {
	enum backend_id first;
	long fail_after;
	bool refuse_release;
	uintptr_t locked;
	bool refuse_join;
	bool refuse_thin;
	enum backend_remap remap;
	uintptr_t cut;
	unsigned int moves;
	bool jump;
	bool scarce;
	void (*on_release)(void);
	void (*on_join)(void);
	void (*on_whole)(void);
	void (*on_mesh)(void);
	bool no_mesh;
	int mesh_result;
	size_t room;
	unsigned long calls;
	size_t grown;
	size_t whole;
	size_t released;
	size_t moved;
	size_t moved_whole;
	size_t thin;
	size_t ranges;
	size_t split;
	size_t paid;
	size_t joined;
	size_t apart;
	size_t filled;
	size_t meshed;
	size_t moved_by_mesh;
	unsigned long bad;
};

extern struct fake_backend fake;

/* fake, while other threads may use the backend */
struct fake_backend fake_now(void);

/* Was this byte's OS page given back, and nothing done to its block since? */
bool fake_is_returned(uintptr_t addr);

#endif
