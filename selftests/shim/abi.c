// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi: return values, errno, alignment and overflow of the malloc family, as
 * glibc's manual and tests have them.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "patience.h"

void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);

/* Hidden from the compiler, which would know the size or drop the call. */
static volatile size_t zero;
static void *volatile sink;

#define HUGE(n)	((size_t)PTRDIFF_MAX + (n) + zero)

#define EXPECT_NO_MEMORY(call) do {	\
	errno = 0;			\
	sink = (call);			\
	EXPECT_EQ(NULL, sink);		\
	EXPECT_EQ(ENOMEM, errno);	\
} while (0)

TEST(sizes_past_ptrdiff_max_fail)
{
	static const size_t less[] = { 0, 1, 15, 4096, 1 << 20 };
	unsigned int i;
	void *p = malloc(16);

	for (i = 0; i < ARRAY_SIZE(less); i++) {
		size_t size = SIZE_MAX - less[i] + zero;

		EXPECT_NO_MEMORY(malloc(size));
		EXPECT_NO_MEMORY(calloc(1, size));
		EXPECT_NO_MEMORY(realloc(p, size));
		EXPECT_NO_MEMORY(reallocarray(p, 1, size));
		EXPECT_NO_MEMORY(memalign(64, size));
		EXPECT_NO_MEMORY(aligned_alloc(64, size));
		EXPECT_NO_MEMORY(valloc(size));
		EXPECT_NO_MEMORY(pvalloc(size));
	}
	EXPECT_NO_MEMORY(malloc(HUGE(1)));
	EXPECT_NO_MEMORY(malloc(HUGE(0)));
	EXPECT_NO_MEMORY(memalign((size_t)1 << 63, 16));
	free(p);
}

TEST(products_that_overflow_fail)
{
	size_t half = ((size_t)1 << 32) + zero;
	void *p = malloc(16);

	EXPECT_NO_MEMORY(calloc(half, half));
	EXPECT_NO_MEMORY(calloc(half, half * 2));
	EXPECT_NO_MEMORY(calloc(SIZE_MAX + zero, 2));
	EXPECT_NO_MEMORY(reallocarray(p, half, half));
	EXPECT_NO_MEMORY(reallocarray(NULL, SIZE_MAX / 2 + zero, 3));
	free(p);
}

TEST(objects_are_aligned)
{
	size_t size;

	for (size = 0; size < 70000; size += size < 3000 ? 1 : 997) {
		void *p = malloc(size);

		ASSERT_NE(NULL, p);
		ASSERT_EQ(0, (uintptr_t)p % 16);
		ASSERT_LE(size, malloc_usable_size(p));
		memset(p, 0xff, malloc_usable_size(p));
		free(p);
	}
}

TEST(asked_alignment_is_kept)
{
	size_t align, size;
	void *p;

	for (align = 8; align <= (size_t)4 << 20; align *= 2) {
		for (size = 0; size < 100000; size = size * 3 + 1) {
			p = NULL;
			ASSERT_EQ(0, posix_memalign(&p, align, size));
			ASSERT_EQ(0, (uintptr_t)p % align);
			ASSERT_LE(size, malloc_usable_size(p));
			memset(p, 1, size);
			free(p);
			p = aligned_alloc(align, size);
			ASSERT_NE(NULL, p);
			ASSERT_EQ(0, (uintptr_t)p % align);
			free(p);
			p = memalign(align, size);
			ASSERT_NE(NULL, p);
			ASSERT_EQ(0, (uintptr_t)p % align);
			free_aligned_sized(p, align, size);
		}
	}
}

