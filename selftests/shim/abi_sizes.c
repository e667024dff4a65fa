// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_sizes: every size at which something changes, many objects of each, and
 * every byte checked.
 *
 * The sizes are the bounds of the classes, as shim_ctl() reports them, with a
 * byte more and a byte less; the last class, and the first size beyond it.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"
#include "shim.h"

#define MANY	200u
#define BOUNDS	256u
#define MIB	((size_t)1 << 20)

static size_t bounds[BOUNDS], classes[BOUNDS];
static unsigned int nbounds, nclasses;

static uint64_t number(const char *name)
{
	size_t len = sizeof(uint64_t);
	uint64_t n = 0;

	return shim_ctl(name, &n, &len, NULL, 0) ? UINT64_MAX : n;
}

static void bounds_get(void)
{
	char name[32];
	unsigned int i;
	size_t size;

	if (nbounds)
		return;
	for (i = 1; i < BOUNDS / 3; i++) {
		snprintf(name, sizeof(name), "class.%u.size", i);
		size = number(name);
		if (size == UINT64_MAX)
			break;
		classes[nclasses++] = size;
		bounds[nbounds++] = size - 1;
		bounds[nbounds++] = size;
		bounds[nbounds++] = size + 1;
	}
}

/* Bytes that differ from object to object and from byte to byte. */
static unsigned char byte(unsigned int nr, size_t i)
{
	return (unsigned char)(nr * 7 + i * 31 + (i >> 8) + 1);
}

static void fill(unsigned char *p, unsigned int nr, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = byte(nr, i);
}

/* The first byte that is not what fill() wrote, or @n. */
static size_t filled(const unsigned char *p, unsigned int nr, size_t n)
{
	size_t i;

	for (i = 0; i < n && p[i] == byte(nr, i); i++)
		;
	return i;
}

static size_t zeros(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && !p[i]; i++)
		;
	return i;
}

FIXTURE(sizes) {
	int unused;
};

FIXTURE_SETUP(sizes)
{
	bounds_get();
	ASSERT_LE(30, nclasses);
	ASSERT_EQ(16, classes[0]);
	ASSERT_EQ(32768, classes[nclasses - 1]);
}

FIXTURE_TEARDOWN(sizes)
{
}

/*
 * An object's usable size is that of its class, or whole pages: no more, no
 * less.
 */
TEST_F(sizes, usable_is_the_class)
{
	unsigned int i, cls = 0;
	size_t want;
	void *p;

	for (i = 0; i < nbounds; i++) {
		while (cls < nclasses && classes[cls] < bounds[i])
			cls++;
		want = cls < nclasses ? classes[cls] :
					(bounds[i] + 8191) & ~(size_t)8191;
		p = malloc(bounds[i]);
		ASSERT_EQ(want, malloc_usable_size(p)) {
			TH_LOG("malloc(%zu)", bounds[i]);
		}
		free(p);
	}
}

TEST_F(sizes, many_at_every_bound)
{
	unsigned char *p[MANY];
	unsigned int i, k;
	size_t n;

	for (i = 0; i < nbounds; i++) {
		for (k = 0; k < MANY; k++) {
			p[k] = malloc(bounds[i]);
			ASSERT_NE(NULL, p[k]);
			ASSERT_EQ(0, (uintptr_t)p[k] % 16);
			fill(p[k], k, malloc_usable_size(p[k]));
		}
		for (k = 0; k < MANY; k++) {
			n = malloc_usable_size(p[k]);
			ASSERT_EQ(n, filled(p[k], k, n));
			free(p[k]);
		}
	}
}

static void *aligned(unsigned int how, size_t align, size_t size)
{
	void *p = NULL;

	switch (how % 3) {
	case 0:
		return memalign(align, size);
	case 1:
		return aligned_alloc(align, size);
	}
	return posix_memalign(&p, align, size) ? NULL : p;
}

