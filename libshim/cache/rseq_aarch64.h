/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rseq_aarch64: the restartable sequences, in AArch64 assembly.
 *
 * The contracts of the functions, and who may run with whom, are in
 * rseq_x86_64.h.  Every sequence has the same shape.  The thread's rseq area,
 * registered by glibc, is at the thread pointer + rseq_off, here %rs.
 *
 *        adrp   %slab, cs              descriptor of this sequence
 *        add    %slab, %slab, :lo12:cs
 *   1:   str    %slab, [%rs, 8]        armed: rseq->rseq_cs = cs
 *   +--> start
 *   |    ldrsw  %slab, [%rs, 4]        cpu_id; -1, -2: not registered
 *   |    ldr    %slab, [%tbl, %slab*8] slab[-2], slab[-1] and the CPUs without
 *   |                                  a slab have percpu_none or _busy: always
 *   |                                  a miss
 *   |    load cur, object or end
 *   |    miss? ---------------------> out: nothing was written
 *   |    write the slot                above cur: nobody reads it
 *   |    write cur                     the commit, one store
 *   +--> post
 *
 * Failure steps:
 *  F1. preempted, migrated or signalled between start and post: the kernel
 *      clears rseq_cs and continues at abort, after the signature;
 *  F2. abort jumps back to before 1, the sequence is armed again and starts
 *      from the CPU number, which may be another one now;
 *  F3. what F1 interrupted wrote at most slots above cur, what is beside an empty
 *      place, or the caller's buffer: written again, or never looked at;
 *  F4. outside start..post the kernel only clears rseq_cs: nothing to undo at
 *      the exits, which leave it pointing here (the library is never unloaded:
 *      -z nodelete).
 *
 * Memory order.  A slab's stacks are read and written by one CPU, which sees
 * its own stores in program order.  Another thread on that CPU, and the same
 * thread on another one, come after a context switch, which is a full barrier.
 * A thread that gives a CPU a slab publishes the pointer by a store-release,
 * and every load here depends on that pointer.  A thread that takes it away
 * waits for membarrier(2), a full barrier on that CPU.
 */
#ifndef SHIM_RSEQ_AARCH64_H
#define SHIM_RSEQ_AARCH64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSEQ_HAVE	1

/*
 * The signature before the abort address, brk #0x45e0, with which glibc
 * registered.
 */
#define RSEQ_SIG	"0xd428bc00"

/*
 * Arm the sequence between local labels 2 (start) and 3 (post).  The abort
 * handler is out of line, in its own section: the signature, then back to arm
 * again.
 */
#define RSEQ_BEGIN							\
	".pushsection __rseq_cs, \"aw\"\n\t"				\
	".balign 32\n"							\
	"9:\n\t"							\
	".long 0, 0\n\t"						\
	".quad 2f, 3f - 2f, 4f\n\t"					\
	".popsection\n\t"						\
	".pushsection .text.rseq_abort, \"ax\"\n\t"			\
	".inst " RSEQ_SIG "\n"						\
	"4:\n\t"							\
	"b 1f\n\t"							\
	".popsection\n"							\
	"1:\n\t"							\
	"adrp %[slab], 9b\n\t"						\
	"add %[slab], %[slab], :lo12:9b\n\t"				\
	"str %[slab], [%[rs], 8]\n"					\
	"2:\n\t"

#define RSEQ_LOAD_SLAB							\
	"ldrsw %[slab], [%[rs], 4]\n\t"					\
	"ldr %[slab], [%[tbl], %[slab], lsl 3]\n\t"

/* Of class @cls, a register; cur is at 8 bytes from %[slab] then, end at 520. */
#define RSEQ_CLASS(cls)							\
	"add %[slab], %[slab], " cls ", lsl 3\n\t"			\
	"ldr %[cur], [%[slab], 8]\n\t"

#define RSEQ_POP							\
	"ldr %[obj], [%[cur]]\n\t"					\
	"cbz %[obj], %l[miss]\n\t"					\
	"sub %[cur], %[cur], 8\n\t"					\
	RSEQ_COMMIT

