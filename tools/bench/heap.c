// SPDX-License-Identifier: GPL-2.0-only
/*
 * heap: lives of a heap, and what stays resident after each.
 *
 *	heap STORY SIZE_MIB IDLE_SECONDS BUSY_SECONDS
 *
 * mixed	SIZE of 16 B to 128 KiB, nine tenths freed at random, idle
 * clustered	the same, but the survivors were allocated in runs
 * small	SIZE of 16 B to 8 KiB, nine tenths freed at random
 * runs		the same, but the survivors were allocated in runs
 * tiny		a quarter of SIZE of 16 to 256 B, nine tenths freed at random
 * same		the same of 64 B
 * stride	the same, but each tenth stays
 * keys		a quarter of SIZE of keys as redis has them (an entry, a name, a header and a
 *		value), four fifths deleted at random; a few objects come and go
 *		ten times a second while it is idle, as in its serverCron()
 * server	requests for BUSY seconds, one object in a hundred kept
 * bloat	SIZE of small values, four fifths deleted at random, then large
 *		values until as much is live as before
 *
 * Then a next phase: objects of the live set are replaced at random, and the
 * CPU time it takes tells what giving memory back has cost.
 *
 * Prints "key value" lines, in bytes as the program asked for them and KiB as
 * the kernel counts them.  The records of the program itself are static: the
 * heap holds nothing but the objects of the story.
 */
#include <err.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"
#include "rows/rand.h"

#define HEAP_SLOTS	(5 << 20)	/* 256 MiB of keys, of 54 B on average */
#define HEAP_NEXT	500000		/* replacements of the next phase */
#define HEAP_CRON	200		/* objects that come and go in a cron */

/**
 * struct heap - the objects of a story
 * @object: NULL for none
 * @size: bytes asked for
 * @n: slots in use
 * @used: slots that were ever in use
 * @live: bytes of all objects
 * @peak: the most @live has been
 * @low: log2 of the smallest size
 * @high: log2 of the size above the largest; @low for one size only
 * @cron: how often in a second of idle time a few objects come and go
 * @r: source of sizes and choices
 */
static struct heap {
	void *object[HEAP_SLOTS];
	uint32_t size[HEAP_SLOTS];
	size_t n;
	size_t used;
	size_t live;
	size_t peak;
	unsigned int low;
	unsigned int high;
	unsigned int cron;
	struct work_rand r;
} heap;

static void heap_put(size_t slot, size_t size)
{
	heap.object[slot] = malloc(size);
	if (!heap.object[slot])
		err(1, "malloc of %zu bytes", size);
	/* all of it: resident is what the allocator made of it, not we */
	memset(heap.object[slot], (int)slot | 1, size);
	heap.size[slot] = (uint32_t)size;
	if (slot >= heap.used)
		heap.used = slot + 1;
	heap.live += size;
	if (heap.live > heap.peak)
		heap.peak = heap.live;
}

static void heap_drop(size_t slot)
{
	if (!heap.object[slot])
		return;
	heap.live -= heap.size[slot];
	free(heap.object[slot]);
	heap.object[slot] = NULL;
}

static size_t heap_size(void)
{
	if (heap.low == heap.high)
		return (size_t)1 << heap.low;
	return work_rand_size(&heap.r, heap.low, heap.high);
}

static void heap_grow(size_t bytes)
{
	while (heap.live < bytes && heap.n < HEAP_SLOTS)
		heap_put(heap.n++, heap_size());
	if (heap.live < bytes)
		errx(1, "too many objects for %zu bytes", bytes);
}

static double heap_cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double heap_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void heap_sleep(double seconds)
{
	struct timespec ts = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};

	nanosleep(&ts, NULL);
}

/* Sizes from 2^@low to 2^@high, and one object in ten stays, whichever. */
static void heap_thin(size_t bytes, unsigned int low, unsigned int high)
{
	size_t i;

	heap.low = low;
	heap.high = high;
	heap_grow(bytes);
	for (i = 0; i < heap.n; i++)
		if (work_rand_below(&heap.r, 10))
			heap_drop(i);
}

/* The same, and of each ten runs of @run objects one stays. */
static void heap_cut(size_t bytes, unsigned int low, unsigned int high,
		     size_t run)
{
	size_t i;

	heap.low = low;
	heap.high = high;
	heap_grow(bytes);
	for (i = 0; i < heap.n; i++)
		if (i / run % 10)
			heap_drop(i);
}

#define HEAP_RUN	1000	/* objects of a run of survivors: 14 MiB */

static void heap_mixed(size_t bytes, double busy)
{
	(void)busy;
	heap_thin(bytes, 4, 17);
}

static void heap_clustered(size_t bytes, double busy)
{
	(void)busy;
	heap_cut(bytes, 4, 17, HEAP_RUN);
}

static void heap_small(size_t bytes, double busy)
{
	(void)busy;
	heap_thin(bytes, 4, 13);
}

static void heap_runs(size_t bytes, double busy)
{
	(void)busy;
	heap_cut(bytes, 4, 13, HEAP_RUN);
}

static void heap_tiny(size_t bytes, double busy)
{
	(void)busy;
	heap_thin(bytes / 4, 4, 8);
}

static void heap_same(size_t bytes, double busy)
{
	(void)busy;
	heap_thin(bytes / 4, 6, 6);
}

static void heap_stride(size_t bytes, double busy)
{
	(void)busy;
	heap_cut(bytes / 4, 6, 6, 1);
}

/* What a key of redis consists of: dictEntry, name, robj, value. */
static const size_t heap_key[] = { 24, 40, 16, 136 };

#define HEAP_KEY	(sizeof(heap_key) / sizeof(*heap_key))

