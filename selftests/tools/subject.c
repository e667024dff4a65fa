// SPDX-License-Identifier: GPL-2.0-only
/*
 * subject: allocates what is said below, says how much that is, and waits for
 * the end of its standard input.
 *
 *   mix	40,000 objects of 100 bytes, as many more of them freed in between;
 *		5,000 of 1,000; 100 of 300,000, all of it written to
 *   quick	the same, but ends without waiting
 *   grow	6,000 objects grown by doubling to 8,192 bytes, 6,000 grown by 100 at
 *		a time to 6,000, 6,000 cut from 20,000 to 3,000
 *   touch	the same, then reads every page of the first 20 large objects again
 *		and again
 *   busy	the mix, then allocates and frees objects of 100 bytes all the time
 *   leak	50 lost objects of 333 bytes; a lost list of 20 of 64; a list of
 *		1,000 of 64 that a variable holds, an object of 5,000 bytes that a
 *		thread's stack holds
 *   leaks	the same, but ends without waiting
 *   forks	the mix, then a child that writes to the small objects
 *   calls	the leak; sleeps, waits and allocates in turn, a second thread
 *		allocates all the time; ends with 9 if a call was interrupted, if
 *		there is a child, or if an object was given out twice
 *   swing	large objects, 20 MB of them allocated and freed three times, one
 *		stays
 *   spike	the mix, then frees all of it and ends
 *   filter	the leak, below a seccomp filter that allows everything
 *   wave FILE	allocates 40 MiB of small objects, waits until a recording has
 *		two lines more, frees nine in ten; all that twice
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lines.h"

#define SMALL	40000
#define MIDDLE	5000
#define LARGE	100
#define GROWN	6000

/* Where the objects are kept: never freed, always reachable. */
static void *keep[SMALL + MIDDLE + LARGE + 3 * GROWN];
static unsigned long nkeep, asked, usable;

static void *fill(void *p, size_t size)
{
	if (!p)
		abort();
	return memset(p, 1, size);
}

static void hold(void *p, size_t size)
{
	keep[nkeep++] = p;
	asked += size;
	usable += malloc_usable_size(p);
}

/* Neither inlined nor merged with another function of the same body. */
#define SITE __attribute__((noinline, noipa))

SITE static void *site_small(void)
{
	return fill(malloc(100), 100);
}

SITE static void *site_middle(void)
{
	return fill(malloc(1000), 1000);
}

SITE static void *site_large(void)
{
	return fill(malloc(300000), 300000);
}

SITE static void *site_churn(void)
{
	return fill(malloc(100), 100);
}

SITE static void mix(void)
{
	int i;

	for (i = 0; i < SMALL; i++) {
		hold(site_small(), 100);
		free(site_churn());
	}
	for (i = 0; i < MIDDLE; i++)
		hold(site_middle(), 1000);
	for (i = 0; i < LARGE; i++)
		hold(site_large(), 300000);
}

static void *grown(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		abort();
	return p;
}

SITE static void *site_doubles(void)
{
	void *p = NULL;
	size_t size;

	for (size = 16; size <= 8192; size *= 2)
		p = grown(p, size);
	return p;
}

SITE static void *site_steps(void)
{
	void *p = NULL;
	size_t size;

	for (size = 100; size <= 6000; size += 100)
		p = grown(p, size);
	return p;
}

SITE static void *site_cuts(void)
{
	return grown(grown(NULL, 20000), 3000);
}

SITE static void grow(void)
{
	int i;

	for (i = 0; i < GROWN; i++) {
		hold(site_doubles(), 8192);
		hold(site_steps(), 6000);
		hold(site_cuts(), 3000);
	}
}

static void touch(void)
{
	struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };
	volatile char sum = 0;
	int i, k;

	while (!poll(&end, 1, 1)) {
		void *p;

		for (i = 0; i < 20; i++)
			for (k = 0; k < 300000; k += 4096)
				sum += ((char *)keep[SMALL + MIDDLE + i])[k];
		/*
		 * An emulated processor's TLB drops nothing by itself: unmap
		 * enough for the kernel to flush it.
		 */
		p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (p != MAP_FAILED)
			munmap(p, 1 << 20);
	}
}

SITE static void busy(void)
{
	struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };
	int i;

	while (!poll(&end, 1, 0))
		for (i = 0; i < 1000; i++)
			free(site_churn());
}

struct node {
	struct node *next;
	char pad[56];
};

static struct node *volatile held;

SITE static struct node *site_list(int n)
{
	struct node *head = NULL;

	while (n--) {
		struct node *one = fill(malloc(sizeof(*one)), sizeof(*one));

		one->next = head;
		head = one;
	}
	return head;
}

SITE static void *site_lost(void)
{
	return fill(malloc(333), 333);
}

SITE static void leak(void)
{
	int i;

	for (i = 0; i < 50; i++)
		site_lost();
	held = site_list(1000);
	site_list(20);
}

/*
 * Overwrite what calls left on the stack, which is no pointer of the program's.
 */
SITE static void stack_wipe(void)
{
	volatile char old[16384];
	size_t i;

	for (i = 0; i < sizeof(old); i++)
		old[i] = 0;
}

