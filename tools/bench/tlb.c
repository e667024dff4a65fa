// SPDX-License-Identifier: GPL-2.0-only
/*
 * tlb: what an access costs on 4 KiB pages, on 2 MiB pages and on blocks of the
 * module, over working sets of growing size.
 *
 * Random access is a chain: each address depends on what the one before read, so
 * that nothing overlaps and a TLB miss is paid in full.  Sequential access reads
 * one word a cache line.  Misses and walk cycles come from the CPU's counters
 * and are "not supported" where the kernel offers none, as in most virtual
 * machines.
 */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "region.h"

#define TLB_LINE	64
#define TLB_ACCESSES	1000000		/* random: 0.1 s at 100 ns each */
#define TLB_REPEATS	5		/* the best counts: others work here too */
#define TLB_MIN		((size_t)64 << 20)
#define TLB_MAX		((size_t)8 << 30)

static const enum region_kind tlb_kinds[] = {
	REGION_SMALL, REGION_HUGE, REGION_MODULE,
};

#define TLB_KINDS	(sizeof(tlb_kinds) / sizeof(tlb_kinds[0]))

enum tlb_counter {
	TLB_MISSES,
	TLB_WALK_CYCLES,
	TLB_COUNTERS
};

/**
 * struct tlb_bench - one run of it
 * @max: largest working set
 * @fd: counters, -1 where not supported
 * @tsv: the results
 * @out: folder of the results
 */
struct tlb_bench {
	size_t max;
	int fd[TLB_COUNTERS];
	FILE *tsv;
	char out[PATH_MAX];
};

/**
 * struct tlb_cost - of one access, on average
 * @ns: time
 * @count: events of each counter, NaN where not supported
 */
struct tlb_cost {
	double ns;
	double count[TLB_COUNTERS];
};

static double tlb_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int tlb_counter_open(uint32_t type, uint64_t config)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = type;
	attr.config = config;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			    PERF_FLAG_FD_CLOEXEC);
}

static bool tlb_cpu_is_intel(void)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");
	bool intel = false;

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "GenuineIntel"))
			intel = true;
	fclose(file);
	return intel;
}

static void tlb_counters_open(struct tlb_bench *bench)
{
	bench->fd[TLB_MISSES] =
		tlb_counter_open(PERF_TYPE_HW_CACHE,
				 PERF_COUNT_HW_CACHE_DTLB |
				 PERF_COUNT_HW_CACHE_OP_READ << 8 |
				 PERF_COUNT_HW_CACHE_RESULT_MISS << 16);
	/* DTLB_LOAD_MISSES.WALK_ACTIVE; AMD counts no cycles of walks */
	bench->fd[TLB_WALK_CYCLES] = tlb_cpu_is_intel() ?
		tlb_counter_open(PERF_TYPE_RAW, 0x1008) : -1;
}

static double tlb_counter_read(int fd)
{
	uint64_t value;

	if (fd < 0 || read(fd, &value, sizeof(value)) != sizeof(value))
		return NAN;
	return (double)value;
}

/* The address of the next access needs the word that the last one read. */
static uint64_t tlb_random(const char *base, size_t bytes)
{
	uint64_t x = 88172645463325252ULL, lines = bytes / TLB_LINE, at, i;

	for (i = 0; i < TLB_ACCESSES; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at = (x >> 32) * lines >> 32;
		x += *(const volatile uint64_t *)(base + at * TLB_LINE);
	}
	return TLB_ACCESSES;
}

static uint64_t tlb_sequential(const char *base, size_t bytes)
{
	uint64_t sum = 0;
	size_t at;

	for (at = 0; at < bytes; at += TLB_LINE)
		sum += *(const volatile uint64_t *)(base + at);
	/* the memory is zero but for what tlb_map() wrote: keep the sum alive */
	return bytes / TLB_LINE + (sum >> 63);
}

static void tlb_measure(struct tlb_bench *bench, const char *base, size_t bytes,
			uint64_t (*walk)(const char *base, size_t bytes),
			struct tlb_cost *cost)
{
	double before[TLB_COUNTERS], start, n, ns;
	int repeat, i;

	cost->ns = INFINITY;
	for (repeat = 0; repeat <= TLB_REPEATS; repeat++) {
		for (i = 0; i < TLB_COUNTERS; i++)
			before[i] = tlb_counter_read(bench->fd[i]);
		start = tlb_now();
		n = (double)walk(base, bytes);
		ns = (tlb_now() - start) / n;
		/* the first is not counted: caches and TLBs settle */
		if (!repeat || ns > cost->ns)
			continue;
		cost->ns = ns;
		for (i = 0; i < TLB_COUNTERS; i++)
			cost->count[i] = (tlb_counter_read(bench->fd[i]) -
					  before[i]) / n;
	}
}

static void tlb_print_count(double count)
{
	if (isnan(count))
		printf(" %14s", "not supported");
	else
		printf(" %14.3f", count);
}

