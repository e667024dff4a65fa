/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fake_rseq: the restartable sequences in C, and somebody else before each.
 *
 * Included before all else, in place of the processor's own.  A sequence is
 * atomic here, as it is for the thread that runs it; what may happen before it,
 * a signal handler, another thread on this CPU, a move to another CPU, is what
 * a test's function does.  The contracts are in rseq_x86_64.h.
 */
#ifndef UNIT_FAKE_RSEQ_H
#define UNIT_FAKE_RSEQ_H

#define SHIM_RSEQ_X86_64_H
#define SHIM_RSEQ_AARCH64_H
#define SHIM_RSEQ_NONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSEQ_HAVE	1

/**
 * struct fake_rseq - what a test sets
 * @cpu: the CPU that the thread is on
 * @mm_cid: its concurrency id
 * @between: called before each sequence, but not inside of itself; or NULL
 * @detaching: it is called before rseq_detach(), whose caller has a lock
 */
struct fake_rseq {
	int cpu;
	unsigned int mm_cid;
	void (*between)(void);
	bool detaching;
};

extern struct fake_rseq fake_rseq;

void *rseq_pop_small(uintptr_t off, void *tbl, size_t idx);
void *rseq_pop(uintptr_t off, void *tbl, size_t cls);
bool rseq_push(uintptr_t off, void *tbl, size_t cls, void *obj);
bool rseq_take(uintptr_t off, void *tbl, size_t cls, void **obj, uint8_t **at);
bool rseq_keep(uintptr_t off, void *tbl, size_t cls, void *obj, uint8_t *at);
unsigned int rseq_pop_batch(uintptr_t off, void *tbl, size_t cls, void **objs,
			    unsigned int n);
unsigned int rseq_push_batch(uintptr_t off, void *tbl, size_t cls, void **objs,
			     unsigned int n);
void *rseq_detach(uintptr_t off, void *tbl, void *none, void *busy, long *cpu);
int rseq_cpu(uintptr_t off);
unsigned int rseq_mm_cid(uintptr_t off);

#endif
