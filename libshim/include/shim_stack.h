/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_stack.h: guarded stacks for coroutines, fibers and threads.
 *
 * A stack is a slot of 2^order bytes of address space.  Memory comes by page
 * fault as the stack grows, up to the slot's size; the address never changes,
 * so pointers into the stack stay valid.  The lowest page of a slot is its
 * guard: an overflow into it is reported with the stack's name, and kills the
 * process with SIGSEGV unless the program has a handler.
 *
 * Guards are made in the first of these ways that works: by the module's pages
 * arena or by MADV_GUARD_INSTALL (Linux 6.13), which need no mapping for each;
 * by mprotect(), for as many stacks as half of vm.max_map_count allows; not at
 * all.  Stacks without a guard are counted, and the first is reported on
 * standard error.
 *
 * Link with -lshim-co.  Works with any malloc(), since none of these functions
 * calls it.  Every function may be called from any thread, none from a signal
 * handler.
 */
#ifndef SHIM_STACK_H
#define SHIM_STACK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 16 KiB: a guard page and three for the program. 1 GiB: for deep recursion. */
#define SHIM_STACK_ORDER_MIN	14
#define SHIM_STACK_ORDER_MAX	30
/* 64 KiB */
#define SHIM_STACK_ORDER	16

/**
 * shim_stack_order - the smallest order with enough room
 * @bytes: what the stack must hold
 *
 * Return: the order, or 0 with errno EINVAL if none has that much.
 */
unsigned int shim_stack_order(size_t bytes);

/**
 * shim_stack_get - take a stack
 * @order: log2 of the slot's bytes, SHIM_STACK_ORDER_MIN to _MAX
 *
 * The contents are undefined: those of a former user, or zero.  A thread's
 * first call also gives the thread a signal stack, for reports, if it has none.
 *
 * Return: the lowest usable byte, a page boundary, or NULL with errno EINVAL
 * (no such order) or ENOMEM (no address space, or no memory for the records).
 */
void *shim_stack_get(unsigned int order);

/**
 * shim_stack_put - give a stack back
 * @stack: from shim_stack_get(), no longer in use; or NULL
 *
 * Some stacks stay with the thread as they are, some more stay with one page
 * each, and the rest give all of their memory back.  Anything but a stack in
 * use is reported, and the process aborts.
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
 * @sp: the stack pointer of the code that is suspended on it
 *
 * Does nothing while a quarter or more of the stack's memory is in use.
 * Otherwise keeps half of it, or the part in use if that is more.
 *
 * Return: bytes given back.
 */
size_t shim_stack_trim(void *stack, const void *sp);

/**
 * shim_stack_name - set the name of a stack for reports
 * @stack: from shim_stack_get()
 * @name: a string that outlives the stack's use, or NULL
 */
void shim_stack_name(void *stack, const char *name);

/**
 * shim_stack_thread - have overflows in this thread reported
 *
 * For threads that run on stacks taken by another thread: gives the calling
 * thread a signal stack if it has none.
 *
 * Return: 0, or -1 with errno ENOMEM.
 */
int shim_stack_thread(void);

/**
 * shim_stack_shrink - give back all memory of unused stacks
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
	SHIM_STACK_GUARD_MPROTECT,	/* one mapping for each */
	SHIM_STACK_GUARD_NONE,
	SHIM_STACK_GUARDS
};

/**
 * struct shim_stack_stat - all stacks of the process in numbers
 * @stacks: ever made; they are reused, never destroyed
 * @used: in use now
 * @cached: in caches of threads, with their memory
 * @warm: free, with a page each
 * @cold: free, without memory
 * @guarded: of @stacks, by enum shim_stack_guard
 * @areas: mappings in which they lie
 * @reserved: bytes of address space
 * @released: bytes that the kernel was asked to take back
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
