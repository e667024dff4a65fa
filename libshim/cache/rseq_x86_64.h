/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rseq_x86_64: the restartable sequences, in x86-64 assembly.
 *
 * Every sequence has the same shape.  The thread's rseq area, registered by
 * glibc, is at %fs:rseq_off; percpu_hot.slab[] says which slab a CPU has.
 *
 *        lea    cs, %slab              descriptor of this sequence
 *   1:   mov    %slab, %fs:8(off)      armed: rseq->rseq_cs = cs
 *   +--> start
 *   |    movslq %fs:4(off), %slab      cpu_id; -1, -2: not registered
 *   |    mov    (tbl,%slab,8), %slab   slab[-2], slab[-1] and the CPUs without
 *   |                                  a slab have percpu_none or _busy: always
 *   |                                  a miss
 *   |    load cur, object or end
 *   |    miss? ---------------------> out: nothing was written
 *   |    write the slot                above cur: nobody reads it
 *   |    write cur                     the commit, one instruction
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
 * To own a slab exclusively, a thread replaces it in percpu_hot.slab[] and
 * makes sure that every sequence that may have loaded the old pointer has been
 * restarted: on its own CPU by replacing it in a sequence (rseq_detach), on
 * another CPU by membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ).
 *
 *              pop    push   batches  detach   owner of a detached slab
 *   pop        same CPU only: never at once    never
 *   push                     "                 never
 *   batches                  "                 never
 */
#ifndef SHIM_RSEQ_X86_64_H
#define SHIM_RSEQ_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSEQ_HAVE	1

/* The signature before the abort address, with which glibc registered. */
#define RSEQ_SIG	"0x53053053"

/*
 * Arm the sequence between local labels 2 (start) and 3 (post).  The abort
 * handler is out of line, in its own section: ud1 with the signature as its
 * operand, then back to arm again.
 */
#define RSEQ_BEGIN							\
	".pushsection __rseq_cs, \"aw\"\n\t"				\
	".balign 32\n"							\
	"9:\n\t"							\
	".long 0, 0\n\t"						\
	".quad 2f, 3f - 2f, 4f\n\t"					\
	".popsection\n\t"						\
	".pushsection .text.rseq_abort, \"ax\"\n\t"			\
	".byte 0x0f, 0xb9, 0x3d\n\t"					\
	".long " RSEQ_SIG "\n"						\
	"4:\n\t"							\
	"jmp 1f\n\t"							\
	".popsection\n"							\
	"1:\n\t"							\
	"leaq 9b(%%rip), %[slab]\n\t"					\
	"movq %[slab], %%fs:8(%[off])\n"				\
	"2:\n\t"

#define RSEQ_LOAD_SLAB							\
	"movslq %%fs:4(%[off]), %[slab]\n\t"				\
	"movq (%[tbl],%[slab],8), %[slab]\n\t"

/* For class @cls, in a register; %[slab] becomes the address of its cur. */
#define RSEQ_POP(cls)							\
	"leaq 8(%[slab],%[" cls "],8), %[slab]\n\t"			\
	"movq (%[slab]), %[obj]\n\t"					\
	"movq (%[obj]), %[obj]\n\t"					\
	"testq %[obj], %[obj]\n\t"					\
	"jz %l[miss]\n\t"						\
	"subq $8, (%[slab])"

#define RSEQ_END	"\n3:\n\t"

/**
 * rseq_pop_small - take an object for a request
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @idx: (size - 1) / 16, the size being 1 to SIZECLASS_SMALL_MAX
 *
 * Return: an object of the class that serves the size, NULL if there is none.
 */
static inline __attribute__((always_inline)) void *
rseq_pop_small(uintptr_t off, void *tbl, size_t idx)
{
	uintptr_t slab;
	void *obj;
	/* in this register from the start: gcc would copy it otherwise */
	register size_t i __asm__("rdx") = idx;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"movzbl 1032(%[slab],%[idx]), %k[obj]\n\t"
		RSEQ_POP("obj")
		RSEQ_END
		: [slab] "=&r" (slab), [obj] "=&a" (obj)
		: [off] "r" (off), [tbl] "r" (tbl), [idx] "r" (i)
		: "memory", "cc"
		: miss);
	/* Let the compiler know what was tested: no second test. */
	if (!obj)
		__builtin_unreachable();
	return obj;
miss:
	return NULL;
}

/**
 * rseq_pop - take an object of a class
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @cls: size class
 *
 * Return: the object, NULL if there is none.
 */
