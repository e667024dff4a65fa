/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * prof: the sampled heap profile.
 *
 * With the option profile=N, each requested byte is picked with a chance of 1
 * in N, and an allocation that contains a picked byte is a sample: it gets its
 * own span, flagged SPAN_SAMPLED, and its call stack is recorded.  An
 * allocation of s bytes is a sample with a chance of 1 - exp(-s / N), which is
 * what a reader divides by.  This stays true when its size changes: chance is
 * asked about each byte once, so that realloc() counts only the bytes it adds,
 * a sample that grows stays one, and prof_keeps() decides whether one that
 * shrinks does.
 *
 * Samples are counted by call stack and size.  A tool reads the table from
 * outside (inspect.h).  It can also switch sampling on in a running process, by
 * writing shim_conf.profile and closing the fast paths.
 */
#ifndef SHIM_PROF_H
#define SHIM_PROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lock.h"

#define PROF_FRAMES	31	/* a struct prof_stack is 5 cache lines */
#define PROF_BUCKETS	4096u
#define PROF_STACKS_MAX	32768u	/* 10 MiB; further samples are counted as lost */

/**
 * struct prof_count - samples, not scaled
 * @objects: how many
 * @bytes: what they asked for
 */
struct prof_count {
	uint64_t objects;
	uint64_t bytes;
};

/**
 * struct prof_stack - samples of about one size from one call stack
 * @next: of the same bucket
 * @hash: over @frame and @size
 * @nframes: how many of @frame
 * @size: upper bound of the sizes counted here, the lower is 7/8 of it
 * @live: samples not freed yet
 * @total: samples ever
 * @peak: @live when the most was live, see shim_prof.peak_bytes
 * @frame: return addresses, the caller of malloc() first
 *
 * Never freed.
 */
struct prof_stack {
	struct prof_stack *next;
	uint32_t hash;
	uint32_t nframes;
	uint64_t size;
	struct prof_count live;
	struct prof_count total;
	struct prof_count peak;
	void *frame[PROF_FRAMES];
};

/**
 * struct shim_prof - the profile
 * @lock: guards all but the last; readers from outside do without, and check
 * @nstacks: records there are
 * @table: PROF_BUCKETS chains, NULL before the first sample
 * @live: sum over all records
 * @peak_bytes: @live.bytes when the records' @peak was taken; a new one is taken
 *	when a sixteenth more is live
 * @samples: taken, ever
 * @lost: samples without memory for a record
 * @counted_max: requests up to this size only need to be counted, and are
 *	served by the caches unless they are a sample.  0 while there is no
 *	profile, and while guard or check must see every request.  Not guarded:
 *	written at boot, and by the tool
 */
struct shim_prof {
	struct shim_lock lock;
	uint32_t nstacks;
	struct prof_stack **table;
	struct prof_count live;
	uint64_t peak_bytes;
	uint64_t samples;
	uint64_t lost;
	size_t counted_max;
};

extern struct shim_prof shim_prof __attribute__((visibility("hidden")));

/*
 * Bytes that this thread may still request before its next sample.  Below 0 one
 * is due, so the sign of a subtraction tells.
 */
extern __thread int64_t prof_left
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/**
 * prof_due - the slow half of prof_tick(), once the countdown has ended
 */
bool prof_due(void);

/**
 * prof_tick - count a request, and say whether it is a sample
 * @size: bytes, at most PTRDIFF_MAX
 *
 * To be called once for each request while shim_conf.profile is not 0.
 *
 * Return: true if it is a sample; the caller calls prof_take() then.
 */
static inline bool prof_tick(size_t size)
{
	prof_left -= (int64_t)size;
	if (__builtin_expect(prof_left >= 0, 1))
		return false;
	return prof_due();
}

/**
 * prof_take - remember a sample
 * @size: bytes asked for
 *
 * Takes the caller's call stack.  Takes the profile lock, perhaps META.
 *
 * Return: the record it was counted in, for prof_drop(), or NULL if no sample
 * can be taken now: allocate as usual.
 */
struct prof_stack *prof_take(size_t size);

/**
 * prof_drop - a sample was freed
 * @stack: from prof_take()
 * @size: the size that prof_take() or prof_resize() was given last
 */
void prof_drop(struct prof_stack *stack, size_t size);

/**
 * prof_resize - a sample changed its size
 * @stack: from prof_take()
 * @from: what prof_take() or prof_resize() was told last
 * @to: bytes now asked for
 *
 * It still counts as one object that was allocated, with the largest size it
 * has had.
 *
 * Return: the record where it is counted now, for the next call.
 */
struct prof_stack *prof_resize(struct prof_stack *stack, size_t from,
			       size_t to);

/**
 * prof_keeps - does a sample that shrinks stay one?
 * @from: bytes it had
 * @to: bytes it keeps, fewer
 *
 * Chance decides whether a picked byte is among those that stay.
 */
bool prof_keeps(size_t from, size_t to);

/* When a profile is written to a file without a tool. */
enum prof_moment {
	PROF_AT_EXIT,
	PROF_AT_PEAK,
	PROF_AT_SIGNAL,
	PROF_MOMENTS,
};

/**
 * prof_dump - write the profile to a file
 * @at: part of its name
 *
 * Does nothing without the option profile_file.  A signal handler may call it:
 * it takes no lock and does not allocate.  If a dump is being written, this one
 * is written after it, by the same thread.
 */
void prof_dump(enum prof_moment at);

/**
 * prof_dump_boot - have the signal that profile_signal names
 *
 * A signal that somebody handles already is left alone, with a message.
 */
void prof_dump_boot(void);

/**
 * prof_dump_blind - open no file any more
 *
 * A sandbox may kill the process for it.
 */
void prof_dump_blind(void);

/* In the child of a fork: nobody is writing. */
void prof_dump_fork_child(void);

void prof_fork_prepare(void);
void prof_fork_parent(void);
void prof_fork_child(void);

#endif /* SHIM_PROF_H */
