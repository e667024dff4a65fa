// SPDX-License-Identifier: GPL-2.0-only
/*
 * limit: every way to grow stops at a hard limit.  Run by limit_hard.sh, which
 * sets it.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"

#include "shim.h"

#define MIB	((size_t)1 << 20)

static size_t number(const char *name)
{
	uint64_t n = 0;
	size_t len = sizeof(n);

	shim_ctl(name, &n, &len, NULL, 0);
	return n;
}

/* A test's state: an array that grows; everything it has is written to. */
struct had {
	char *p;
	size_t size;
	size_t live;
};

/* Keep an object that was just allocated; false if it is NULL. */
static bool keep(struct had *had, void *p, size_t size)
{
	if (!p)
		return false;
	memset(p, 1, size);
	had->live += size;
	return true;
}

/* Grow the array to @size; false if that is refused. */
static bool grow(struct had *had, size_t size)
{
	char *q = realloc(had->p, size);

	if (!q)
		return false;
	had->p = q;
	keep(had, q + had->size, size - had->size);
	had->size = size;
	return true;
}

static bool small(struct had *had)
{
	return keep(had, malloc(1000), 1000);
}

static bool large(struct had *had)
{
	return keep(had, malloc(100000), 100000);
}

static bool huge(struct had *had)
{
	return keep(had, malloc(3 * MIB), 3 * MIB);
}

static bool cleared(struct had *had)
{
	return keep(had, calloc(2, MIB), 2 * MIB);
}

static bool aligned(struct had *had)
{
	return keep(had, memalign(MIB, MIB), MIB);
}

static bool grow_little(struct had *had)
{
	return grow(had, had->size + 100000);
}

static bool grow_half(struct had *had)
{
	return grow(had, had->size ? had->size * 3 / 2 : MIB);
}

static bool grow_among_others(struct had *had)
{
	return keep(had, malloc(40000), 40000) &&
	       grow(had, had->size + 200000);
}

FIXTURE(limit) {
	struct had had;
};

FIXTURE_VARIANT(limit) {
	bool (*more)(struct had *had);
};

FIXTURE_VARIANT_ADD(limit, small) { .more = small };
FIXTURE_VARIANT_ADD(limit, large) { .more = large };
FIXTURE_VARIANT_ADD(limit, huge) { .more = huge };
FIXTURE_VARIANT_ADD(limit, cleared) { .more = cleared };
FIXTURE_VARIANT_ADD(limit, aligned) { .more = aligned };
FIXTURE_VARIANT_ADD(limit, grow_little) { .more = grow_little };
FIXTURE_VARIANT_ADD(limit, grow_half) { .more = grow_half };
FIXTURE_VARIANT_ADD(limit, grow_among_others) { .more = grow_among_others };

FIXTURE_SETUP(limit)
{
	memset(&self->had, 0, sizeof(self->had));
}

FIXTURE_TEARDOWN(limit)
{
}

TEST_F(limit, holds)
{
	size_t limit = number("limit"), heap;

	ASSERT_EQ(64 * MIB, limit);
	do {
		heap = number("heap.inuse") + number("heap.free");
		ASSERT_GE(limit, heap);
		ASSERT_GE(limit, self->had.live);
	} while (variant->more(&self->had));
	EXPECT_EQ(ENOMEM, errno);
	TH_LOG("%zu %% of the limit is live", self->had.live * 100 / limit);
	/* not refused long before the limit; growing by half needs half of it */
	EXPECT_LE(limit / 2, self->had.live);
	if (variant->more != grow_half)
		EXPECT_LE(limit * 8 / 10, self->had.live);
	/* and there is room again once the array is freed */
	free(self->had.p);
	if (self->had.p)
		EXPECT_NE(NULL, malloc(self->had.size / 2));
}

static void fill(size_t bytes)
{
	while (number("heap.inuse") + number("heap.free") < bytes)
		memset(malloc(1000), 1, 1000);
}

/*
 * A CPU that kept large objects while the limit was far, 280 KiB of them here, keeps
 * none that is freed when it is near: from 7/8 of it on, 56 MiB, and at 31/32 all that
 * is free goes back.
 */
TEST(near_it_no_cpu_keeps)
{
	size_t i, k, kept;
	void *p[10];

	fill(24 * MIB);
	for (k = 5; k < 10; k++)
		for (i = 0; i < 40; i++)
			free(memset(malloc(k * 8192), 1, k * 8192));
	kept = number("large.kept");
	for (k = 5; k < 10; k++)
		p[k] = memset(malloc(k * 8192), 1, k * 8192);
	EXPECT_LT(0, kept);
	fill(61 * MIB);
	for (k = 5; k < 10; k++)
		free(p[k]);
	EXPECT_EQ(0, number("large.kept"));
}

TEST_HARNESS_MAIN
