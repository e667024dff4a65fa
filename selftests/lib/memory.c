// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patterns in memory, and accesses that may raise a signal.  The handlers are
 * in place only for the one access, and the jump buffer is the process's: a
 * test calls byte_*_signal() from one thread at a time.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "arena.h"
#include "memory.h"
#include "process.h"
#include "report.h"

#define PAGE_WORDS	(OS_PAGE / sizeof(__u32))

static sigjmp_buf access_env;

static __u32 page_word(unsigned int seed, const void *p)
{
	return (seed * 2654435761U) ^ (__u32)((unsigned long)p / OS_PAGE) ^
	       0x5a000000U;
}

void pages_fill(void *p, size_t len, unsigned int seed)
{
	__u32 *w = p;
	size_t page;

	for (page = 0; page < len / OS_PAGE; page++, w += PAGE_WORDS) {
		__u32 v = page_word(seed, w);

		__atomic_store_n(&w[0], v, __ATOMIC_RELAXED);
		__atomic_store_n(&w[PAGE_WORDS / 2], v, __ATOMIC_RELAXED);
		__atomic_store_n(&w[PAGE_WORDS - 1], v, __ATOMIC_RELAXED);
	}
}

size_t pages_wrong(const void *p, size_t len, unsigned int seed)
{
	const __u32 *w = p;
	size_t page, wrong = 0;

	for (page = 0; page < len / OS_PAGE; page++, w += PAGE_WORDS) {
		__u32 v = page_word(seed, w);

		wrong += __atomic_load_n(&w[0], __ATOMIC_RELAXED) != v ||
			 __atomic_load_n(&w[PAGE_WORDS / 2],
					 __ATOMIC_RELAXED) != v ||
			 __atomic_load_n(&w[PAGE_WORDS - 1],
					 __ATOMIC_RELAXED) != v;
	}
	return wrong;
}

size_t bytes_other(const void *p, size_t len, unsigned char value)
{
	const unsigned char *c = p;
	size_t i, other = 0;

	/* The usual case at memcmp's speed: everything equals the first. */
	if (len && c[0] == value && !memcmp(c, c + 1, len - 1))
		return 0;
	for (i = 0; i < len; i++)
		other += c[i] != value;
	return other;
}

static void access_handler(int sig)
{
	siglongjmp(access_env, sig);
}

static void access_catch(struct sigaction old[2])
{
	struct sigaction sa = { .sa_handler = access_handler };

	sigaction(SIGBUS, &sa, &old[0]);
	sigaction(SIGSEGV, &sa, &old[1]);
}

static void access_end(struct sigaction old[2])
{
	sigaction(SIGBUS, &old[0], NULL);
	sigaction(SIGSEGV, &old[1], NULL);
}

int byte_read_signal(const void *p)
{
	struct sigaction old[2];
	int sig;

	access_catch(old);
	sig = sigsetjmp(access_env, 1);
	if (!sig)
		(void)byte_read(p);
	access_end(old);
	return sig;
}

int byte_write_signal(void *p, char value)
{
	struct sigaction old[2];
	int sig;

	access_catch(old);
	sig = sigsetjmp(access_env, 1);
	if (!sig)
		byte_write(p, value);
	access_end(old);
	return sig;
}

int memory_eat(void *mb)
{
	size_t len = *(long long *)mb * MIB;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	file_write("/proc/self/oom_score_adj", "1000");
	/* most of it at once: page by page takes minutes on a debug kernel */
	(void)!madvise(p, len, MADV_HUGEPAGE);
	for (size_t i = 0; i < len; i += OS_PAGE)
		byte_write(p + i, 1);
	return 0;
}

/* Killed after memory_eat(), and before anybody else. */
static int memory_spare(void *unused)
{
	(void)unused;
	if (file_write("/proc/self/oom_score_adj", "999"))
		return 1;
	for (;;)
		pause();
}

int memory_spares_start(pid_t spares[MEMORY_SPARES])
{
	int i, bad = 0;

	for (i = 0; i < MEMORY_SPARES; i++) {
		spares[i] = child_start(memory_spare, NULL);
		bad |= spares[i] < 0;
	}
	return bad ? -1 : 0;
}

void memory_spares_end(pid_t spares[MEMORY_SPARES])
{
	int i;

	for (i = 0; i < MEMORY_SPARES; i++)
		if (spares[i] > 0) {
			kill(spares[i], SIGKILL);
			child_wait(spares[i]);
		}
}
