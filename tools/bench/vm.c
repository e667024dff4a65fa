// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm: what memory costs in instructions, the module against its peers.
 *
 * With arguments only those sections: touch, fork, unmap, heap, work.
 *
 * Meant for a virtual machine with one CPU whose clock counts instructions
 * (selftests/vm/run --icount), where every figure is the same on every run; on
 * real hardware the same rows come out in nanoseconds.  Prints a line a row:
 * name, kernel, ours, peer, ratio (below 1: the module is cheaper).
 *
 * A figure is the median of several; a first touch counts only if the module
 * says that it came from where the row claims.  Workloads count by CPU time.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "region.h"
#include "rows/rand.h"
#include "vm.h"

#define VM_TOUCHES	16		/* blocks first touched for one figure */
#define VM_SKIP		4		/* of them the first: worker and caches */
#define VM_FORK_BYTES	((size_t)128 << 20)
#define VM_FORKS	9
#define VM_WRITES	16
#define VM_UNMAP_BYTES	((size_t)1 << 30)
#define VM_POOL_MB	256
#define VM_WAIT_MS	20000
#define VM_PARAM	"/sys/module/hugearena/parameters/"

static const char *const vm_source_name[VM_SOURCES] = {
	"reserve", "pool", "demand",
};

static struct utsname vm_kernel;
static int vm_missing;		/* figures of the module that are not there */

static double vm_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

double vm_now(void)
{
	return vm_clock(CLOCK_MONOTONIC);
}

double vm_cpu(void)
{
	return vm_clock(CLOCK_THREAD_CPUTIME_ID);
}

void vm_sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
			       .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

void vm_sample_add(struct vm_sample *sample, double value)
{
	if (sample->n < VM_SAMPLES)
		sample->value[sample->n++] = value;
}

static int vm_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double vm_sample_median(struct vm_sample *sample)
{
	if (!sample->n)
		return NAN;
	qsort(sample->value, sample->n, sizeof(sample->value[0]), vm_compare);
	return sample->value[sample->n / 2];
}

void vm_print(const char *what, const char *ours_name, double ours,
	      const char *peer_name, double peer)
{
	/* a peer may be missing, hugetlb say; the module may not */
	if (isnan(ours)) {
		warnx("%s: %s: no figure", what, ours_name);
		vm_missing = 1;
		return;
	}
	if (isnan(peer))
		return;
	printf("%s: %s vs %s\t%s\t%.1f\t%.1f\t%.4f\n", what, ours_name,
	       peer_name, vm_kernel.release, ours, peer, ours / peer);
	fflush(stdout);
}

/* false without such a parameter, or without the right to set it */
static bool vm_param_set(const char *name, unsigned int value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), VM_PARAM "%s", name);
	file = fopen(path, "we");
	if (!file)
		return false;
	fprintf(file, "%u\n", value);
	return !fclose(file);
}

/* zeroed blocks in the pool of all nodes */
static unsigned int vm_pool_clean(void)
{
	FILE *file = fopen("/proc/hugearena/pool", "re");
	unsigned int clean = 0, n;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*u %u", &n) == 1)
			clean += n;
	fclose(file);
	return clean;
}

bool vm_source_choose(enum vm_source source)
{
	unsigned int blocks = source == VM_POOL ? VM_POOL_MB / 2 : 0;
	unsigned int waited;

	if (!vm_param_set("reserve_max", source == VM_RESERVE ? 8 : 0) ||
	    !vm_param_set("pool_target_mb", blocks * 2))
		return false;
	for (waited = 0; waited < VM_WAIT_MS; waited += 10) {
		if (blocks ? vm_pool_clean() >= blocks : !vm_pool_clean())
			return true;
		vm_sleep_ms(10);
	}
	return false;
}

/* faults served by a source so far; 0 for anonymous memory */
static uint64_t vm_source_count(const struct region *region,
				enum vm_source source)
{
	struct hugearena_stat stat;

	if (region->fd < 0 ||
	    ioctl(region->fd, HUGEARENA_IOC_STAT, &stat))
		return 0;
	switch (source) {
	case VM_RESERVE:
		return stat.fault_reserve;
	case VM_POOL:
		return stat.fault_pool;
	default:
		return stat.fault_demand;
	}
}

static double vm_block_write(char *block)
{
	double start = vm_now();
	size_t at;

	for (at = 0; at < REGION_BLOCK; at += REGION_PAGE)
		*(volatile char *)(block + at) = 1;
	return vm_now() - start;
}

/*
 * First touch of 2 MiB, all of its 4 KiB pages written; what the same writes
 * cost once the memory is there is taken off.
 */