TEST(bad_alignment_is_refused)
{
	static const size_t bad[] = { 0, 1, 2, 3, 4, 7, 9, 12, 24, 4095 };
	void *const before = (void *)&zero;
	unsigned int i;
	void *p;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		p = before;
		errno = 0;
		EXPECT_EQ(EINVAL, posix_memalign(&p, bad[i], 16));
		EXPECT_EQ(before, p);
		EXPECT_EQ(0, errno);
	}
	errno = 0;
	EXPECT_EQ(NULL, aligned_alloc(24 + zero, 48));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(NULL, aligned_alloc(zero, 48));
	EXPECT_EQ(EINVAL, errno);
	/* memalign() rounds up instead */
	p = memalign(24 + zero, 48);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, (uintptr_t)p % 32);
	free(p);
	errno = 0;
	EXPECT_EQ(NULL, memalign(((size_t)1 << 63) + 1 + zero, 16));
	EXPECT_EQ(EINVAL, errno);
}

/*
 * POSIX leaves errno unspecified; glibc sets it where memory is short, and so
 * do we.
 */
TEST(posix_memalign_failure_sets_no_pointer)
{
	void *const before = (void *)&zero;
	void *p = before;

	errno = 0;
	EXPECT_EQ(ENOMEM, posix_memalign(&p, 64, HUGE(1)));
	EXPECT_EQ(before, p);
	EXPECT_EQ(ENOMEM, errno);
	errno = 0;
	EXPECT_EQ(EINVAL, posix_memalign(&p, 24 + zero, 1));
	EXPECT_EQ(EINVAL, posix_memalign(&p, 4 + zero, 1));
	EXPECT_EQ(EINVAL, posix_memalign(&p, zero, 1));
	EXPECT_EQ(before, p);
	EXPECT_EQ(0, errno);
}

TEST(page_functions)
{
	size_t page = (size_t)getpagesize();
	void *p = valloc(3);

	EXPECT_NE(NULL, p);
	EXPECT_EQ(0, (uintptr_t)p % page);
	free(p);
	p = pvalloc(1);
	EXPECT_NE(NULL, p);
	EXPECT_EQ(0, (uintptr_t)p % page);
	EXPECT_LE(page, malloc_usable_size(p));
	free(p);
}

TEST(empty_objects_are_distinct)
{
	void *a = malloc(zero);
	void *b = malloc(zero);
	void *c = calloc(zero, 8);
	void *d = calloc(8, zero);

	EXPECT_NE(NULL, a);
	EXPECT_NE(NULL, b);
	EXPECT_NE(NULL, c);
	EXPECT_NE(NULL, d);
	EXPECT_NE(a, b);
	EXPECT_NE(c, d);
	free(a);
	free(b);
	free(c);
	free(d);
}

TEST(null_is_fine)
{
	errno = 77;
	free(NULL);
	free_sized(NULL, 100);
	free_aligned_sized(NULL, 64, 100);
	EXPECT_EQ(77, errno);
	EXPECT_EQ(0, malloc_usable_size(NULL));
}

TEST(free_leaves_errno_alone)
{
	static const size_t sizes[] = { 1, 100, 5000, 100000, 64 << 20 };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *p[200];
		unsigned int n = sizes[i] > 10000 ? 3 : 200;

		for (k = 0; k < n; k++)
			p[k] = malloc(sizes[i]);
		for (k = 0; k < n; k++) {
			errno = 1234;
			free(p[k]);
			ASSERT_EQ(1234, errno);
		}
	}
}

TEST(realloc_of_nothing_and_to_nothing)
{
	void *p = realloc(NULL, 100);

	ASSERT_NE(NULL, p);
	errno = 0;
	EXPECT_EQ(NULL, realloc(p, zero));
	EXPECT_EQ(0, errno);
	p = realloc(NULL, zero);
	EXPECT_NE(NULL, p);
	free(p);
}