/* Many at a time, since a single one could be aligned by chance. */
TEST_F(sizes, many_of_every_alignment)
{
	unsigned char *p[MANY];
	unsigned int i, k;
	size_t align, n;

	for (align = 8; align <= 16384; align *= 2) {
		for (i = 0; i < nclasses; i++) {
			for (k = 0; k < MANY; k++) {
				p[k] = aligned(k, align, classes[i]);
				ASSERT_NE(NULL, p[k]);
				ASSERT_EQ(0, (uintptr_t)p[k] % align) {
					TH_LOG("%zu of %zu", classes[i], align);
				}
				ASSERT_LE(classes[i], malloc_usable_size(p[k]));
				p[k][0] = byte(k, 0);
				n = malloc_usable_size(p[k]) - 1;
				p[k][n] = byte(k, n);
			}
			for (k = 0; k < MANY; k++) {
				n = malloc_usable_size(p[k]) - 1;
				ASSERT_EQ(byte(k, 0), p[k][0]);
				ASSERT_EQ(byte(k, n), p[k][n]);
				free(p[k]);
			}
		}
	}
}

/* memalign() rounds up what is not a valid alignment. */
TEST_F(sizes, many_of_no_alignment)
{
	static const size_t odd[] = {
		0, 1, 3, 17, 24, 33, 40, 48, 65, 100, 129, 1000, 2049, 4097, 5000,
	};
	unsigned int i, k, c;
	size_t align;
	void *p[64];

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		for (align = 16; align < odd[i];)
			align *= 2;
		for (c = 0; c < nclasses; c++) {
			for (k = 0; k < 64; k++) {
				p[k] = memalign(odd[i], classes[c]);
				ASSERT_NE(NULL, p[k]);
				ASSERT_EQ(0, (uintptr_t)p[k] % align) {
					TH_LOG("%zu of %zu", classes[c], odd[i]);
				}
			}
			for (k = 0; k < 64; k++)
				free(p[k]);
		}
	}
}

/* From the whole usable size to larger and smaller ones of every kind. */
TEST_F(sizes, realloc_from_all_that_is_usable)
{
	static const size_t large[] = {
		40000, 65537, 262143, 262144, 300001, 700000, 1048577, 2097151,
		2097153, 5000000,
	};
	size_t from[BOUNDS], to[8], have, less;
	unsigned int n = 0, i, k;
	unsigned char *p, *wall;

	for (i = 0; i < nbounds; i++)
		from[n++] = bounds[i];
	for (i = 0; i < ARRAY_SIZE(large) && n < BOUNDS; i++)
		from[n++] = large[i];
	for (i = 0; i < n; i++) {
		for (k = 0; k < ARRAY_SIZE(to); k++) {
			p = malloc(from[i]);
			ASSERT_NE(NULL, p);
			/*
			 * an obstacle, so that it cannot always grow in place
			 */
			wall = malloc(from[i]);
			have = malloc_usable_size(p);
			fill(p, i, have);
			fill(wall, k, from[i]);
			to[0] = have + 1;
			to[1] = have + 100;
			to[2] = 2 * have;
			to[3] = 5 * have + 12345;
			to[4] = have - 1;
			to[5] = have / 2 + 1;
			to[6] = have / 3 + 1;
			to[7] = 1;
			p = realloc(p, to[k]);
			ASSERT_NE(NULL, p);
			ASSERT_LE(to[k], malloc_usable_size(p));
			less = to[k] < have ? to[k] : have;
			ASSERT_EQ(less, filled(p, i, less)) {
				TH_LOG("from %zu (%zu) to %zu", from[i], have,
				       to[k]);
			}
			/* the whole new size may be written */
			memset(p, 0x5a, malloc_usable_size(p));
			ASSERT_EQ(from[i], filled(wall, k, from[i]));
			free(p);
			free(wall);
		}
	}
}

static size_t allocated(void)
{
	malloc_trim(0);
	return number("allocated");
}

/* Each class to each: what was moved is free again, and what stays is not. */
TEST_F(sizes, realloc_frees_what_it_moved)
{
	size_t before, i, k;
	void *p;

	before = allocated();
	for (i = 0; i < nclasses; i++)
		for (k = 0; k < nclasses; k++) {
			p = realloc(malloc(classes[i]), classes[k]);
			ASSERT_NE(NULL, p);
			ASSERT_LE(classes[k], malloc_usable_size(p));
			/* no more than twice of what is asked for is kept */
			ASSERT_GE(2 * classes[k], malloc_usable_size(p));
			free(p);
		}
	EXPECT_EQ(before, allocated());
}

