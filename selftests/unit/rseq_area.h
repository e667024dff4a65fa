/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rseq_area: a thread's area like the kernel's, which the kernel does not know.
 *
 * x86-64's instructions are stepped through with it, and rseq_played.c has it
 * instead of the kernel's.  Included by rseq.c.
 */
#ifndef SELFTESTS_UNIT_RSEQ_AREA_H
#define SELFTESTS_UNIT_RSEQ_AREA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What the kernel reads of a sequence. */
struct cs {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

static __thread struct {
	uint32_t cpu_id_start, cpu_id;
	uint64_t cs;
	uint32_t flags, node, cid;
} area __attribute__((aligned(32)));

/* Where it is, from the thread pointer. */
static inline uintptr_t area_off(void)
{
	return (uintptr_t)&area - (uintptr_t)__builtin_thread_pointer();
}

/*
 * What the kernel does to a thread that gets a signal at @pc: disarms it, and
 * makes it go on behind the signature if @pc is within the sequence that was
 * armed.  Returns where it goes on.
 */
static inline uintptr_t area_interrupt(uintptr_t pc)
{
	const struct cs *cs = (const struct cs *)(uintptr_t)area.cs;
	uint32_t sig;

	area.cs = 0;
	if (!cs || pc - cs->start >= cs->length)
		return pc;
	memcpy(&sig, (const void *)(uintptr_t)(cs->abort - sizeof(sig)),
	       sizeof(sig));
	/* the kernel ends a process for each of these */
	if (cs->version || cs->flags || cs->abort - cs->start < cs->length ||
	    sig != strtoul(RSEQ_SIG, NULL, 0))
		abort();
	return (uintptr_t)cs->abort;
}

#endif
