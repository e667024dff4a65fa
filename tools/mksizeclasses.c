// SPDX-License-Identifier: GPL-2.0-only
/*
 * mksizeclasses: compute libshim's size classes and print them as C.
 *
 * What the table keeps, each item checked here before a line is printed:
 *
 *  - every size is a multiple of 16, so that every object is aligned as C
 *    demands of malloc(); from 1024 bytes on a multiple of 128;
 *  - sizes rise by at most 1/8, or by the 16 that alignment costs below 128; two
 *    of them become one where a span holds no more of the smaller, so that a
 *    request wastes at most 1/5 of its object;
 *  - a span wastes at most 1/8 of its pages at its end;
 *  - a span holds at most 512 objects: the bitmap in struct span;
 *  - a span is at least 8 objects or 32 KiB, whichever is less, so that a
 *    batch does not need a span for every other object;
 *  - (offset * recip) >> 32 is the object's number for every byte of a span:
 *    tried for each of them;
 *  - a power of two is a class of its own, so that aligned requests fit.
 *
 * Run by libshim/Makefile; the output goes into the build directory.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE		8192u
#define MIN_SIZE	16u
#define MAX_SIZE	32768u
#define SMALL_MAX	1024u	/* up to here the table has a step of 16 */
#define SMALL_STEP	16u
#define MID_STEP	128u
#define MAX_OBJS	512u
#define MAX_CLASSES	63u	/* stacks in struct percpu_slab, less class 0 */
#define SPAN_AIM	32768u
#define BATCH_BYTES	65536u	/* what a batch may carry */
#define BATCH_MAX	32u
#define BATCH_MIN	2u

struct class {
	unsigned int size;
	unsigned int npages;
	unsigned int nobjs;
	unsigned int recip;
	unsigned int batch;
};

static struct class classes[MAX_CLASSES + 1];
static unsigned int nclasses;

static void fail(const char *what, unsigned int a, unsigned int b)
{
	fprintf(stderr, "mksizeclasses: %s (%u, %u)\n", what, a, b);
	exit(1);
}

static bool is_power_of_two(unsigned int n)
{
	return n && !(n & (n - 1));
}

/* Step from this size to the next: an eighth, a multiple of 16. */
static unsigned int size_step(unsigned int size)
{
	unsigned int step = MIN_SIZE;
	unsigned int power = 128;

	while (power * 2 <= size)
		power *= 2;
	if (size >= 128)
		step = power / 8;
	return step;
}

static unsigned int span_pages(unsigned int size)
{
	unsigned int want = 8 * size < SPAN_AIM ? 8 * size : SPAN_AIM;
	unsigned int bytes = (want + PAGE - 1) / PAGE * PAGE;

	while (bytes % size > bytes / 8)
		bytes += PAGE;
	return bytes / PAGE;
}

static void class_add(unsigned int size)
{
	unsigned int npages = span_pages(size);
	unsigned int nobjs = npages * PAGE / size;
	struct class *c = &classes[nclasses];

	/* The same span would hold as many of the larger size: merge. */
	if (nclasses && c->npages == npages && c->nobjs == nobjs &&
	    !is_power_of_two(c->size)) {
		c->size = size;
		return;
	}
	if (nclasses == MAX_CLASSES)
		fail("too many classes", size, nclasses);
	c = &classes[++nclasses];
	c->size = size;
	c->npages = npages;
	c->nobjs = nobjs;
}

static void class_finish(struct class *c)
{
	c->recip = UINT32_MAX / c->size + 1;
	c->batch = BATCH_BYTES / c->size;
	if (c->batch > BATCH_MAX)
		c->batch = BATCH_MAX;
	if (c->batch < BATCH_MIN)
		c->batch = BATCH_MIN;
}

static void classes_make(void)
{
	unsigned int size;
	unsigned int i;

	for (size = MIN_SIZE; size <= MAX_SIZE; size += size_step(size))
		class_add(size);
	for (i = 1; i <= nclasses; i++)
		class_finish(&classes[i]);
}

