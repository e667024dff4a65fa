/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sizeclass: the rounded size that serves a request.
 *
 * Constant tables, computed and checked by tools/mksizeclasses.c, which states
 * their invariants.  Class 0 means no class; classes 1 to SIZECLASS_COUNT are
 * in rising order of size.
 */
#ifndef SHIM_SIZECLASS_H
#define SHIM_SIZECLASS_H

#include <stddef.h>
#include <stdint.h>

#include "sizeclass_count.h"	/* generated */

/* The most that travel together where more are expected: see stack_batch(). */
#define SIZECLASS_BULK_MAX	(4 * SIZECLASS_BATCH_MAX)

#define SIZECLASS_SMALL_STEP	16
#define SIZECLASS_MID_STEP	128
#define SIZECLASS_SMALL_SLOTS	(SIZECLASS_SMALL_MAX / SIZECLASS_SMALL_STEP)
#define SIZECLASS_MID_SLOTS	(SIZECLASS_MAX / SIZECLASS_MID_STEP)

/**
 * struct sizeclass - one size
 * @size: bytes of an object
 * @recip: (offset * @recip) >> 32 is offset / @size within a span
 * @nobjs: objects in a span
 * @npages: pages of a span
 * @batch: objects that travel together between the layers
 */
struct sizeclass {
	uint32_t size;
	uint32_t recip;
	uint16_t nobjs;
	uint8_t npages;
	uint8_t batch;
};

extern const struct sizeclass sizeclass_info[SIZECLASS_COUNT + 1]
	__attribute__((visibility("hidden")));
extern const uint8_t sizeclass_small[SIZECLASS_SMALL_SLOTS]
	__attribute__((visibility("hidden")));
extern const uint8_t sizeclass_mid[SIZECLASS_MID_SLOTS]
	__attribute__((visibility("hidden")));

/**
 * sizeclass_of - the class that serves a request
 * @size: bytes, 1 to SIZECLASS_MAX
 *
 * Return: the class, 1 to SIZECLASS_COUNT.
 */
static inline unsigned int sizeclass_of(size_t size)
{
	if (size <= SIZECLASS_SMALL_MAX)
		return sizeclass_small[(size - 1) / SIZECLASS_SMALL_STEP];
	return sizeclass_mid[(size - 1) / SIZECLASS_MID_STEP];
}

/**
 * sizeclass_of_aligned - the class that serves an aligned request
 * @size: bytes, 1 to SIZECLASS_MAX
 * @align: a power of two, at most the 8 KiB of a page
 *
 * Spans start on a page, so every object is aligned to the largest power of
 * two that divides its size.
 *
 * Return: the class, or 0 if none will do.
 */
static inline unsigned int sizeclass_of_aligned(size_t size, size_t align)
{
	unsigned int cls;

	size = (size + align - 1) & ~(align - 1);
	if (size > SIZECLASS_MAX)
		return 0;
	for (cls = sizeclass_of(size); cls <= SIZECLASS_COUNT; cls++)
		if (!(sizeclass_info[cls].size & (align - 1)))
			return cls;
	return 0;
}

#endif /* SHIM_SIZECLASS_H */