static void heap_keys(size_t bytes, double busy)
{
	size_t i, k;

	(void)busy;
	heap.low = 4;
	heap.high = 8;
	while (heap.live < bytes / 4 && heap.n + HEAP_KEY <= HEAP_SLOTS)
		for (k = 0; k < HEAP_KEY; k++)
			heap_put(heap.n++, heap_key[k]);
	for (i = 0; i < heap.n; i += HEAP_KEY)
		if (work_rand_below(&heap.r, 5))
			for (k = 0; k < HEAP_KEY; k++)
				heap_drop(i + k);
	heap.cron = 10;
}

#define HEAP_REQUEST	40	/* objects of a request */
#define HEAP_BURST	2000	/* requests between two readings of the clock */

static void heap_request(size_t kept)
{
	size_t first = heap.n, i, keep;

	for (i = 0; i < HEAP_REQUEST; i++)
		heap_put(first + i, heap_size());
	/* two in five leave one of 40 behind: one object in a hundred */
	keep = first + work_rand_below(&heap.r, HEAP_REQUEST);
	if (work_rand_below(&heap.r, 5) < 2) {
		i = work_rand_below(&heap.r, kept);
		heap_drop(i);
		heap.object[i] = heap.object[keep];
		heap.size[i] = heap.size[keep];
		heap.object[keep] = NULL;
	}
	for (i = 0; i < HEAP_REQUEST; i++)
		heap_drop(first + i);
}

static void heap_server(size_t bytes, double busy)
{
	double start = heap_now();
	size_t i;

	heap.low = 4;
	heap.high = 13;
	/* each doubling from 2^k has a mean of 1.5 * 2^k */
	heap.n = bytes / (3u << (heap.high - 1)) * (heap.high - heap.low);
	while (heap_now() - start < busy)
		for (i = 0; i < HEAP_BURST; i++)
			heap_request(heap.n);
}

static void heap_bloat(size_t bytes, double busy)
{
	size_t i;

	(void)busy;
	heap.low = 6;
	heap.high = 10;
	heap_grow(bytes);
	for (i = 0; i < heap.n; i++)
		if (work_rand_below(&heap.r, 5))
			heap_drop(i);
	heap.low = 10;
	heap.high = 14;
	heap_grow(bytes);
}

/* Idle time: nothing happens, or next to nothing. */
static void heap_idle(double seconds)
{
	void *some[HEAP_CRON];
	double turn;
	size_t i;

	if (!heap.cron) {
		heap_sleep(seconds);
		return;
	}
	for (turn = 0; turn < seconds * heap.cron; turn++) {
		for (i = 0; i < HEAP_CRON; i++)
			some[i] = malloc(heap_size());
		for (i = 0; i < HEAP_CRON; i++)
			free(some[i]);
		heap_sleep(1.0 / heap.cron);
	}
}

static const struct heap_story {
	const char *name;
	void (*run)(size_t bytes, double busy);
} heap_stories[] = {
	{ "mixed", heap_mixed },
	{ "clustered", heap_clustered },
	{ "small", heap_small },
	{ "runs", heap_runs },
	{ "tiny", heap_tiny },
	{ "same", heap_same },
	{ "stride", heap_stride },
	{ "keys", heap_keys },
	{ "server", heap_server },
	{ "bloat", heap_bloat },
};

/* a slot with an object */
static size_t heap_any(void)
{
	size_t slot;

	do
		slot = work_rand_below(&heap.r, heap.n);
	while (!heap.object[slot]);
	return slot;
}

/*
 * Replace objects of the live set, each by one of the size of some other: the
 * sizes stay as they are.  The CPU seconds of that.
 */
static double heap_next(void)
{
	double start = heap_cpu();
	size_t i, slot, size;

	for (i = 0; i < HEAP_NEXT; i++) {
		slot = heap_any();
		size = heap.size[heap_any()];
		heap_drop(slot);
		heap_put(slot, size);
	}
	return heap_cpu() - start;
}

/* The records of the program itself, page by page as they were touched. */
static double heap_table_kb(void)
{
	return (double)(heap.used * (sizeof(*heap.object) +
				     sizeof(*heap.size))) / 1024;
}

static void heap_report(const char *when)
{
	struct resident resident;

	if (resident_read(getpid(), &resident))
		errx(1, "cannot read what is resident");
	printf("%s_kb %.0f\n%s_coverage %.4f\n", when,
	       resident.kb - heap_table_kb(), when,
	       resident.anon_kb > 0 ? resident.huge_kb / resident.anon_kb : 0);
}

int main(int argc, char **argv)
{
	const struct heap_story *story = NULL;
	static char buffer[4096];
	size_t i;

	if (argc == 5)
		for (i = 0; i < sizeof(heap_stories) / sizeof(*heap_stories);
		     i++)
			if (!strcmp(argv[1], heap_stories[i].name))
				story = &heap_stories[i];
	if (!story)
		errx(2, "usage: heap STORY MIB IDLE BUSY");
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	work_rand_init(&heap.r, 70);
	heap_report("start");
	story->run((size_t)atol(argv[2]) << 20, atof(argv[4]));
	if (!heap.live)
		errx(2, "%s of %s MiB for %s s leaves no object", argv[1],
		     argv[2], argv[4]);
	heap_report("freed");
	heap_idle(atof(argv[3]));
	heap_report("idle");
	printf("live %zu\nlive_peak %zu\n", heap.live, heap.peak);
	printf("peak_kb %.0f\n", resident_peak_kb(getpid()) - heap_table_kb());
	printf("cpu %.6f\n", heap_cpu());
	printf("next_cpu %.6f\n", heap_next());
	malloc_trim(0);
	heap_report("trim");
	return fflush(stdout) ? 1 : 0;
}