static void class_check(unsigned int i)
{
	struct class *c = &classes[i];
	unsigned int prev = classes[i - 1].size;
	unsigned int bytes = c->npages * PAGE;
	unsigned int off;

	if (c->size <= prev)
		fail("sizes do not rise", prev, c->size);
	if (c->size % 16 || (c->size > SMALL_MAX && c->size % MID_STEP))
		fail("alignment", i, c->size);
	if (!c->nobjs || c->nobjs > MAX_OBJS)
		fail("objects in a span", c->size, c->nobjs);
	if (bytes % c->size > bytes / 8)
		fail("waste at the end of a span", c->size, bytes);
	if (c->size > 128 && c->size - (prev + 1) > c->size / 5)
		fail("waste of a request", prev + 1, c->size);
	if (c->size <= 128 && c->size - prev != 16)
		fail("waste of a small request", prev, c->size);
	for (off = 0; off < bytes; off++) {
		unsigned int n = (uint64_t)off * c->recip >> 32;

		if (n != off / c->size)
			fail("reciprocal", c->size, off);
	}
}

static unsigned int class_find(unsigned int size)
{
	unsigned int i;

	for (i = 1; i <= nclasses; i++)
		if (classes[i].size >= size)
			return i;
	fail("no class", size, 0);
	return 0;
}

static void classes_check(void)
{
	unsigned int size;
	unsigned int i;

	for (i = 1; i <= nclasses; i++)
		class_check(i);
	if (classes[nclasses].size != MAX_SIZE)
		fail("last class", classes[nclasses].size, MAX_SIZE);
	for (size = MIN_SIZE; size <= MAX_SIZE; size *= 2)
		if (classes[class_find(size)].size != size)
			fail("power of two", size, 0);
	/* Each table entry must serve every size that selects it. */
	for (size = 1; size <= MAX_SIZE; size++) {
		unsigned int step = size <= SMALL_MAX ? SMALL_STEP : MID_STEP;
		unsigned int top = ((size - 1) / step + 1) * step;

		if (class_find(size) != class_find(top))
			fail("table entry", size, top);
	}
}

static void lookup_print(const char *name, unsigned int max, unsigned int step)
{
	unsigned int i;

	printf("\nconst uint8_t %s[%u] = {", name, max / step);
	for (i = 0; i < max / step; i++)
		printf("%s%u,", i % 16 ? " " : "\n\t",
		       class_find((i + 1) * step));
	printf("\n};\n");
}

int main(int argc, char **argv)
{
	unsigned int i;

	classes_make();
	classes_check();
	printf("/* SPDX-License-Identifier: LGPL-2.1-or-later */\n");
	printf("/* Made by tools/mksizeclasses.c: edit that. */\n");
	if (argc > 1 && argv[1][0] == 'h') {
		printf("#define SIZECLASS_COUNT\t%u\n", nclasses);
		printf("#define SIZECLASS_MAX\t%u\n", MAX_SIZE);
		printf("#define SIZECLASS_SMALL_MAX\t%u\n", SMALL_MAX);
		printf("#define SIZECLASS_BATCH_MAX\t%u\n", BATCH_MAX);
		return 0;
	}
	printf("\nconst struct sizeclass sizeclass_info[%u] = {\n",
	       nclasses + 1);
	printf("\t/* size, reciprocal, objects, pages, batch */\n\t{ 0 },\n");
	for (i = 1; i <= nclasses; i++)
		printf("\t{ %u, %uu, %u, %u, %u },\n", classes[i].size,
		       classes[i].recip, classes[i].nobjs, classes[i].npages,
		       classes[i].batch);
	printf("};\n");
	lookup_print("sizeclass_small", SMALL_MAX, SMALL_STEP);
	lookup_print("sizeclass_mid", MAX_SIZE, MID_STEP);
	return 0;
}