static inline __attribute__((always_inline)) void *
rseq_pop(uintptr_t off, void *tbl, size_t cls)
{
	uintptr_t slab;
	void *obj;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		RSEQ_POP("cls")
		RSEQ_END
		: [slab] "=&r" (slab), [obj] "=&a" (obj)
		: [off] "r" (off), [tbl] "r" (tbl), [cls] "r" (cls)
		: "memory", "cc"
		: miss);
	/* Let the compiler know what was tested: no second test. */
	if (!obj)
		__builtin_unreachable();
	return obj;
miss:
	return NULL;
}

/**
 * rseq_push - put an object on the stack of its class
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @cls: size class; 0, and 227 to 255, have no room on any CPU
 * @obj: the object
 *
 * Return: false if there is no room, or if the object is on top already.
 */
static inline __attribute__((always_inline)) bool
rseq_push(uintptr_t off, void *tbl, size_t cls, void *obj)
{
	uintptr_t slab, cur;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"leaq 8(%[slab],%[cls],8), %[slab]\n\t"
		"movq (%[slab]), %[cur]\n\t"
		"cmpq 512(%[slab]), %[cur]\n\t"
		"jae %l[miss]\n\t"
		"cmpq %[obj], (%[cur])\n\t"
		"je %l[miss]\n\t"
		"movq %[obj], 8(%[cur])\n\t"
		"addq $8, (%[slab])"
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur)
		: [off] "r" (off), [tbl] "r" (tbl), [cls] "r" (cls),
		  [obj] "r" (obj)
		: "memory", "cc"
		: miss);
	return true;
miss:
	return false;
}

/**
 * rseq_take - take the large object of a length that a CPU keeps
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @cls: PERCPU_KEPT_CLASS and up, by length
 * @obj: set to the object
 * @at: set to what rseq_keep() was given beside it
 *
 * Return: false, with nothing set, if there is none.
 */
static inline __attribute__((always_inline)) bool
rseq_take(uintptr_t off, void *tbl, size_t cls, void **obj, uint8_t **at)
{
	uintptr_t slab;
	uint8_t *beside;
	void *p;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"leaq 232(%[slab],%[cls],8), %[slab]\n\t"
		"movq (%[slab]), %[obj]\n\t"
		"cmpq $1, %[obj]\n\t"
		"jbe %l[miss]\n\t"
		"movq 416(%[slab]), %[at]\n\t"
		"movq $1, (%[slab])"
		RSEQ_END
		: [slab] "=&r" (slab), [obj] "=&a" (p), [at] "=&r" (beside)
		: [off] "r" (off), [tbl] "r" (tbl), [cls] "r" (cls)
		: "memory", "cc"
		: miss);
	*obj = p;
	*at = beside;
	return true;
miss:
	return false;
}

/**
 * rseq_keep - have a CPU keep a large object
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @cls: as for rseq_take(); PAGEMAP_LARGE has no room on any CPU
 * @obj: the object
 * @at: where its class is, for the next owner
 *
 * Return: false if there is no room.
 */
static inline __attribute__((always_inline)) bool
rseq_keep(uintptr_t off, void *tbl, size_t cls, void *obj, uint8_t *at)
{
	uintptr_t slab;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"leaq 232(%[slab],%[cls],8), %[slab]\n\t"
		"cmpq $1, (%[slab])\n\t"
		"jne %l[miss]\n\t"
		"movq %[at], 416(%[slab])\n\t"
		"movq %[obj], (%[slab])"
		RSEQ_END
		: [slab] "=&r" (slab)
		: [off] "r" (off), [tbl] "r" (tbl), [cls] "r" (cls),
		  [obj] "r" (obj), [at] "r" (at)
		: "memory", "cc"
		: miss);
	return true;
miss:
	return false;
}

/**
 * rseq_pop_batch - take several objects of a class
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @cls: size class
 * @objs: filled in, the top first; written past the result if restarted
 * @n: how many at most, not 0
 *
 * Return: how many.
 */