TEST(realloc_keeps_contents)
{
	size_t size = 1, old, i;
	unsigned char *p = malloc(1);

	p[0] = 0;
	while (size < (size_t)40 << 20) {
		old = size;
		size = size + size / 3 + 1;
		p = realloc(p, size);
		ASSERT_NE(NULL, p);
		for (i = 0; i < old; i += old / 97 + 1)
			ASSERT_EQ((unsigned char)i, p[i]);
		for (i = 0; i < size; i++)
			p[i] = (unsigned char)i;
	}
	while (size > 1) {
		size = size * 2 / 3;
		p = realloc(p, size);
		ASSERT_NE(NULL, p);
		for (i = 0; i < size; i += size / 97 + 1)
			ASSERT_EQ((unsigned char)i, p[i]);
	}
	free(p);
}

/* An array whose size crosses that of the largest class back and forth. */
TEST(realloc_about_the_largest_class)
{
	char *p = malloc(34000), *q;
	int i;

	memset(p, 7, 34000);
	for (i = 0; i < 100; i++) {
		q = realloc(p, 20000);
		EXPECT_EQ(p, q);
		EXPECT_GT(34000, malloc_usable_size(q));
		p = realloc(q, 33000);
		EXPECT_EQ(q, p);
		EXPECT_EQ(7, p[19999]);
		memset(p, 7, 33000);
	}
	/*
	 * A much smaller array is an object of a class again or, if a profile
	 * picks it as a sample, a span of one page.
	 */
	q = realloc(p, 1000);
	EXPECT_GE(8192, malloc_usable_size(q));
	EXPECT_EQ(7, q[999]);
	free(q);
}

TEST(a_failed_realloc_keeps_the_object)
{
	char *p = malloc(10);

	strcpy(p, "untouched");
	EXPECT_NO_MEMORY(realloc(p, HUGE(1)));
	EXPECT_EQ(0, strcmp(p, "untouched"));
	free(p);
}

TEST(realloc_of_an_aligned_object)
{
	char *p = aligned_alloc(4096, 8192);

	strcpy(p, "text");
	p = realloc(p, 300000);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, strcmp(p, "text"));
	free(p);
}

