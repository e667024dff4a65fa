// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_co: the measuring part of every peer.
 *
 * Memory is what the whole machine has less: MemFree, and page cache that came
 * or went meanwhile is taken out.  On a machine where others work, too, it is the
 * lowest of nothing; the process's own share (resident and page tables) is
 * printed beside it.  Time is CPU time of the process, the best of several
 * runs.  Instructions are counted by single steps.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_co.h"

#define ROUNDS	7
#define ROUND_NS	3e8	/* a round of what is slow has fewer turns */

static long field(const char *path, const char *key)
{
	FILE *f = fopen(path, "r");
	size_t len = strlen(key);
	char line[256];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':')
			kb = strtol(line + len + 1, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

/* KiB of memory that is free, or would be without the page cache. */
static long machine(void)
{
	return field("/proc/meminfo", "MemFree") +
	       field("/proc/meminfo", "Cached") +
	       field("/proc/meminfo", "Buffers");
}

static long own(void)
{
	return field("/proc/self/status", "VmRSS") +
	       field("/proc/self/status", "VmPTE");
}

static long mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	long n = 0;
	int c;

	while (f && (c = fgetc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void memory(long (*make)(long n), long n)
{
	long before, mine, got, after, maps;

	/*
	 * make one first: what the process needs once is not what each one
	 * needs
	 */
	make(100);
	before = machine();
	mine = own();
	maps = mappings();
	got = make(n);
	after = machine();
	printf("made %ld coroutines\n", got);
	if (!got)
		return;
	printf("memory %.0f bytes each (MemFree)\n",
	       (double)(before - after) * 1024 / (double)got);
	printf("own %.0f bytes each (resident and page tables)\n",
	       (double)(own() - mine) * 1024 / (double)got);
	printf("mappings %ld\n", mappings() - maps);
}

static void timed(const char *what, void (*fn)(long n), long n, int parts)
{
	double best = 0, t;
	int i;

	fn(n / 100);
	t = cpu_ns();
	fn(n / 100);
	t = cpu_ns() - t;
	if (t * 100 > ROUND_NS)
		n = (long)((double)n / 100 * (t < ROUND_NS ? ROUND_NS / t : 1));
	for (i = 0; i < ROUNDS; i++) {
		t = cpu_ns();
		fn(n);
		t = (cpu_ns() - t) / (double)n / parts;
		if (!i || t < best)
			best = t;
	}
	printf("%s %.1f ns\n", what, best);
}

/* Steps of @fn(@n) by a child that is traced. */
static long steps(void (*fn)(long n), long n)
{
	long count = 0;
	int status;
	pid_t pid = fork();

	if (!pid) {
		fn(1000);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		fn(n);
		__asm__ volatile("int3");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	for (;;) {
		siginfo_t info;

		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			errx(1, "the traced copy is gone");
		if (!ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) &&
		    info.si_code == SI_KERNEL)
			break;		/* int3, not a step */
		count++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return count;
}

static void count_steps(const struct peer *peer)
{
	/* differences: what is around the loop falls out */
	printf("switch %.1f instructions\n",
	       (double)(steps(peer->pingpong, 300) -
			steps(peer->pingpong, 100)) / 200 / 2);
	printf("create %.1f instructions\n",
	       (double)(steps(peer->create, 300) -
			steps(peer->create, 100)) / 200);
}

int peer_main(const struct peer *peer, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? strtol(argv[2], NULL, 0) : 1000000;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "memory")) {
		memory(peer->suspend, n);
	} else if (!strcmp(what, "parked") && peer->park) {
		memory(peer->park, n);
	} else if (!strcmp(what, "switch")) {
		timed("switch", peer->pingpong, 5000000, 2);
	} else if (!strcmp(what, "create")) {
		timed("create", peer->create, 1000000, 1);
	} else if (!strcmp(what, "steps")) {
		count_steps(peer);
	} else {
		fprintf(stderr, "Usage: %s memory|parked|switch|create|steps [N]\n",
			argv[0]);
		return 2;
	}
	/* end without taking a million of them down one by one */
	_exit(0);
}
