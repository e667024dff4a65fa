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

#include "kselftest_harness.h"

#include "shim.h"

#define MIB	((size_t)1 << 20)

static size_t number(const char *name)
{
	uint64_t n = 0;
	size_t len = sizeof(n);

	shim_ctl(name, &n, &len, NULL, 0);
	return n;
}

enum how {
	SMALL,
	LARGE,
	HUGE_OBJECTS,
	CLEARED,
	ALIGNED,
	GROW_LITTLE,
	GROW_HALF,
	GROW_AMONG,
};

/* What a test has: an array that grows, and bytes in all that it has. */
struct had {
	char *p;
	size_t size;
	size_t live;
};

FIXTURE(limit) {
	struct had had;
};

FIXTURE_VARIANT(limit) {
	enum how how;
};

FIXTURE_VARIANT_ADD(limit, small) {
	.how = SMALL
};

FIXTURE_VARIANT_ADD(limit, large) {
	.how = LARGE
};

FIXTURE_VARIANT_ADD(limit, huge) {
	.how = HUGE_OBJECTS
};

FIXTURE_VARIANT_ADD(limit, cleared) {
	.how = CLEARED
};

FIXTURE_VARIANT_ADD(limit, aligned) {
	.how = ALIGNED
};

FIXTURE_VARIANT_ADD(limit, grow_little) {
	.how = GROW_LITTLE
};

FIXTURE_VARIANT_ADD(limit, grow_half) {
	.how = GROW_HALF
};

FIXTURE_VARIANT_ADD(limit, grow_among_others) {
	.how = GROW_AMONG
};

FIXTURE_SETUP(limit)
{
	memset(&self->had, 0, sizeof(self->had));
}

FIXTURE_TEARDOWN(limit)
{
}

/* The array grows to @size; false if it may not. */
static bool grow(struct had *had, size_t size)
{
	char *q = realloc(had->p, size);

	if (!q)
		return false;
	memset(q + had->size, 1, size - had->size);
	had->live += size - had->size;
	had->p = q;
	had->size = size;
	return true;
}

static bool one_more(void *p, size_t size, size_t *live)
{
	if (!p)
		return false;
	memset(p, 1, size);
	*live += size;
	return true;
}

static bool more(struct had *had, enum how how)
{
	switch (how) {
	case SMALL:
		return one_more(malloc(1000), 1000, &had->live);
	case LARGE:
		return one_more(malloc(100000), 100000, &had->live);
	case HUGE_OBJECTS:
		return one_more(malloc(3 * MIB), 3 * MIB, &had->live);
	case CLEARED:
		return one_more(calloc(2, MIB), 2 * MIB, &had->live);
	case ALIGNED:
		return one_more(memalign(MIB, MIB), MIB, &had->live);
	case GROW_AMONG:
		if (!one_more(malloc(40000), 40000, &had->live))
			return false;
		return grow(had, had->size + 200000);
	case GROW_HALF:
		return grow(had, had->size ? had->size * 3 / 2 : MIB);
	case GROW_LITTLE:
		return grow(had, had->size + 100000);
	}
	return false;
}

TEST_F(limit, holds)
{
	size_t limit = number("limit"), heap;

	ASSERT_EQ(64 * MIB, limit);
	do {
		heap = number("heap.inuse") + number("heap.free");
		ASSERT_GE(limit, heap);
		ASSERT_GE(limit, self->had.live);
	} while (more(&self->had, variant->how));
	EXPECT_EQ(ENOMEM, errno);
	/* it was not refused long before; growing by half needs half */
	EXPECT_LE(limit / 2, self->had.live);
	if (variant->how != GROW_HALF)
		EXPECT_LE(limit * 8 / 10, self->had.live);
	/* and there is room again for who gives up what he has */
	free(self->had.p);
	if (self->had.p)
		EXPECT_NE(NULL, malloc(self->had.size / 2));
}

TEST_HARNESS_MAIN