static double vm_first_touch(enum region_kind kind, enum vm_source source)
{
	struct vm_sample sample = { .n = 0 };
	struct region region;
	uint64_t before;
	double cold;
	char *block;
	int i;

	if (kind == REGION_MODULE && !vm_source_choose(source))
		return NAN;
	if (region_open(&region, kind, VM_TOUCHES * REGION_BLOCK))
		return NAN;
	for (i = 0; i < VM_TOUCHES; i++) {
		block = region.base + (size_t)i * REGION_BLOCK;
		if (source == VM_RESERVE)
			vm_sleep_ms(20);	/* the worker's turn */
		before = vm_source_count(&region, source);
		cold = vm_block_write(block);
		if (i < VM_SKIP || (kind == REGION_MODULE &&
				    vm_source_count(&region, source) == before))
			continue;
		vm_sample_add(&sample, cold - vm_block_write(block));
	}
	region_close(&region);
	return vm_sample_median(&sample);
}

static void vm_first_touches(void)
{
	static const enum region_kind peers[] = {
		REGION_HUGE, REGION_SMALL, REGION_HUGETLB,
	};
	double ours[VM_SOURCES], peer;
	enum vm_source source;
	FILE *file;
	size_t i;

	/* for hugetlb; without it that row is left out */
	file = fopen("/proc/sys/vm/nr_hugepages", "we");
	if (file) {
		fprintf(file, "%d\n", VM_TOUCHES + 1);
		fclose(file);
	}
	for (source = 0; source < VM_SOURCES; source++)
		ours[source] = vm_first_touch(REGION_MODULE, source);
	for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		peer = vm_first_touch(peers[i], VM_SOURCES);
		for (source = 0; source < VM_SOURCES; source++)
			vm_print("first touch of 2 MiB",
				 vm_source_name[source], ours[source],
				 region_kind_name[peers[i]], peer);
	}
	file = fopen("/proc/sys/vm/nr_hugepages", "we");
	if (file) {
		fprintf(file, "0\n");
		fclose(file);
	}
}

void vm_child_start(struct vm_child *child)
{
	double start, cpu;
	int fds[2];
	char byte;

	if (pipe2(fds, O_CLOEXEC))
		err(1, "pipe");
	cpu = vm_cpu();
	start = vm_now();
	child->pid = fork();
	child->cost = vm_now() - start;
	child->cpu = vm_cpu() - cpu;
	if (child->pid < 0)
		err(1, "fork");
	if (!child->pid) {
		close(fds[1]);
		_exit(read(fds[0], &byte, 1) ? 1 : 0);
	}
	close(fds[0]);
	child->fd = fds[1];
	/* let it run up to its read() now, not in the middle of a figure */
	vm_sleep_ms(2);
}

void vm_child_end(const struct vm_child *child)
{
	close(child->fd);
	waitpid(child->pid, NULL, 0);
}

/* the figures of vm_forks() */
enum vm_fork_row {
	VM_FORK,
	VM_FIRST_WRITE,
	VM_SNAPSHOT_CPU,
	VM_SNAPSHOT,
	VM_SNAPSHOT_COVERAGE,
	VM_FORK_ROWS
};

static const char *const vm_fork_name[VM_FORK_ROWS] = {
	"fork of 128 MiB", "first write after fork",
	"snapshot (fork, write 10 % of the pages): in the thread",
	"snapshot: in all, kernel threads included",
	"snapshot: per cent in 2 MiB pages afterwards",
};

static void vm_fork_measure(const struct region *region, double *row)
{
	struct vm_sample forks = { .n = 0 }, writes = { .n = 0 };
	size_t pages = region->bytes / REGION_PAGE, i;
	struct vm_child child;
	struct work_rand r;
	double start, cpu;

	for (i = 0; i < VM_FORKS; i++) {
		vm_child_start(&child);
		vm_sample_add(&forks, child.cost);
		vm_child_end(&child);
		region_touch(region);	/* shared with nobody any more */
	}
	row[VM_FORK] = vm_sample_median(&forks);
	vm_child_start(&child);
	for (i = 0; i < VM_WRITES; i++) {
		char *block = region->base + i * REGION_BLOCK;

		start = vm_now();
		*(volatile char *)(block + 5 * REGION_PAGE) = 2;
		vm_sample_add(&writes, vm_now() - start);
	}
	row[VM_FIRST_WRITE] = vm_sample_median(&writes);
	vm_child_end(&child);
	region_touch(region);
	work_rand_init(&r, 80);
	vm_child_start(&child);
	cpu = vm_cpu();
	start = vm_now();
	for (i = 0; i < pages / 10; i++)
		*(volatile char *)(region->base + REGION_PAGE *
				   work_rand_below(&r, pages)) = 3;
	row[VM_SNAPSHOT] = child.cost + vm_now() - start;
	row[VM_SNAPSHOT_CPU] = child.cpu + vm_cpu() - cpu;
	vm_child_end(&child);
	/* both have time to tidy up: the module joins, khugepaged collapses */
	vm_sleep_ms(1000);
	row[VM_SNAPSHOT_COVERAGE] = 100 * region_coverage(region);
}

