// SPDX-License-Identifier: GPL-2.0-only
/* HUGEARENA_IOC_DIRTY: which pages were written to since the last call. */
#include "harness.h"
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#define BLOCKS	16
#define PAGES	(BLOCKS * BLOCK_PAGES)
#define WORDS	(PAGES / 64)

FIXTURE(bits) {
	struct arena a;
	/* address of offset 0 */
	char *base;
	/* the part of it that is mapped: pages first to end - 1 */
	size_t first, end;
	__u64 bits[WORDS];
};

/* PTEs map it, because of its kind or of its address. */
FIXTURE_VARIANT(bits) {
	unsigned int kind;
};

FIXTURE_VARIANT_ADD(bits, pages) { HUGEARENA_KIND_PAGES };
FIXTURE_VARIANT_ADD(bits, odd_address) { HUGEARENA_KIND_BLOCKS };

FIXTURE_SETUP(bits)
{
	struct arena *a = &self->a;
	char *at;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make_kind(a, BLOCKS, variant->kind, 0));
	self->base = a->base;
	self->end = PAGES;
	if (variant->kind == HUGEARENA_KIND_BLOCKS) {
		/* offset 4096 at the place of offset 0: congruent nowhere */
		ASSERT_EQ(0, munmap(a->base, a->size));
		self->first = 1;
		at = mmap(a->base, a->size - OS_PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, a->fd, OS_PAGE);
		ASSERT_EQ(a->base, at);
		self->base = at - OS_PAGE;
	}
}

FIXTURE_TEARDOWN(bits)
{
	arena_drop(&self->a);
}

static void page_write(FIXTURE_DATA(bits) * self, size_t page)
{
	byte_write(self->base + page * OS_PAGE, 1);
}

static int bit_is_set(const __u64 *bits, size_t page)
{
	return bits[page / 64] >> page % 64 & 1;
}

/* Fetch all bits of the arena into self->bits; how many are set. */
static long take(FIXTURE_DATA(bits) * self)
{
	memset(self->bits, 0xff, sizeof(self->bits));
	return arena_dirty(&self->a, 0, PAGES * OS_PAGE, self->bits);
}

TEST_F(bits, what_was_written_and_nothing_else)
{
	size_t page, wrong = 0;

	for (page = self->first; page < self->end; page++)
		page_write(self, page);
	EXPECT_EQ(self->end - self->first, take(self));
	for (page = 0; page < PAGES; page++)
		wrong += bit_is_set(self->bits, page) != (page >= self->first);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, take(self));
	for (page = self->first; page < self->end; page += 7)
		page_write(self, page);
	EXPECT_EQ((self->end - self->first + 6) / 7, take(self));
	for (page = 0; page < PAGES; page++)
		wrong += bit_is_set(self->bits, page) !=
			 (page >= self->first && !((page - self->first) % 7));
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, take(self));
}

/* Giving a page back splits a block of one folio, which unmaps it. */
TEST_F(bits, giving_back_a_page_loses_no_other)
{
	size_t page;

	for (page = self->first; page < self->end; page++)
		page_write(self, page);
	ASSERT_LT(0, take(self));
	page_write(self, 5);
	ASSERT_EQ(0, arena_punch(&self->a, 9 * OS_PAGE, OS_PAGE));
	EXPECT_LT(0, take(self));
	EXPECT_EQ(1, bit_is_set(self->bits, 5));
}

TEST_F(bits, reading_is_no_writing)
{
	size_t page;

	for (page = self->first; page < self->end; page++)
		page_write(self, page);
	ASSERT_LT(0, take(self));
	for (page = self->first; page < self->end; page++)
		byte_read(self->base + page * OS_PAGE);
	EXPECT_EQ(0, take(self));
}

TEST_F(bits, nobody_faults_for_it)
{
	struct rusage before, after;
	size_t page;

	for (page = self->first; page < self->end; page++)
		page_write(self, page);
	ASSERT_LT(0, take(self));
	ASSERT_EQ(0, getrusage(RUSAGE_SELF, &before));
	for (page = self->first; page < self->end; page++)
		page_write(self, page);
	ASSERT_EQ(0, getrusage(RUSAGE_SELF, &after));
	/* the program dirties a few pages of its own */
	EXPECT_GT(64, after.ru_minflt - before.ru_minflt);
	EXPECT_EQ(self->end - self->first, take(self));
}