static inline unsigned int rseq_pop_batch(uintptr_t off, void *tbl, size_t cls,
					  void **objs, unsigned int n)
{
	uintptr_t slab, cur, tmp, i;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"movq 8(%[slab],%[cls],8), %[cur]\n\t"
		"xorl %k[i], %k[i]\n"
		"5:\n\t"
		"movq (%[cur]), %[tmp]\n\t"
		"testq %[tmp], %[tmp]\n\t"
		"jz 6f\n\t"
		"movq %[tmp], (%[objs],%[i],8)\n\t"
		"subq $8, %[cur]\n\t"
		"incl %k[i]\n\t"
		"cmpl %[n], %k[i]\n\t"
		"jb 5b\n"
		"6:\n\t"
		"testl %k[i], %k[i]\n\t"
		"jz %l[miss]\n\t"
		"movq %[cur], 8(%[slab],%[cls],8)"
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur), [tmp] "=&r" (tmp),
		  [i] "=&r" (i)
		: [off] "r" (off), [tbl] "r" (tbl), [cls] "r" (cls),
		  [objs] "r" (objs), [n] "r" (n)
		: "memory", "cc"
		: miss);
	return i;
miss:
	return 0;
}

/**
 * rseq_push_batch - put several objects on the stack of their class
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @cls: size class
 * @objs: the objects
 * @n: how many
 *
 * Return: how many fitted; the first ones of @objs.
 */
static inline unsigned int rseq_push_batch(uintptr_t off, void *tbl, size_t cls,
					   void **objs, unsigned int n)
{
	uintptr_t slab, cur, tmp, i, room;

	__asm__ goto volatile(
		RSEQ_BEGIN
		RSEQ_LOAD_SLAB
		"movq 8(%[slab],%[cls],8), %[cur]\n\t"
		"movq 520(%[slab],%[cls],8), %[room]\n\t"
		"subq %[cur], %[room]\n\t"
		"shrq $3, %[room]\n\t"
		"cmpl %[n], %k[room]\n\t"
		"cmoval %[n], %k[room]\n\t"
		"testl %k[room], %k[room]\n\t"
		"jz %l[miss]\n\t"
		"xorl %k[i], %k[i]\n"
		"5:\n\t"
		"movq (%[objs],%[i],8), %[tmp]\n\t"
		"addq $8, %[cur]\n\t"
		"incl %k[i]\n\t"
		"movq %[tmp], (%[cur])\n\t"
		"cmpl %k[room], %k[i]\n\t"
		"jb 5b\n\t"
		"movq %[cur], 8(%[slab],%[cls],8)"
		RSEQ_END
		: [slab] "=&r" (slab), [cur] "=&r" (cur), [tmp] "=&r" (tmp),
		  [i] "=&r" (i), [room] "=&r" (room)
		: [off] "r" (off), [tbl] "r" (tbl), [cls] "r" (cls),
		  [objs] "r" (objs), [n] "r" (n)
		: "memory", "cc"
		: miss);
	return i;
miss:
	return 0;
}

/**
 * rseq_detach - take this CPU's slab for exclusive use
 * @off: percpu_hot.rseq_off
 * @tbl: percpu_hot.slab
 * @none: percpu_none, in place of a slab
 * @busy: percpu_busy, left in its place
 * @cpu: set to the CPU whose slab it was
 *
 * No sequence is under way on the slab when this returns: those of this CPU
 * were preempted, so they restart; others do not use it.
 *
 * Return: the slab, or NULL if this CPU has none or another thread took it.
 */
static inline void *rseq_detach(uintptr_t off, void *tbl, void *none,
				void *busy, long *cpu)
{
	uintptr_t slab, nr;

	__asm__ goto volatile(
		RSEQ_BEGIN
		"movslq %%fs:4(%[off]), %[nr]\n\t"
		"movq (%[tbl],%[nr],8), %[slab]\n\t"
		"cmpq %[none], %[slab]\n\t"
		"je %l[miss]\n\t"
		"cmpq %[busy], %[slab]\n\t"
		"je %l[miss]\n\t"
		"movq %[busy], (%[tbl],%[nr],8)"
		RSEQ_END
		: [slab] "=&r" (slab), [nr] "=&r" (nr)
		: [off] "r" (off), [tbl] "r" (tbl), [none] "r" (none),
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
	int cpu;

	__asm__ volatile("movl %%fs:4(%1), %0" : "=r" (cpu) : "r" (off));
	return cpu;
}

/* This thread's concurrency id, where the kernel maintains it. */
static inline unsigned int rseq_mm_cid(uintptr_t off)
{
	unsigned int cid;

	__asm__ volatile("movl %%fs:24(%1), %0" : "=r" (cid) : "r" (off));
	return cid;
}

#endif /* SHIM_RSEQ_X86_64_H */