static void *hold_one(void *arg)
{
	char *mine = fill(malloc(5000), 5000);

	sem_post(arg);
	pause();
	return mine;
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	signals++;
}

/* Objects that nobody else writes to. */
static bool allocs_hold(unsigned char mark)
{
	static const size_t sizes[] = { 32, 100, 1000 };
	unsigned char *p[96];
	bool good = true;
	size_t i, k;

	for (i = 0; i < 96; i++) {
		p[i] = malloc(sizes[i % 3]);
		if (!p[i])
			abort();
		memset(p[i], mark, sizes[i % 3]);
	}
	for (i = 0; i < 96; i++) {
		for (k = 0; k < sizes[i % 3]; k++)
			good &= p[i][k] == mark;
		free(p[i]);
	}
	return good;
}

static void *allocate(void *arg)
{
	while (allocs_hold(2))
		;
	_exit(9);
}

/* A call that nobody interrupted returns what it should. */
static int calls(void)
{
	const struct timespec brief = { .tv_nsec = 5000000 };
	struct pollfd end = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec until;
	pthread_t thread;
	sigset_t none;
	sem_t never;
	int i;

	signal(SIGCHLD, on_signal);
	sigemptyset(&none);
	sem_init(&never, 0, 0);
	if (pthread_create(&thread, NULL, allocate, NULL))
		return 2;
	while (!poll(&end, 1, 5)) {
		if (nanosleep(&brief, NULL))
			return 9;
		if (ppoll(NULL, 0, &brief, &none))
			return 9;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec = (until.tv_nsec + 5000000) % 1000000000;
		if (!sem_timedwait(&never, &until) || errno != ETIMEDOUT)
			return 9;
		if (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || signals)
			return 9;
		for (i = 0; i < 1000; i++)
			if (!allocs_hold(1))
				return 9;
	}
	return signals ? 9 : 0;
}

static void swing(void)
{
	void *p[80];
	int i, k;

	hold(site_large(), 300000);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < 80; i++)
			p[i] = site_large();
		for (i = 0; i < 80; i++)
			free(p[i]);
	}
}

/* A filter that allows everything, but exists. */
static void filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { 1, &allow };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		abort();
}

static void child_write(void)
{
	pid_t pid = fork();
	int i;

	if (!pid) {
		for (i = 0; i < SMALL + MIDDLE + LARGE; i++)
			memset(keep[i], 2, 100);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void wave(const char *recording)
{
	static void *small[40000];
	int round, i;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 40000; i++) {
			free(small[i]);
			small[i] = fill(malloc(1000), 1000);
			if (i % 4000 == 0)
				usleep(20000);
		}
		/* one of two lines is a sample that began after this */
		lines_come(recording, 2);
		for (i = 0; i < 40000; i++) {
			if (i % 10 == 0)
				continue;
			free(small[i]);
			small[i] = NULL;
		}
		usleep(100000);
	}
}

/*
 * The moments at which a tool may attach: before the first allocation, during
 * it, around a fork and an exec, at the end.
 */
static int brief(const char *self, long us, bool again)
{
	int i;

	usleep((useconds_t)us);
	for (i = 0; i < MIDDLE; i++)
		keep[i] = fill(malloc(1000), 1000);
	for (i = 0; i < MIDDLE; i++)
		free(keep[i]);
	if (again) {
		pid_t pid = fork();

		if (!pid) {
			keep[0] = malloc((size_t)us + 1);
			free(keep[0]);
			_exit(3);
		}
		waitpid(pid, &i, 0);
		if (!WIFEXITED(i) || WEXITSTATUS(i) != 3)
			return 4;
		execl(self, "subject", "brief", "0", (char *)NULL);
		return 2;
	}
	return 3;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "mix";
	pthread_t thread;
	sem_t there;
	char c;

	if (!strcmp(mode, "brief"))
		return brief("/proc/self/exe", atol(argv[2]), argc > 3);
	if (!strncmp(mode, "leak", 4) || !strcmp(mode, "calls") ||
	    !strcmp(mode, "filter")) {
		leak();
		stack_wipe();
		if (!strcmp(mode, "filter"))
			filter();
		if (!strcmp(mode, "leaks"))
			return 3;
		sem_init(&there, 0, 0);
		if (pthread_create(&thread, NULL, hold_one, &there))
			return 2;
		sem_wait(&there);
	} else if (!strcmp(mode, "swing")) {
		swing();
	} else if (!strcmp(mode, "grow")) {
		grow();
	} else if (strcmp(mode, "wave")) {
		mix();
	} else {
		wave(argc > 2 ? argv[2] : "");
		return 3;
	}
	if (!strcmp(mode, "forks")) {
		child_write();
		return 0;
	}
	printf("ready %lu %lu %lu\n", asked, usable, nkeep);
	fflush(stdout);
	if (!strcmp(mode, "quick"))
		return 3;
	if (!strcmp(mode, "spike")) {
		while (nkeep)
			free(keep[--nkeep]);
		return 3;
	}
	if (!strcmp(mode, "calls"))
		return calls();
	if (!strcmp(mode, "touch"))
		touch();
	if (!strcmp(mode, "busy"))
		busy();
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
