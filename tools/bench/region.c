// SPDX-License-Identifier: GPL-2.0-only
/*
 * region: memory made of one kind of page.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "region.h"

const char *const region_kind_name[REGION_KINDS] = {
	[REGION_SMALL] = "4k",
	[REGION_HUGE] = "thp",
	[REGION_HUGETLB] = "hugetlb",
	[REGION_MODULE] = "module",
};

/* A mapping of one block more than asked for, so that it can be aligned. */
static int region_map(struct region *region, int flags)
{
	region->map_bytes = region->bytes + REGION_BLOCK;
	region->map = mmap(NULL, region->map_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags,
			   -1, 0);
	if (region->map == MAP_FAILED)
		return -errno;
	region->base = region->map +
		       (-(uintptr_t)region->map & (REGION_BLOCK - 1));
	return 0;
}

static int region_map_module(struct region *region)
{
	struct hugearena_create create = {
		.size = region->bytes, .node = HUGEARENA_NODE_LOCAL,
		.name = "bench"
	};
	int dev = open(HUGEARENA_DEVICE, O_RDWR | O_CLOEXEC);
	int error;

	if (dev < 0)
		return -errno;
	region->fd = ioctl(dev, HUGEARENA_IOC_CREATE, &create);
	error = -errno;
	close(dev);
	if (region->fd < 0)
		return error;
	region->map_bytes = region->bytes;
	region->map = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED, region->fd, 0);
	if (region->map == MAP_FAILED) {
		error = -errno;
		close(region->fd);
		return error;
	}
	region->base = region->map;
	return 0;
}

int region_open(struct region *region, enum region_kind kind, size_t bytes)
{
	int error;

	memset(region, 0, sizeof(*region));
	region->kind = kind;
	region->bytes = bytes;
	region->fd = -1;
	if (kind == REGION_MODULE)
		return region_map_module(region);
	error = region_map(region, kind == REGION_HUGETLB ? MAP_HUGETLB : 0);
	if (error)
		return error;
	/* a kernel without huge pages refuses both, and has only 4 KiB */
	if (kind == REGION_SMALL)
		madvise(region->map, region->map_bytes, MADV_NOHUGEPAGE);
	if (kind != REGION_HUGE ||
	    !madvise(region->map, region->map_bytes, MADV_HUGEPAGE))
		return 0;
	error = -errno;
	munmap(region->map, region->map_bytes);
	return error;
}

void region_touch(const struct region *region)
{
	size_t at;

	for (at = 0; at < region->bytes; at += REGION_PAGE)
		*(volatile char *)(region->base + at) = 1;
}

void region_close(struct region *region)
{
	if (region->fd >= 0)
		close(region->fd);
	munmap(region->map, region->map_bytes);
}

/* Rss and AnonHugePages of the mappings between two addresses. */
static double region_smaps(uintptr_t from, uintptr_t to)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	double rss = 0, huge = 0, kb;
	unsigned long start, end;
	int inside = 0;
	char line[512];

	if (!file)
		return NAN;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start < to && end > from;
		else if (inside && sscanf(line, "Rss: %lf", &kb) == 1)
			rss += kb;
		else if (inside && sscanf(line, "AnonHugePages: %lf", &kb) == 1)
			huge += kb;
	}
	fclose(file);
	return rss > 0 ? huge / rss : NAN;
}

double region_coverage(const struct region *region)
{
	struct hugearena_stat stat;

	if (region->kind == REGION_HUGETLB)
		return 1;
	if (region->kind != REGION_MODULE)
		return region_smaps((uintptr_t)region->base,
				    (uintptr_t)region->base + region->bytes);
	if (ioctl(region->fd, HUGEARENA_IOC_STAT, &stat) || !stat.resident)
		return NAN;
	return (double)stat.blocks * (double)REGION_BLOCK /
	       (double)stat.resident;
}
