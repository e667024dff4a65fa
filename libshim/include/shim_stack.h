/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_stack.h: guarded stacks for coroutines, fibers and threads.
 *
 * A stack is a slot of 2^order bytes of address space.  Memory comes by page
 * fault as the stack grows, up to the slot's size; the address never changes, so
 * pointers into the stack stay right.  The lowest page of a slot is its guard:
 * what runs into it is reported with the stack's name, and dies by SIGSEGV
 * unless the program has a handler of its own.
 *
 * Where guards come from, the first that works: the module's pages arena,
 * which has them without a mapping each; MADV_GUARD_INSTALL (Linux 6.13), which
 * has, too; mprotect(), for as many stacks as half of vm.max_map_count allows;
 * none.  Stacks without a guard are counted, and the first is reported on
 * standard error.
 *
 * Link with -lshim-co.  Any malloc may be underneath: none of these calls it.
 * Every function may be called from any thread, none from a signal handler.
 */
#ifndef SHIM_STACK_H
#define SHIM_STACK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 16 KiB: a guard page and three for the program.  1 GiB: recursion's friend. */
#define SHIM_STACK_ORDER_MIN	14
#define SHIM_STACK_ORDER_MAX	30
/* 64 KiB */
#define SHIM_STACK_ORDER	16

/**
 * shim_stack_order - the smallest order that has room
 * @bytes: what the stack must hold
 *
 * Return: the order, or 0 with errno EINVAL if none has so much room.
 */
unsigned int shim_stack_order(size_t bytes);

/**
 * shim_stack_get - take a stack
 * @order: log2 of the slot's bytes, SHIM_STACK_ORDER_MIN to _MAX
 *
 * The contents are undefined: of a former user, or zero.  A thread's first call
 * also gives the thread a signal stack if it has none, for reports.
 *
 * Return: the lowest usable byte, a page boundary, or NULL with errno EINVAL
 * (no such order) or ENOMEM (no address space, or memory for the books).
 */
void *shim_stack_get(unsigned int order);

/**
 * shim_stack_put - give a stack back
 * @stack: from shim_stack_get(), or NULL; nobody runs on it any more
 *
 * Some stacks stay with the thread as they are, more stay with one page each,
 * the rest give all their memory back.  Anything else than a stack in use is
 * reported and aborts.
 */
void shim_stack_put(void *stack);

/**
 * shim_stack_size - usable bytes
 * @stack: from shim_stack_get()
 *
 * Return: bytes from @stack to the top; the guard is below @stack.
 */
size_t shim_stack_size(const void *stack);

/**
 * shim_stack_top - where the stack pointer begins
 * @stack: from shim_stack_get()
 */
static inline void *shim_stack_top(void *stack)
{
	return (char *)stack + shim_stack_size(stack);
}

/**
 * shim_stack_used - how deep the stack has been
 * @stack: from shim_stack_get()
 *
 * Return: bytes from the lowest page that has memory to the top.  A reused
 * stack may still have the memory of its former user.
 */
size_t shim_stack_used(const void *stack);

/**
 * shim_stack_trim - give memory below the stack pointer back
 * @stack: from shim_stack_get()
 * @sp: the stack pointer of who is parked on it
 *
 * Does nothing while a quarter or more of the stack's memory is in use; else
 * leaves half of it, or what is in use if that is more.
 *
 * Return: bytes given back.
 */
size_t shim_stack_trim(void *stack, const void *sp);

/**
 * shim_stack_name - what to call the stack in reports
 * @stack: from shim_stack_get()
 * @name: a string that outlives the stack's use, or NULL
 */
void shim_stack_name(void *stack, const char *name);

/**
 * shim_stack_thread - have overflows in this thread reported
 *
 * For threads that run on stacks which another thread took: gives the thread a
 * signal stack if it has none.
 *
 * Return: 0, or -1 with errno ENOMEM.
 */
int shim_stack_thread(void);

/**
 * shim_stack_shrink - give all memory of stacks that nobody uses back
 *
 * For moments of memory pressure.  Stacks in other threads' caches stay.
 *
 * Return: number of stacks whose memory was given back.
 */
size_t shim_stack_shrink(void);

/* How stacks are guarded. */
enum shim_stack_guard {
	SHIM_STACK_GUARD_ARENA,		/* by the module */
	SHIM_STACK_GUARD_MADVISE,	/* MADV_GUARD_INSTALL */
	SHIM_STACK_GUARD_MPROTECT,	/* a mapping each */
	SHIM_STACK_GUARD_NONE,
	SHIM_STACK_GUARDS
};

/**
 * struct shim_stack_stat - all stacks of the process in numbers
 * @stacks: ever made; they are reused, never unmade
 * @used: in use now
 * @cached: in threads' caches, memory and all
 * @warm: free, with a page each
 * @cold: free, without memory
 * @guarded: of @stacks, by enum shim_stack_guard
 * @areas: mappings that hold them
 * @reserved: bytes of address space
 * @released: bytes given back to the kernel, as far as asked for
 * @trims: stacks that shim_stack_trim() shortened
 * @overflows: reported
 *
 * @used and @cached are exact while no other thread takes or gives stacks.
 */
struct shim_stack_stat {
	uint64_t stacks;
	uint64_t used;
	uint64_t cached;
	uint64_t warm;
	uint64_t cold;
	uint64_t guarded[SHIM_STACK_GUARDS];
	uint64_t areas;
	uint64_t reserved;
	uint64_t released;
	uint64_t trims;
	uint64_t overflows;
};

/**
 * shim_stack_get_stat - take the numbers
 * @st: filled in
 */
void shim_stack_get_stat(struct shim_stack_stat *st);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_STACK_H */
