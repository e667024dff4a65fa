// SPDX-License-Identifier: GPL-2.0-only
/*
 * pair: how many instructions a malloc() and the free() after it take.
 *
 * The program starts itself again under each allocator and executes that copy
 * one instruction at a time (ptrace), so it needs no performance counter and
 * counts the same on every run.  Counted is everything from the call of malloc
 * to the return of free, both calls and both returns included; the loop around
 * them is not.
 *
 * A restartable sequence would restart for ever when every instruction enters
 * the kernel: before each step the pointer to the sequence is cleared in the
 * copy, which has one thread, so that the kernel lets it pass as it would if
 * nothing interrupted it.
 */
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"

#define PAIR_WARM	200000	/* pairs before counting: caches are settled */
#define PAIR_COUNT	250	/* pairs counted */
#define PAIR_STEPS	2000000u	/* after these, fewer: a minute */
#define PAIR_CALL	0x15ff	/* first two bytes of call *offset(%rip) */

static const size_t pair_sizes[] = {
	16, 64, 1024, 32768, 65536, 262144
};

#define PAIR_SIZES	(sizeof(pair_sizes) / sizeof(pair_sizes[0]))

/* The loop has a section of its own: what is outside belongs to malloc. */
#define PAIR_LOOP	__attribute__((noinline, section("pairloop")))
extern char __start_pairloop[], __stop_pairloop[];

PAIR_LOOP static void pair_loop(size_t n, size_t size)
{
	while (n--)
		free(malloc(size));
}

/* The copy: says where the loop is in RAX and RDX of a first trap. */
static int pair_child(size_t size, const char *path)
{
	Dl_info info;
	void *fn = dlsym(RTLD_DEFAULT, "malloc");

	if (!fn || !dladdr(fn, &info) || !alloc_is_file(info.dli_fname, path))
		errx(1, "malloc does not come from %s", path);
	pair_loop(PAIR_WARM, size);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		err(1, "ptrace");
	__asm__ volatile("int3" : : "a"(__start_pairloop),
			 "d"(__stop_pairloop) : "memory");
	pair_loop(PAIR_COUNT, size);
	__asm__ volatile("int3" : : : "memory");
	return 0;
}

/**
 * struct pair_count - instructions of PAIR_COUNT pairs
 * @n: pairs seen so far
 * @pair: instructions of each
 */
struct pair_count {
	unsigned int n;
	uint32_t pair[PAIR_COUNT];
};

/* where the kernel looks for a restartable sequence, 0 if nowhere */
static uintptr_t pair_rseq(pid_t pid)
{
	struct __ptrace_rseq_configuration conf;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof(conf), &conf) !=
	    sizeof(conf) || !conf.rseq_abi_pointer)
		return 0;
	/* struct rseq: two 32-bit numbers of CPUs, then rseq_cs */
	return conf.rseq_abi_pointer + 8;
}

/* Execute one instruction; false if the copy did not stop after it. */
static bool pair_step(pid_t pid, uintptr_t rseq_cs)
{
	int status;

	if (rseq_cs && ptrace(PTRACE_PEEKDATA, pid, rseq_cs, NULL))
		ptrace(PTRACE_POKEDATA, pid, rseq_cs, 0);
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) ||
	    waitpid(pid, &status, 0) != pid)
		return false;
	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

/*
 * From the first trap of the copy to its second, or until PAIR_STEPS: an allocator
 * that maps and clears memory in each pair takes a step for each byte of it.
 */
static int pair_trace(pid_t pid, struct pair_count *count)
{
	struct user_regs_struct regs;
	uintptr_t start, stop, rseq_cs;
	uint32_t steps = 0, all = 0;
	unsigned int calls = 0;
	uint16_t code;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		return -errno;
	start = regs.rax;
	stop = regs.rdx;
	rseq_cs = pair_rseq(pid);
	count->n = 0;
	for (; all < PAIR_STEPS; all++) {
		if (regs.rip >= start && regs.rip < stop) {
			code = (uint16_t)ptrace(PTRACE_PEEKTEXT, pid, regs.rip,
						NULL);
			if (code == PAIR_CALL) {
				/* a pair is a call of malloc, one of free */
				steps++;
				calls++;
			} else if (calls && calls % 2 == 0 && steps) {
				if (count->n == PAIR_COUNT)
					return -EOVERFLOW;
				count->pair[count->n++] = steps;
				steps = 0;
			}
		} else if (calls) {
			if (count->n == PAIR_COUNT)
				return 0;
			steps++;
		}
		if (!pair_step(pid, rseq_cs) ||
		    ptrace(PTRACE_GETREGS, pid, NULL, &regs))
			return -ESRCH;
	}
	return count->n ? 0 : -ETIME;
}