static bool is_zero(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* For memory that was written, and for memory that never was. */
TEST(calloc_is_zero)
{
	size_t size;
	int round;

	for (round = 0; round < 4; round++) {
		for (size = 1; size < (size_t)9 << 20; size = size * 5 / 3 + 1) {
			unsigned char *p = calloc(1, size);

			ASSERT_NE(NULL, p);
			ASSERT_TRUE(is_zero(p, size));
			memset(p, 0xee, malloc_usable_size(p));
			free(p);
		}
		if (round == 1)
			malloc_trim(0);
	}
}

TEST(calloc_is_zero_after_resizing)
{
	int i;

	for (i = 0; i < 20; i++) {
		unsigned char *p = malloc((size_t)3 << 20);

		memset(p, 0xdd, (size_t)3 << 20);
		p = realloc(p, (size_t)1 << 20);
		p = realloc(p, (size_t)5 << 20);
		memset(p, 0xdd, (size_t)5 << 20);
		free(p);
		p = calloc(1, (size_t)4 << 20);
		ASSERT_NE(NULL, p);
		ASSERT_TRUE(is_zero(p, (size_t)4 << 20));
		free(p);
	}
}

/* Everything that malloc_usable_size() reports may be written. */
TEST(usable_size_is_usable)
{
	unsigned char *a[500], *b[500];
	unsigned int i;
	size_t k;

	for (i = 0; i < 500; i++) {
		a[i] = malloc(i * 7);
		b[i] = malloc(i * 7);
		memset(a[i], 0xaa, malloc_usable_size(a[i]));
		memset(b[i], 0xbb, malloc_usable_size(b[i]));
	}
	for (i = 0; i < 500; i++) {
		for (k = 0; k < malloc_usable_size(a[i]); k++)
			ASSERT_EQ(0xaa, a[i][k]);
		free_sized(a[i], i * 7);
		free(b[i]);
	}
}

TEST(mallopt_knows_its_parameters)
{
	EXPECT_EQ(1, mallopt(M_MMAP_THRESHOLD, 1 << 20));
	EXPECT_EQ(1, mallopt(M_ARENA_MAX, 1));
	EXPECT_EQ(1, mallopt(M_MXFAST, 64));
	EXPECT_EQ(0, mallopt(M_MXFAST, 1 << 20));
	EXPECT_EQ(0, mallopt(12345, 1));
}

/* How much address space this process has, in bytes. */
static size_t vm_size(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%zu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (size_t)getpagesize();
}

/*
 * The bytes in use rise by what is allocated and fall again with it; the free
 * bytes rise by what was freed; the heap is as large as both together, and what
 * the process has mapped is no less.
 */
TEST(mallinfo_counts)
{
	const size_t len = (size_t)10 << 20, slack = (size_t)1 << 20;
	struct mallinfo2 before = mallinfo2(), full, after;
	struct mallinfo narrow;
	void *p = malloc(len);

	ASSERT_NE(NULL, p);
	full = mallinfo2();
	EXPECT_LE(before.uordblks + len, full.uordblks);
	EXPECT_GE(before.uordblks + len + slack, full.uordblks);
	EXPECT_LE(full.uordblks + full.fordblks, full.arena);
	EXPECT_GE(vm_size(), full.arena);
	EXPECT_LE(len, full.arena);
	free(p);
	after = mallinfo2();
	EXPECT_GE(before.uordblks + slack, after.uordblks);
	EXPECT_LE(full.fordblks + len - slack, after.fordblks);
	EXPECT_LE(full.arena, after.arena);
	/* old programs call it, and the C library's header has a warning for new ones */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	narrow = mallinfo();
#pragma GCC diagnostic pop
	EXPECT_EQ((int)after.arena, narrow.arena);
	EXPECT_EQ((int)after.uordblks, narrow.uordblks);
	EXPECT_EQ((int)after.fordblks, narrow.fordblks);
}

TEST(malloc_info_is_xml)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	EXPECT_EQ(EINVAL, malloc_info(1, f));
	EXPECT_EQ(0, malloc_info(0, f));
	fclose(f);
	EXPECT_EQ(0, strncmp(text, "<malloc version=", 16));
	EXPECT_NE(NULL, strstr(text, "<aspace type=\"total\""));
	EXPECT_EQ(0, strcmp(text + len - 10, "</malloc>\n"));
	free(text);
}

static size_t resident_kb(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*u %zu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * 4;
}

/* 64 MiB in small objects: freed and trimmed, most of it is gone. */
TEST(trim_gives_memory_back)
{
	enum { N = 64 << 10 };
	char **p = malloc(N * sizeof(*p));
	size_t before, full;
	unsigned int i;

	before = resident_kb();
	for (i = 0; i < N; i++) {
		p[i] = malloc(1000);
		memset(p[i], 1, 1000);
	}
	full = resident_kb();
	EXPECT_LE(before + 60000, full);
	for (i = 0; i < N; i++)
		free(p[i]);
	malloc_trim(0);
	/* the records of the spans stay; a profile makes many of them */
	EXPECT_GE(before + (full - before) / 8, resident_kb());
	free(p);
}

/*
 * A page that was locked and then freed keeps its own block resident, and no
 * other.
 */
TEST(locked_page_holds_one_block)
{
	enum { N = 12, LEN = 16 << 20 };
	size_t before, full;
	char *p[N];
	int i;

	malloc_trim(0);
	before = resident_kb();
	for (i = 0; i < N; i++) {
		p[i] = malloc(LEN);
		ASSERT_NE(NULL, p[i]);
		memset(p[i], 1, LEN);
	}
	full = resident_kb();
	EXPECT_LE(before + N * LEN / 1024 - 8000, full);
	ASSERT_EQ(0, mlock(p[N / 2] + LEN / 3, 1));
	for (i = 0; i < N; i++)
		free(p[i]);
	malloc_trim(0);
	EXPECT_GE(before + 8000, resident_kb());
}

TEST_HARNESS_MAIN
