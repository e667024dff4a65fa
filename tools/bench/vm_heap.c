// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a service with a large heap does over and over: forks while nothing has
 * changed, releases pages, reads what a fork made read-only; see vm.h.
 */
#include <math.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "region.h"
#include "vm.h"

#define GIB		((size_t)1 << 30)
#define FORKS		5
#define SPREAD		16	/* one block in as many has memory */
#define RELEASES	32
#define BATCH		64
#define READ_BLOCKS	4

static const enum region_kind kinds[] = {
	REGION_MODULE, REGION_HUGE, REGION_SMALL,
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static void rows_print(const char *what, const double *figure)
{
	size_t k;

	for (k = 1; k < KINDS; k++)
		vm_print(what, region_kind_name[kinds[0]], figure[0],
			 region_kind_name[kinds[k]], figure[k]);
}

/*
 * Forks after the first of @bytes of address space, one block in @step of which
 * has memory.
 */
static double forks(enum region_kind kind, size_t bytes, size_t step)
{
	struct vm_sample sample = { .n = 0 };
	struct region region;
	struct vm_child child;
	size_t at, i;

	if (region_open(&region, kind, bytes))
		return NAN;
	for (at = 0; at < bytes; at += step * REGION_BLOCK)
		for (i = 0; i < REGION_BLOCK; i += REGION_PAGE)
			region.base[at + i] = 1;
	for (i = 0; i <= FORKS; i++) {
		vm_child_start(&child);
		if (i)
			vm_sample_add(&sample, child.cost);
		vm_child_end(&child);
	}
	region_close(&region);
	return vm_sample_median(&sample);
}

/* Pages @page to @page + @n - 1 of block @block, in one call or in @n. */
static int pages_release(const struct region *region, size_t block, size_t page,
			 size_t n)
{
	struct hugearena_range ranges[BATCH];
	struct hugearena_release release = {
		.ranges = (uintptr_t)ranges,
		.nr = n,
	};
	size_t i, at = block * REGION_BLOCK + page * REGION_PAGE;
	int ret = 0;

	/* every second one, or they would be one range */
	for (i = 0; i < n; i++, at += 2 * REGION_PAGE) {
		ranges[i] = (struct hugearena_range){ at, REGION_PAGE };
		if (region->kind != REGION_MODULE)
			ret |= madvise(region->base + at, REGION_PAGE,
				       MADV_DONTNEED);
	}
	if (region->kind == REGION_MODULE)
		ret = ioctl(region->fd, HUGEARENA_IOC_RELEASE, &release);
	return ret;
}

/* What it costs to release a page of a block that lacks one already. */
static double release(enum region_kind kind, size_t n)
{
	struct vm_sample sample = { .n = 0 };
	struct region region;
	double start;
	int i;

	if (region_open(&region, kind, RELEASES * REGION_BLOCK))
		return NAN;
	region_touch(&region);
	for (i = 0; i < RELEASES; i++)
		if (pages_release(&region, i, 0, 1))
			goto out;
	region_touch(&region);
	for (i = 0; i < RELEASES; i++) {
		start = vm_now();
		if (pages_release(&region, i, 8, n))
			goto out;
		vm_sample_add(&sample, (vm_now() - start) / n);
	}
out:
	region_close(&region);
	return vm_sample_median(&sample);
}

static double minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* A byte written after a fork in each of a few blocks, then all of them read. */
static void reads(enum region_kind kind, double *cost, double *faults)
{
	struct vm_child child;
	struct region region;
	double start;
	size_t at;

	*cost = NAN;
	*faults = NAN;
	if (region_open(&region, kind, READ_BLOCKS * REGION_BLOCK))
		return;
	region_touch(&region);
	vm_child_start(&child);
	*faults = minor_faults();
	start = vm_now();
	for (at = 0; at < region.bytes; at += REGION_BLOCK)
		*(volatile char *)(region.base + at) = 2;
	for (at = 0; at < region.bytes; at += REGION_PAGE)
		(void)*(volatile char *)(region.base + at);
	*cost = vm_now() - start;
	*faults = minor_faults() - *faults;
	vm_child_end(&child);
	region_close(&region);
}

void vm_heap(void)
{
	double figure[KINDS], faults[KINDS];
	size_t k;

	vm_source_choose(VM_DEMAND);
	for (k = 0; k < KINDS; k++)
		figure[k] = forks(kinds[k], GIB, 1);
	rows_print("fork again of 1 GiB, unchanged", figure);
	for (k = 0; k < KINDS; k++)
		figure[k] = forks(kinds[k], SPREAD * GIB, SPREAD);
	rows_print("fork again of 16 GiB of addresses, 1 GiB in them", figure);
	for (k = 0; k < KINDS; k++)
		figure[k] = release(kinds[k], 1);
	rows_print("release of a page", figure);
	for (k = 0; k < KINDS; k++)
		figure[k] = release(kinds[k], BATCH);
	rows_print("release of 64 pages, each", figure);
	for (k = 0; k < KINDS; k++)
		reads(kinds[k], &figure[k], &faults[k]);
	rows_print("write of a byte after fork, then reads of 2 MiB, four times",
		   figure);
	rows_print("faults of that", faults);
}
