// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * scavenger_thread: a thread made without libpthread.
 *
 * Keeps true: at most one such thread is on the stack, which is mapped once and
 * kept.  The kernel clears @alive when the thread has left it.
 *
 * Its user and group ids are the process's of the moment it was made: setuid()
 * of the C library does not know it.  It never opens, sends or executes
 * anything on anybody's behalf, and lives for seconds.
 *
 * Called by scavenger.c, which lets one caller in at a time.
 */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/lock.h"
#include "scavenger_thread.h"
#include "base/sys.h"

#define STACK_SIZE	((size_t)64 << 10)	/* 3 KiB of ranges and 40 calls */
#define GUARD_SIZE	((size_t)4 << 10)
#define TCB_SIZE	((size_t)1 << 10)

static uintptr_t stack;
static uint32_t alive;
static void (*body)(void);

#if defined(__x86_64__)

/* What compilers and debuggers expect at the thread pointer. */
struct tcb {
	void *self;		/* fs:0 */
	uintptr_t pad[4];
	uintptr_t canary;	/* fs:0x28, read by -fstack-protector */
};

static void tcb_make(struct tcb *tcb)
{
	memset(tcb, 0, sizeof(*tcb));
	tcb->self = tcb;
	__asm__("movq %%fs:0x28, %0" : "=r"(tcb->canary));
}

static void __attribute__((used)) thread_body(void)
{
	body();
}

/*
 * The child starts behind the system call with an empty stack; it must not
 * return into this function's frame.
 */
static long thread_clone(unsigned long flags, uintptr_t top, uint32_t *ctid,
			 struct tcb *tcb)
{
	register long r10 __asm__("r10") = (long)ctid;
	register long r8 __asm__("r8") = (long)tcb;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "call *%[fn]\n\t"
			 "movl %[exit], %%eax\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "syscall\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(flags), "S"(top), "d"(0L),
			   "r"(r10), "r"(r8), [fn]"b"(thread_body),
			   [exit]"i"(SYS_exit)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

static bool stack_get(void)
{
	long p;

	if (stack)
		return true;
	p = sys_mmap(0, STACK_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (sys_failed(p))
		return false;
	/* a failure leaves the stack without a guard, no more */
	sys_call3(SYS_mprotect, p, GUARD_SIZE, PROT_NONE);
	stack = (uintptr_t)p;
#ifdef SHIM_DEBUG
	shim_lock_debug_exempt(stack, stack + STACK_SIZE);
#endif
	return true;
}

bool scavenger_thread_start(void (*fn)(void))
{
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES |
				    CLONE_SIGHAND | CLONE_THREAD |
				    CLONE_SYSVSEM | CLONE_SETTLS |
				    CLONE_CHILD_CLEARTID;
	uint64_t all = ~0ULL, old;
	struct tcb *tcb;
	uintptr_t top;
	long tid;

	/* acquire: the kernel's store means that the stack is left */
	if (__atomic_load_n(&alive, __ATOMIC_ACQUIRE) || !stack_get())
		return false;
	top = stack + STACK_SIZE - TCB_SIZE;
	tcb = (struct tcb *)top;
	tcb_make(tcb);
	body = fn;
	__atomic_store_n(&alive, 1, __ATOMIC_RELAXED);
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&old,
		  sizeof(all), 0, 0);
	tid = thread_clone(flags, top, &alive, tcb);
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, sizeof(old),
		  0, 0);
	if (sys_failed(tid)) {
		__atomic_store_n(&alive, 0, __ATOMIC_RELAXED);
		return false;
	}
	return true;
}

#else /* no entry written for this processor: the caller's time */

bool scavenger_thread_start(void (*fn)(void))
{
	(void)fn;
	return false;
}

#endif

void scavenger_thread_forget(void)
{
	__atomic_store_n(&alive, 0, __ATOMIC_RELAXED);
}