static void tlb_row(struct tlb_bench *bench, enum region_kind kind, size_t bytes,
		    const char *order, const struct tlb_cost *cost)
{
	int i;

	printf("%-8s %-10s %8zu %10.2f", region_kind_name[kind], order,
	       bytes >> 20, cost->ns);
	fprintf(bench->tsv, "%s\t%s\t%zu\t%.3f", region_kind_name[kind], order,
		bytes >> 20, cost->ns);
	for (i = 0; i < TLB_COUNTERS; i++) {
		tlb_print_count(cost->count[i]);
		fprintf(bench->tsv, "\t%.4f", cost->count[i]);
	}
	printf("\n");
	fprintf(bench->tsv, "\n");
	fflush(stdout);
}

static void tlb_kind_run(struct tlb_bench *bench, enum region_kind kind)
{
	struct tlb_cost cost;
	struct region region;
	size_t bytes;
	int error;

	error = region_open(&region, kind, bench->max);
	if (error) {
		printf("%-8s not available: %s\n", region_kind_name[kind],
		       strerror(-error));
		return;
	}
	region_touch(&region);
	printf("%-8s %.0f %% in 2 MiB pages\n", region_kind_name[kind],
	       100 * region_coverage(&region));
	for (bytes = TLB_MIN; bytes <= bench->max; bytes *= 2) {
		tlb_measure(bench, region.base, bytes, tlb_random, &cost);
		tlb_row(bench, kind, bytes, "random", &cost);
		tlb_measure(bench, region.base, bytes, tlb_sequential, &cost);
		tlb_row(bench, kind, bytes, "sequential", &cost);
	}
	region_close(&region);
}

static int tlb_plot(const struct tlb_bench *bench)
{
	char path[PATH_MAX + 16], command[PATH_MAX + 32];
	const char *order[] = { "random", "sequential" };
	FILE *file;
	size_t k;
	int i;

	snprintf(path, sizeof(path), "%s/tlb.gp", bench->out);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	fprintf(file,
		"set terminal svg size 1200,500 noenhanced font 'sans,12'\n"
		"set output '%s/tlb.svg'\n"
		"set datafile separator '\\t'\n"
		"set logscale x 2\nset xlabel 'working set, MiB'\n"
		"set ylabel 'ns per access'\nset yrange [0:*]\n"
		"set grid\nset key top left\nset multiplot layout 1,2\n",
		bench->out);
	for (i = 0; i < 2; i++) {
		fprintf(file, "set title '%s access'\nplot", order[i]);
		for (k = 0; k < TLB_KINDS; k++)
			fprintf(file,
				"%s '%s/tlb.tsv' using (strcol(1) eq '%s' && strcol(2) eq '%s' ? $3 : NaN):4 with linespoints title '%s'",
				k ? "," : "", bench->out,
				region_kind_name[tlb_kinds[k]], order[i],
				region_kind_name[tlb_kinds[k]]);
		fprintf(file, "\n");
	}
	fprintf(file, "unset multiplot\n");
	if (fclose(file))
		return -errno;
	snprintf(command, sizeof(command), "gnuplot '%s'", path);
	return system(command) ? -ENOENT : 0;
}

static const struct argp_option tlb_options[] = {
	{ "max", 'm', "MIB", 0, "Largest working set (8192)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static error_t tlb_option(int key, char *arg, struct argp_state *state)
{
	struct tlb_bench *bench = state->input;

	if (key != 'm')
		return ARGP_ERR_UNKNOWN;
	bench->max = (size_t)atol(arg) << 20;
	if (bench->max < TLB_MIN)
		argp_error(state, "at least %zu MiB", TLB_MIN >> 20);
	return 0;
}

/* The largest doubling of the smallest that leaves a third of memory free. */
static void tlb_max_bound(struct tlb_bench *bench)
{
	size_t available = (size_t)sysconf(_SC_AVPHYS_PAGES) *
			   (size_t)sysconf(_SC_PAGESIZE) / 3 * 2;
	size_t max = TLB_MIN;

	if (bench->max > available)
		bench->max = available;
	while (max * 2 <= bench->max)
		max *= 2;
	bench->max = max;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = tlb_options,
		.parser = tlb_option,
		.doc = "Access time on 4 KiB pages, 2 MiB pages and blocks.",
	};
	static struct tlb_bench bench = { .max = TLB_MAX };
	char self[PATH_MAX - 32], path[PATH_MAX + 16];
	ssize_t n;
	size_t i;

	argp_parse(&argp, argc, argv, 0, NULL, &bench);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		err(1, "/proc/self/exe");
	self[n] = '\0';
	snprintf(bench.out, sizeof(bench.out), "%s", dirname(self));
	tlb_max_bound(&bench);
	tlb_counters_open(&bench);
	snprintf(path, sizeof(path), "%s/tlb.tsv", bench.out);
	bench.tsv = fopen(path, "we");
	if (!bench.tsv)
		err(1, "%s", path);
	fprintf(bench.tsv, "kind\torder\tmib\tns\tdtlb_misses\twalk_cycles\n");
	printf("%-8s %-10s %8s %10s %14s %14s\n", "memory", "order", "MiB",
	       "ns", "dTLB misses", "walk cycles");
	for (i = 0; i < TLB_KINDS; i++)
		tlb_kind_run(&bench, tlb_kinds[i]);
	if (fclose(bench.tsv))
		err(1, "%s", path);
	printf("written: %s\n", path);
	if (tlb_plot(&bench))
		warnx("no chart: gnuplot is not there or failed");
	else
		printf("written: %s/tlb.svg\n", bench.out);
	return 0;
}
