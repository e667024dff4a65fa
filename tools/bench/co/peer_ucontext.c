// SPDX-License-Identifier: GPL-2.0-only
/* peer_ucontext: glibc's swapcontext() on mmap()ed stacks with a guard page each. */
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "bench_co.h"

#define STACK	65536
#define PAGE	4096

struct co {
	ucontext_t me;
	ucontext_t caller;
};

static void loops(unsigned int low, unsigned int high)
{
	struct co *co = (struct co *)((unsigned long)high << 32 | low);

	for (;;)
		swapcontext(&co->me, &co->caller);
}

static void ends(void)
{
}

static void *stack_new(void)
{
	char *p = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED || mprotect(p, PAGE, PROT_NONE))
		return NULL;
	return p;
}

static struct co *co_new(void (*fn)(void))
{
	struct co *volatile co = malloc(sizeof(*co));
	void *stack = stack_new();

	if (!stack)
		return NULL;
	getcontext(&co->me);
	co->me.uc_stack.ss_sp = stack;
	co->me.uc_stack.ss_size = STACK;
	co->me.uc_link = &co->caller;
	makecontext(&co->me, fn, 2, (unsigned int)(unsigned long)co,
		    (unsigned int)((unsigned long)co >> 32));
	return co;
}

static long suspend(long n)
{
	struct co *co;
	long i;

	for (i = 0; i < n; i++) {
		co = co_new((void (*)(void))loops);
		if (!co)
			break;
		swapcontext(&co->caller, &co->me);
	}
	return i;
}

static void pingpong(long n)
{
	static struct co *co;

	if (!co)
		co = co_new((void (*)(void))loops);
	while (n--)
		swapcontext(&co->caller, &co->me);
}

static void create(long n)
{
	struct co *co;

	while (n--) {
		co = co_new(ends);
		swapcontext(&co->caller, &co->me);
		munmap(co->me.uc_stack.ss_sp, STACK);
		free(co);
	}
}

int main(int argc, char **argv)
{
	static const struct peer peer = { suspend, NULL, pingpong, create };

	return peer_main(&peer, argc, argv);
}