#define RSEQ_COMMIT	"str %[cur], [%[slab], 8]"

#define RSEQ_END	"\n3:\n\t"

static inline uintptr_t rseq_area(uintptr_t off)
{
	return (uintptr_t)__builtin_thread_pointer() + off;
}

static inline __attribute__((always_inline)) void *
rseq_pop_small(uintptr_t off, void *tbl, size_t idx)
{
	uintptr_t slab, cur;
	void *obj;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"add %[obj], %[slab], %[idx]\n\t"
		"ldrb %w[obj], [%[obj], 1032]\n\t"
		RSEQ_CLASS("%[obj]")
		RSEQ_POP
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur), [obj] "=&r" (obj)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [idx] "r" (idx)
		: "memory", "cc"
		: miss);
	/* Let the compiler know what was tested: no second test. */
	if (!obj)
		__builtin_unreachable();
	return obj;
miss:
	return NULL;
}

static inline __attribute__((always_inline)) void *
rseq_pop(uintptr_t off, void *tbl, size_t cls)
{
	uintptr_t slab, cur;
	void *obj;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		RSEQ_CLASS("%[cls]")
		RSEQ_POP
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur), [obj] "=&r" (obj)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [cls] "r" (cls)
		: "memory", "cc"
		: miss);
	/* Let the compiler know what was tested: no second test. */
	if (!obj)
		__builtin_unreachable();
	return obj;
miss:
	return NULL;
}

static inline __attribute__((always_inline)) bool
rseq_push(uintptr_t off, void *tbl, size_t cls, void *obj)
{
	uintptr_t slab, cur, tmp;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		RSEQ_CLASS("%[cls]")
		"ldr %[tmp], [%[slab], 520]\n\t"
		"cmp %[cur], %[tmp]\n\t"
		"b.hs %l[miss]\n\t"
		"ldr %[tmp], [%[cur]]\n\t"
		"cmp %[tmp], %[obj]\n\t"
		"b.eq %l[miss]\n\t"
		"str %[obj], [%[cur], 8]!\n\t"
		RSEQ_COMMIT
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur), [tmp] "=&r" (tmp)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [cls] "r" (cls),
		  [obj] "r" (obj)
		: "memory", "cc"
		: miss);
	return true;
miss:
	return false;
}

static inline __attribute__((always_inline)) bool
rseq_take(uintptr_t off, void *tbl, size_t cls, void **obj, uint8_t **at)
{
	uintptr_t slab, none;
	uint8_t *beside;
	void *p;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"add %[slab], %[slab], %[cls], lsl 3\n\t"
		"ldr %[obj], [%[slab], 232]\n\t"
		"cmp %[obj], 1\n\t"
		"b.ls %l[miss]\n\t"
		"ldr %[at], [%[slab], 648]\n\t"
		"mov %[none], 1\n\t"
		"str %[none], [%[slab], 232]"
		RSEQ_END
		: [slab] "=&r" (slab), [none] "=&r" (none), [obj] "=&r" (p),
		  [at] "=&r" (beside)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [cls] "r" (cls)
		: "memory", "cc"
		: miss);
	*obj = p;
	*at = beside;
	return true;
miss:
	return false;
}

static inline __attribute__((always_inline)) bool
rseq_keep(uintptr_t off, void *tbl, size_t cls, void *obj, uint8_t *at)
{
	uintptr_t slab, tmp;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"add %[slab], %[slab], %[cls], lsl 3\n\t"
		"ldr %[tmp], [%[slab], 232]\n\t"
		"cmp %[tmp], 1\n\t"
		"b.ne %l[miss]\n\t"
		"str %[at], [%[slab], 648]\n\t"
		"str %[obj], [%[slab], 232]"
		RSEQ_END
		: [slab] "=&r" (slab), [tmp] "=&r" (tmp)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [cls] "r" (cls),
		  [obj] "r" (obj), [at] "r" (at)
		: "memory", "cc"
		: miss);
	return true;
