/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * region: memory made of one kind of page.
 */
#ifndef BENCH_REGION_H
#define BENCH_REGION_H

#include <stddef.h>

#include "hugearena.h"

#define REGION_BLOCK	((size_t)2 << 20)
#define REGION_PAGE	((size_t)4096)

/* What the memory is made of. */
enum region_kind {
	REGION_SMALL,		/* 4 KiB pages */
	REGION_HUGE,		/* transparent 2 MiB pages */
	REGION_HUGETLB,		/* reserved 2 MiB pages */
	REGION_MODULE,		/* an arena */
	REGION_KINDS
};

extern const char *const region_kind_name[REGION_KINDS];

/**
 * struct region - a mapping
 * @kind: of what
 * @base: its first byte, on a 2 MiB boundary
 * @bytes: its size
 * @fd: the arena's file, -1 for other kinds
 * @map: what munmap() is called with
 * @map_bytes: likewise
 */
struct region {
	enum region_kind kind;
	char *base;
	size_t bytes;
	int fd;
	char *map;
	size_t map_bytes;
};

/**
 * region_open - map memory that has not been touched
 * @region: filled in
 * @kind: of what
 * @bytes: how much, a multiple of 2 MiB
 *
 * Return: 0 or -errno: this kind is not available here.
 */
int region_open(struct region *region, enum region_kind kind, size_t bytes);

/**
 * region_touch - write the first byte of every OS page
 * @region: the mapping
 */
void region_touch(const struct region *region);

/**
 * region_close - unmap it
 * @region: the mapping; nothing else holds its arena
 */
void region_close(struct region *region);

/**
 * region_coverage - the part of it that 2 MiB pages serve
 * @region: the mapping
 *
 * Return: 0 to 1 of what is resident; NaN if the kernel does not say.
 */
double region_coverage(const struct region *region);

#endif /* BENCH_REGION_H */