static int pair_measure(const struct alloc *alloc, size_t size,
			struct pair_count *count)
{
	char **envp = alloc_environ(alloc), size_text[24];
	char *argv[] = {
		(char *)"pair", (char *)"--child", size_text, alloc->path, NULL
	};
	int status, error;
	pid_t pid;

	snprintf(size_text, sizeof(size_text), "%zu", size);
	pid = fork();
	if (!pid) {
		execve("/proc/self/exe", argv, envp);
		_exit(127);
	}
	alloc_environ_free(envp);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		return -ECHILD;
	error = pair_trace(pid, count);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return error;
}

static int pair_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int pair_row(const struct alloc *alloc, FILE *tsv)
{
	static struct pair_count count;
	int failed = 0, error;
	double sum;
	size_t i, k;

	printf("%-10s", alloc->name);
	for (i = 0; i < PAIR_SIZES; i++) {
		error = pair_measure(alloc, pair_sizes[i], &count);
		if (error) {
			printf(" %14s", "failed");
			fprintf(stderr, "%s: %s\n", alloc->name,
				strerror(-error));
			failed = 1;
			continue;
		}
		for (sum = 0, k = 0; k < count.n; k++)
			sum += count.pair[k];
		qsort(count.pair, count.n, sizeof(count.pair[0]), pair_compare);
		printf(" %5u (%6.1f)", count.pair[count.n / 2], sum / count.n);
		fprintf(tsv, "%s\t%zu\t%u\t%.2f\t%u\t%u\n", alloc->name,
			pair_sizes[i], count.pair[count.n / 2], sum / count.n,
			count.pair[0], count.pair[count.n - 1]);
	}
	printf("\n");
	return failed;
}

/* The library that malloc comes from when nothing is preloaded. */
static const char *pair_libc(void)
{
	static Dl_info info;

	if (!dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info))
		errx(1, "malloc is in no file");
	return info.dli_fname;
}

int main(int argc, char **argv)
{
	static struct alloc_set set;
	char self[PATH_MAX], shim[PATH_MAX + 32], path[PATH_MAX + 32], *out;
	int failed = 0, arg;
	ssize_t n;
	FILE *tsv;
	size_t i;

	if (argc == 4 && !strcmp(argv[1], "--child"))
		return pair_child((size_t)atol(argv[2]), argv[3]);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		err(1, "/proc/self/exe");
	self[n] = '\0';
	out = dirname(self);
	snprintf(shim, sizeof(shim), "%s/../libshim.so.0", out);
	alloc_set_add_known(&set, shim, pair_libc());
	for (arg = 1; arg < argc; arg++)
		if (alloc_set_add(&set, argv[arg], false))
			errx(2, "usage: pair [NAME=LIBRARY[,VAR=VALUE]]...");
	snprintf(path, sizeof(path), "%s/pair.tsv", out);
	tsv = fopen(path, "we");
	if (!tsv)
		err(1, "%s", path);
	fprintf(tsv, "allocator\tbytes\tmedian\tmean\tlow\thigh\n");
	printf("Instructions of malloc and free, calls included: median (mean of %d)\n%-10s",
	       PAIR_COUNT, "bytes");
	for (i = 0; i < PAIR_SIZES; i++)
		printf(" %14zu", pair_sizes[i]);
	printf("\n");
	for (i = 0; i < set.n; i++)
		failed |= pair_row(&set.alloc[i], tsv);
	if (fclose(tsv))
		err(1, "%s", path);
	return failed;
}