TEST_F(bits, a_part_leaves_the_rest)
{
	__u64 bits[2] = { ~0ULL, ~0ULL };
	size_t page;

	ASSERT_LE(0, take(self));
	for (page = 1000; page < 1200; page++)
		page_write(self, page);
	EXPECT_EQ(70, arena_dirty(&self->a, 1100 * OS_PAGE, 70 * OS_PAGE,
				  bits));
	EXPECT_EQ(~0ULL, bits[0]);
	EXPECT_EQ((1ULL << 6) - 1, bits[1]);
	EXPECT_EQ(130, take(self));
	EXPECT_EQ(0, bit_is_set(self->bits, 1100));
	EXPECT_EQ(1, bit_is_set(self->bits, 1099));
	EXPECT_EQ(1, bit_is_set(self->bits, 1170));
}

TEST_F(bits, what_a_failed_call_took_comes_again)
{
	char *map = mmap(NULL, 2 * OS_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t page;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + OS_PAGE, OS_PAGE));
	ASSERT_LE(0, take(self));
	for (page = 10; page < PAGES; page += 100)
		page_write(self, page);
	/* the first part of the result can be written, the next cannot */
	EXPECT_ERRNO(EFAULT, arena_dirty(&self->a, 0, PAGES * OS_PAGE,
					 (void *)(map + OS_PAGE - 512)));
	EXPECT_LE((PAGES - 10) / 100, take(self));
	for (page = 10; page < PAGES; page += 100)
		EXPECT_EQ(1, bit_is_set(self->bits, page));
	EXPECT_EQ(0, take(self));
	munmap(map, OS_PAGE);
}

TEST_F(bits, bad_arguments)
{
	struct hugearena_dirty good = {
		.len = BLOCK_LEN,
		.bitmap = (uintptr_t)self->bits,
		.flags = HUGEARENA_DIRTY_CLEAR,
	}, d;

#define REFUSED(_field, _value) do {					\
	d = good;							\
	d._field = (_value);						\
	EXPECT_ERRNO(EINVAL, ioctl(self->a.fd, HUGEARENA_IOC_DIRTY, &d)); \
} while (0)
	d = good;
	EXPECT_EQ(0, ioctl(self->a.fd, HUGEARENA_IOC_DIRTY, &d));
	REFUSED(len, 0);
	REFUSED(len, 1);
	REFUSED(len, PAGES * OS_PAGE + OS_PAGE);
	REFUSED(len, -OS_PAGE);
	REFUSED(offset, 1);
	REFUSED(offset, PAGES * OS_PAGE);
	REFUSED(flags, 0);
	REFUSED(flags, 2);
	REFUSED(flags, 3);
	REFUSED(pad, 1);
	REFUSED(dirty, 1);
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_DIRTY, 16));
}

struct writer {
	FIXTURE_DATA(bits) * self;
	int stop;
};

/* The first word of each page counts the writes to it. */
static __u64 *version(FIXTURE_DATA(bits) * self, size_t page)
{
	return (__u64 *)(self->base + page * OS_PAGE);
}

static void *write_versions(void *arg)
{
	struct writer *w = arg;
	unsigned int seed = 1;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		size_t page = w->self->first + rand_r(&seed) % 500;

		__atomic_fetch_add(version(w->self, page), 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* A write during a call is reported by that call or by the next one. */
TEST_F(bits, writers_meanwhile)
{
	struct writer w = { self, 0 };
	static __u64 seen[512];
	static int pending[512];
	size_t page, missed = 0, reported = 0;
	pthread_t t;
	int round;

	ASSERT_LE(0, take(self));
	ASSERT_EQ(0, pthread_create(&t, NULL, write_versions, &w));
	/* 300 rounds, or more until the writer has had a CPU */
	for (round = 0; round < 300 || !reported; round++) {
		ASSERT_LE(0, arena_dirty(&self->a, 0, 512 * OS_PAGE,
					 self->bits));
		for (page = self->first; page < self->first + 500; page++) {
			__u64 now = __atomic_load_n(version(self, page),
						    __ATOMIC_SEQ_CST);
			int set = bit_is_set(self->bits, page);

			missed += pending[page] && !set;
			pending[page] = !set && round && now != seen[page];
			seen[page] = now;
			reported += set;
		}
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_EQ(0, missed);
}

TEST_HARNESS_MAIN