static void vm_forks(void)
{
	static const enum region_kind kinds[] = {
		REGION_MODULE, REGION_HUGE, REGION_SMALL,
	};
	double rows[3][VM_FORK_ROWS];
	struct region region;
	size_t k, i;

	vm_source_choose(VM_DEMAND);
	for (k = 0; k < 3; k++) {
		for (i = 0; i < VM_FORK_ROWS; i++)
			rows[k][i] = NAN;
		if (region_open(&region, kinds[k], VM_FORK_BYTES))
			continue;
		region_touch(&region);
		vm_fork_measure(&region, rows[k]);
		region_close(&region);
	}
	for (i = 0; i < VM_FORK_ROWS; i++)
		for (k = 1; k < 3; k++)
			vm_print(vm_fork_name[i], "module", rows[0][i],
				 region_kind_name[kinds[k]], rows[k][i]);
}

static double vm_unmap(enum region_kind kind)
{
	struct region region;
	double start;

	if (region_open(&region, kind, VM_UNMAP_BYTES))
		return NAN;
	region_touch(&region);
	start = vm_now();
	region_close(&region);
	return vm_now() - start;
}

static void vm_unmaps(void)
{
	double ours = vm_unmap(REGION_MODULE);

	vm_print("munmap of 1 GiB", "module", ours, "thp",
		 vm_unmap(REGION_HUGE));
	vm_print("munmap of 1 GiB", "module", ours, "4k",
		 vm_unmap(REGION_SMALL));
}

/*
 * CPU time of a program under an allocator, in nanoseconds; NaN if it failed.
 * Not the time that passes: its files may have to be read first.
 */
static double vm_run(const struct alloc *alloc, char **argv)
{
	char **envp = alloc_environ(alloc);
	struct rusage usage;
	int status, null;
	pid_t pid;

	pid = fork();
	if (!pid) {
		null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		execve(argv[0], argv, envp);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		status = -1;
	alloc_environ_free(envp);
	if (status)
		return NAN;
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

/*
 * One of our workloads under every allocator: the module's backend against the
 * best of the others.  What a process costs that does nothing is taken off.
 */
static void vm_work(const struct alloc_set *set, char *work, const char *name,
		    const char *scale)
{
	char *argv[] = { work, (char *)"run", (char *)name, (char *)scale,
			 NULL };
	char *idle[] = { work, (char *)"whose", NULL };
	double cost, ours = NAN, thp = NAN, best = NAN;
	const char *best_name = "nobody";
	char what[64];
	unsigned int i;

	for (i = 0; i < set->n; i++) {
		cost = vm_run(&set->alloc[i], argv) -
		       vm_run(&set->alloc[i], idle);
		if (!strcmp(set->alloc[i].name, "shim-kmod")) {
			ours = cost;
		} else if (!strcmp(set->alloc[i].name, "shim-thp")) {
			thp = cost;
		} else if (isnan(best) || cost < best) {
			best = cost;
			best_name = set->alloc[i].name;
		}
	}
	snprintf(what, sizeof(what), "workload %s", name);
	vm_print(what, "shim-kmod", ours, best_name, best);
	vm_print(what, "shim-kmod", ours, "shim-thp", thp);
}

static void vm_works(void)
{
	static const struct {
		const char *name;
		const char *scale;
	} rows[] = {
		{ "pair-64", "0.02" }, { "first-touch", "1" },
		{ "load", "1" }, { "huge", "0.2" }, { "server", "0.05" },
		{ "cache", "0.1" }, { "lists", "1" },
	};
	char self[PATH_MAX - 32], work[PATH_MAX], shim[PATH_MAX];
	static struct alloc_set set;
	const char *folder;
	ssize_t n;
	size_t i;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		err(1, "/proc/self/exe");
	self[n] = '\0';
	folder = dirname(self);
	snprintf(work, sizeof(work), "%s/rows/work", folder);
	snprintf(shim, sizeof(shim), "%s/../libshim.so.0", folder);
	alloc_set_add_known(&set, shim, "libc.so.6");
	vm_param_set("reserve_max", 8);
	vm_param_set("pool_target_mb", 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		vm_work(&set, work, rows[i].name, rows[i].scale);
}

static const struct vm_section {
	const char *name;
	void (*run)(void);
} vm_sections[] = {
	{ "touch", vm_first_touches },
	{ "fork", vm_forks },
	{ "unmap", vm_unmaps },
	{ "heap", vm_heap },
	{ "work", vm_works },
};

#define VM_SECTIONS	(sizeof(vm_sections) / sizeof(vm_sections[0]))

static const struct vm_section *vm_section_find(const char *name)
{
	size_t i;

	for (i = 0; i < VM_SECTIONS; i++)
		if (!strcmp(vm_sections[i].name, name))
			return &vm_sections[i];
	errx(2, "no section '%s'", name);
}

int main(int argc, char **argv)
{
	size_t i;
	int n;

	for (n = 1; n < argc; n++)
		vm_section_find(argv[n]);
	if (uname(&vm_kernel))
		err(1, "uname");
	if (access(HUGEARENA_DEVICE, R_OK | W_OK))
		err(1, HUGEARENA_DEVICE);
	printf("name\tkernel\tours\tpeer\tratio\n");
	for (n = 1; n < argc; n++)
		vm_section_find(argv[n])->run();
	for (i = 0; argc == 1 && i < VM_SECTIONS; i++)
		vm_sections[i].run();
	return vm_missing;
}
