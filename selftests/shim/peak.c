// SPDX-License-Identifier: GPL-2.0-only
/*
 * peak: how much memory the heap takes for its live bytes.
 *
 * Each shape runs in the test's own process, which the harness forks.  The page
 * heap's numbers are read after each step; where memory is anonymous, the
 * kernel's high-water mark of the process counts as well.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "patience.h"

#include "shim.h"

#define MIB	((size_t)1 << 20)
/* The program, the library's own records, a tail or two. */
#define BASE	(8 * MIB)

static size_t number(const char *name)
{
	uint64_t n = 0;
	size_t len = sizeof(n);

	shim_ctl(name, &n, &len, NULL, 0);
	return n;
}

static size_t heap_now(void)
{
	return number("heap.inuse") + number("heap.free");
}

static bool is_anonymous(void)
{
	char text[16] = "";
	size_t len = sizeof(text);

	shim_ctl("backend", text, &len, NULL, 0);
	return !strcmp(text, "thp");
}

/* The most that was ever resident, without the parent's share. */
static size_t resident_most(void)
{
	size_t kb = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %zu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb << 10;
}

struct most {
	size_t live;
	size_t heap;
};

static void look(struct most *m, size_t live)
{
	size_t heap = heap_now();

	if (live > m->live)
		m->live = live;
	if (heap > m->heap)
		m->heap = heap;
}

static size_t percent(size_t part, size_t whole)
{
	return part * 100 / whole;
}

FIXTURE(tails) {
};

FIXTURE_VARIANT(tails) {
	size_t size;
	size_t n;
};

FIXTURE_VARIANT_ADD(tails, third) {
	.size = 700000, .n = 200
};

FIXTURE_VARIANT_ADD(tails, half) {
	.size = MIB + 1, .n = 120
};

FIXTURE_VARIANT_ADD(tails, buffer_with_a_header) {
	.size = 2 * MIB + 64, .n = 100
};

FIXTURE_VARIANT_ADD(tails, block_and_half) {
	.size = 3200000, .n = 60
};

FIXTURE_SETUP(tails)
{
}

FIXTURE_TEARDOWN(tails)
{
}

TEST_F(tails, are_not_resident)
{
	struct most m = { 0 };
	size_t i;
	char *p;

	for (i = 1; i <= variant->n; i++) {
		p = malloc(variant->size);
		ASSERT_NE(NULL, p);
		memset(p, 1, variant->size);
		look(&m, i * variant->size);
	}
	EXPECT_GE(115, percent(m.heap, m.live + MIB));
	if (is_anonymous())
		EXPECT_GE(115, percent(resident_most(), m.live + BASE));
}

/* An array that grows by @step, another object made after each @between. */
FIXTURE(steps) {
};

FIXTURE_VARIANT(steps) {
	size_t step;
	size_t n;
	size_t between;
};

FIXTURE_VARIANT_ADD(steps, elements) {
	.step = 8, .n = 2000000, .between = 16
};

FIXTURE_VARIANT_ADD(steps, pages) {
	.step = 4096, .n = 30000, .between = 1
};

FIXTURE_VARIANT_ADD(steps, pages_alone) {
	.step = 4096, .n = 30000, .between = 1000000
};

FIXTURE_SETUP(steps)
{
}

FIXTURE_TEARDOWN(steps)
{
}

TEST_F(steps, take_what_is_live)
{
	struct most m = { 0 };
	size_t i, live = 0;
	char *p = NULL, *q;
	void **node, **list = NULL;

	for (i = 1; i <= variant->n; i++) {
		q = realloc(p, i * variant->step);
		ASSERT_NE(NULL, q);
		p = q;
		/* the old content is unchanged */
		if (i % 1000 == 0) {
			ASSERT_EQ((char)(i / 2), p[(i / 2) * variant->step - 1]);
		}
		p[i * variant->step - 1] = (char)i;
		if (i % variant->between == 0) {
			node = malloc(40);
			ASSERT_NE(NULL, node);
			*node = list;
			list = node;
			live += 48;
		}
		if (i % 256 == 0)
			look(&m, live + i * variant->step);
	}
	for (i = 1; i <= variant->n; i++) {
		ASSERT_EQ((char)i, p[i * variant->step - 1]);
	}
	if (!is_anonymous())
		return;	/* copied: old and new place exist at the same time */
	/* an eighth is room that was not touched, and counts as in use */
	EXPECT_GE(130, percent(m.heap, m.live + MIB));
	EXPECT_GE(115, percent(resident_most(), m.live + BASE));
}

/*
 * Whatever fails on the way, realloc() to a smaller size works and keeps the
 * content.
 */
TEST(less_never_fails)
{
	const size_t sizes[] = { 30 * MIB, 2 * MIB + 1, 300000, 40000, 32768,
				 9000, 100, 1 };
	struct rlimit none = { MIB, MIB };
	unsigned char *p = malloc(40 * MIB), *q;
	void *x, **list = NULL;
	size_t i, k, z;

	ASSERT_NE(NULL, p);
	for (i = 0; i < 40 * MIB; i++)
		p[i] = (unsigned char)(i * 7 >> 3);
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &none));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* no memory of any size is left */
		for (z = MIB; z >= 16; z /= 2) {
			while ((x = malloc(z))) {
				*(void **)x = list;
				list = x;
			}
		}
		errno = 0;
		q = realloc(p, sizes[i]);
		ASSERT_NE(NULL, q);
		EXPECT_EQ(0, errno);
		p = q;
		for (k = 0; k < sizes[i]; k++) {
			ASSERT_EQ((unsigned char)(k * 7 >> 3), p[k]);
		}
	}
}

TEST_HARNESS_MAIN