/*
 * An array that had to move to grow gets room to grow on, and keeps it as it
 * grows.
 */
TEST_F(sizes, room_to_grow_stays)
{
	char *p[16];
	size_t have;
	int i, moved = 0;

	/* mostly one after the other, where they cannot grow in place */
	for (i = 0; i < 16; i++) {
		p[i] = malloc(100000);
		ASSERT_NE(NULL, p[i]);
	}
	for (i = 0; i < 16; i++) {
		char *was = p[i];

		p[i] = realloc(was, 110000);
		ASSERT_NE(NULL, p[i]);
		if (p[i] == was)
			continue;
		moved++;
		have = malloc_usable_size(p[i]);
		was = p[i];
		p[i] = realloc(p[i], 112000);
		EXPECT_EQ(was, p[i]);
		EXPECT_EQ(have, malloc_usable_size(p[i]));
		/* an eighth more than was requested */
		p[i] = realloc(p[i], 120000);
		EXPECT_EQ(was, p[i]);
		EXPECT_EQ(have, malloc_usable_size(p[i]));
	}
	EXPECT_LT(8, moved);
	for (i = 0; i < 16; i++)
		free(p[i]);
}

/* In memory that was full of something else. */
TEST_F(sizes, calloc_is_zero_in_every_byte)
{
	unsigned char *p[16];
	unsigned int i, k;

	for (i = 0; i < nbounds; i++) {
		for (k = 0; k < 16; k++) {
			p[k] = malloc(bounds[i]);
			memset(p[k], 0xff, malloc_usable_size(p[k]));
		}
		for (k = 0; k < 16; k++)
			free(p[k]);
		for (k = 0; k < 16; k++) {
			p[k] = k % 2 ? calloc(1, bounds[i]) :
				       calloc(bounds[i], 1);
			ASSERT_NE(NULL, p[k]);
			ASSERT_EQ(bounds[i], zeros(p[k], bounds[i]));
		}
		for (k = 0; k < 16; k++)
			free(p[k]);
	}
	/* elements: the product counts, not one of its factors */
	for (i = 1; i < 3000; i += 7) {
		p[0] = malloc(i * 13);
		memset(p[0], 0xff, malloc_usable_size(p[0]));
		free(p[0]);
		p[0] = calloc(13, i);
		ASSERT_LE(13 * i, malloc_usable_size(p[0]));
		ASSERT_EQ(13 * i, zeros(p[0], 13 * i));
		free(p[0]);
	}
}

/*
 * Make free memory that nothing else takes back: more than 1 MiB, less than 4.
 */
static void free_some(void)
{
	char *p = malloc(3 * MIB);

	memset(p, 1, 3 * MIB);
	free(p);
}

TEST_F(sizes, trim_tells_whether_it_gave_anything)
{
	size_t had;

	malloc_trim(0);
	free_some();
	ASSERT_LE(3 * MIB, number("heap.free"));
	EXPECT_EQ(1, malloc_trim(0));
	EXPECT_EQ(0, number("heap.free"));
	EXPECT_EQ(0, malloc_trim(0));
	/* what the pad allows to stay does stay */
	free_some();
	had = number("heap.free");
	EXPECT_EQ(0, malloc_trim(had));
	EXPECT_EQ(had, number("heap.free"));
	EXPECT_EQ(1, malloc_trim(MIB));
	EXPECT_GE(MIB, number("heap.free"));
	EXPECT_EQ(0, malloc_trim(MIB));
	/* the caches count, too: their objects belong to nobody */
	malloc_trim(0);
	free(malloc(100));
	malloc_trim(0);
	EXPECT_EQ(0, number("cache.bytes"));
	EXPECT_EQ(0, number("large.kept"));
}

/* Memory that the kernel has taken back does not return by itself. */
TEST_F(sizes, trim_is_exact)
{
	uint64_t released = number("heap.released"), resident;

	malloc_trim(0);
	free_some();
	resident = number("resident");
	released = number("heap.released");
	malloc_trim(0);
	EXPECT_EQ(resident - number("resident"),
		  number("heap.released") - released);
}

TEST_HARNESS_MAIN
