/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcinspect: what tools read of the collector from outside of the process.
 *
 * One block of plain data, found by its name.  A lock admits one writer; @seq is
 * odd meanwhile, so that a reader that finds it even and unchanged has read one
 * state.
 *
 * Every change of phase is a probe as well (base/probe.h, provider libshim):
 *
 *   gc_phase     phase, number     a collection enters a phase; idle ends it
 *   gc_stop      ns, number        the world stood still so long
 *   gc_assist    bytes, scanned    a thread that allocates so much has scanned
 *   gc_goal      goal, trigger     bytes allocated to the next
 */
#ifndef SHIM_GCINSPECT_H
#define SHIM_GCINSPECT_H

#include <stddef.h>
#include <stdint.h>

#define GC_INSPECT_MAGIC	"shim-gc"
#define GC_INSPECT_LAYOUT	1	/* changes with what tools read */
#define GC_INSPECT_ROUNDS	16
#define GC_INSPECT_REASONS	4

enum gc_phase {
	GC_PHASE_IDLE,		/* nobody collects; spans may wait to be swept */
	GC_PHASE_FINISH,	/* what the last collection left is swept */
	GC_PHASE_BEGIN,		/* the world is stopped: roots */
	GC_PHASE_MARK,		/* marking goes on beside the program */
	GC_PHASE_END,		/* the world is stopped: the rest */
	GC_PHASES
};

/**
 * struct gc_round - one collection
 * @number: 1 and up
 * @begun_ns: when, by CLOCK_MONOTONIC
 * @took_ns: until sweeping began
 * @stop_ns: of it, the world stood still
 * @cpu_ns: processor time of all that worked for it, sweeping excepted
 * @scanned: bytes looked at, roots included
 * @assisted: of them, by threads that allocate
 * @allocated: bytes, meanwhile
 * @live: bytes reached
 * @heap: bytes of spans at its end
 * @reason: enum cycle_reason
 * @beside: not 0: beside the program
 */
struct gc_round {
	uint64_t number;
	uint64_t begun_ns;
	uint64_t took_ns;
	uint64_t stop_ns;
	uint64_t cpu_ns;
	uint64_t scanned;
	uint64_t assisted;
	uint64_t allocated;
	uint64_t live;
	uint64_t heap;
	uint32_t reason;
	uint32_t beside;
};

/**
 * struct gc_inspect - the collector, by the name shim_gc_inspect
 * @magic: GC_INSPECT_MAGIC
 * @layout: GC_INSPECT_LAYOUT
 * @bytes: of this struct, against a tool that disagrees
 * @seq: odd while it is written
 * @phase: enum gc_phase, set without @seq
 * @mode: enum shim_gc_mode
 * @dirty: enum dirty_source
 * @workers: threads that mark while the world is stopped
 * @percent: setting
 * @limit: setting, bytes of spans, 0 for none
 * @room_limit: the limit of the process, 0 for none
 * @room_left: bytes below it
 * @goal: bytes allocated at which the next collection should have ended
 * @trigger: and at which it begins
 * @by_limit: not 0: it is a limit that makes it early
 * @lifted: not 0: the limiter is on
 * @limited: how often that was so
 * @collections: how many
 * @concurrent: of them, beside the program
 * @failed: given up
 * @missed: objects that a check found not marked
 * @stop_sum_ns: times that the world stood still, in all
 * @stop_max_ns: the longest
 * @stops: how many
 * @assisted: bytes that allocating threads have scanned
 * @scanned: bytes that anybody has
 * @reasons: collections by enum cycle_reason
 * @since: where the bytes allocated since the last collection are
 * @total: the same, ever
 * @pages: where the number of pages of 8 KiB in spans is
 * @round: the last collections; of number n in place n % GC_INSPECT_ROUNDS
 */
struct gc_inspect {
	char magic[8];
	uint32_t layout;
	uint32_t bytes;
	uint32_t seq;
	uint32_t phase;
	uint32_t mode;
	uint32_t dirty;
	uint32_t workers;
	uint32_t percent;
	uint64_t limit;
	uint64_t room_limit;
	uint64_t room_left;
	uint64_t goal;
	uint64_t trigger;
	uint32_t by_limit;
	uint32_t lifted;
	uint64_t limited;
	uint64_t collections;
	uint64_t concurrent;
	uint64_t failed;
	uint64_t missed;
	uint64_t stop_sum_ns;
	uint64_t stop_max_ns;
	uint64_t stops;
	uint64_t assisted;
	uint64_t scanned;
	uint64_t reasons[GC_INSPECT_REASONS];
	const uint64_t *since;
	const uint64_t *total;
	const size_t *pages;
	struct gc_round round[GC_INSPECT_ROUNDS];
};

extern struct gc_inspect shim_gc_inspect
	__attribute__((visibility("default")));

/**
 * gcinspect_phase - a collection enters a phase
 * @phase: which
 */
void gcinspect_phase(enum gc_phase phase);

/**
 * gcinspect_begin - the block is about to be written
 * gcinspect_end - it has been
 *
 * Not while the world is stopped: who writes may have been.
 */
void gcinspect_begin(void);
void gcinspect_end(void);
void gcinspect_fork_child(void);

#endif /* SHIM_GCINSPECT_H */