miss:
	return false;
}

static inline unsigned int rseq_pop_batch(uintptr_t off, void *tbl, size_t cls,
					  void **objs, unsigned int n)
{
	uintptr_t slab, cur, tmp, i;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		RSEQ_CLASS("%[cls]")
		"mov %[i], 0\n"
		"5:\n\t"
		"ldr %[tmp], [%[cur]]\n\t"
		"cbz %[tmp], 6f\n\t"
		"str %[tmp], [%[objs], %[i], lsl 3]\n\t"
		"sub %[cur], %[cur], 8\n\t"
		"add %[i], %[i], 1\n\t"
		"cmp %w[i], %w[n]\n\t"
		"b.lo 5b\n"
		"6:\n\t"
		"cbz %[i], %l[miss]\n\t"
		RSEQ_COMMIT
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur), [tmp] "=&r" (tmp),
		  [i] "=&r" (i)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [cls] "r" (cls),
		  [objs] "r" (objs), [n] "r" (n)
		: "memory", "cc"
		: miss);
	return (unsigned int)i;
miss:
	return 0;
}

static inline unsigned int rseq_push_batch(uintptr_t off, void *tbl, size_t cls,
					   void **objs, unsigned int n)
{
	uintptr_t slab, cur, tmp, i, room;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		RSEQ_CLASS("%[cls]")
		"ldr %[room], [%[slab], 520]\n\t"
		"sub %[room], %[room], %[cur]\n\t"
		"lsr %[room], %[room], 3\n\t"
		"cmp %w[room], %w[n]\n\t"
		"csel %w[room], %w[n], %w[room], hi\n\t"
		"cbz %w[room], %l[miss]\n\t"
		"mov %[i], 0\n"
		"5:\n\t"
		"ldr %[tmp], [%[objs], %[i], lsl 3]\n\t"
		"str %[tmp], [%[cur], 8]!\n\t"
		"add %[i], %[i], 1\n\t"
		"cmp %w[i], %w[room]\n\t"
		"b.lo 5b\n\t"
		RSEQ_COMMIT
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur), [tmp] "=&r" (tmp),
		  [i] "=&r" (i), [room] "=&r" (room)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [cls] "r" (cls),
		  [objs] "r" (objs), [n] "r" (n)
		: "memory", "cc"
		: miss);
	return (unsigned int)i;
miss:
	return 0;
}

static inline void *rseq_detach(uintptr_t off, void *tbl, void *none,
				void *busy, long *cpu)
{
	uintptr_t slab, nr;

	__asm__ goto volatile(
		RSEQ_BEGIN
		"ldrsw %[nr], [%[rs], 4]\n\t"
		"ldr %[slab], [%[tbl], %[nr], lsl 3]\n\t"
		"cmp %[slab], %[none]\n\t"
		"b.eq %l[miss]\n\t"
		"cmp %[slab], %[busy]\n\t"
		"b.eq %l[miss]\n\t"
		"str %[busy], [%[tbl], %[nr], lsl 3]"
		RSEQ_END
		: [slab] "=&r" (slab), [nr] "=&r" (nr)
		: [rs] "r" (rseq_area(off)), [tbl] "r" (tbl), [none] "r" (none),
		  [busy] "r" (busy)
		: "memory", "cc"
		: miss);
	*cpu = (long)nr;
	return (void *)slab;
miss:
	return NULL;
}

/* The CPU this thread runs on; -1 or -2 if it is not registered. */
static inline int rseq_cpu(uintptr_t off)
{
	return *(volatile int *)(rseq_area(off) + 4);
}

/* This thread's concurrency id, where the kernel maintains it. */
static inline unsigned int rseq_mm_cid(uintptr_t off)
{
	return *(volatile unsigned int *)(rseq_area(off) + 24);
}

#endif /* SHIM_RSEQ_AARCH64_H */
