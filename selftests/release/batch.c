// SPDX-License-Identifier: GPL-2.0-only
/* HUGEARENA_IOC_RELEASE of many ranges in one call. */
#include "harness.h"
#include <sys/ioctl.h>

#define BLOCKS	8

ARENA_FIXTURE(batch, BLOCKS)

TEST_F(batch, every_other_page)
{
	static struct hugearena_range r[HUGEARENA_RELEASE_MAX];
	size_t i, wrong = 0;
	__u64 released;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(r); i++) {
		r[i].offset = 2 * i * OS_PAGE;
		r[i].len = OS_PAGE;
	}
	ASSERT_EQ(0, arena_release(&self->a, r, ARRAY_SIZE(r), &released));
	EXPECT_EQ(ARRAY_SIZE(r) * OS_PAGE, released);
	for (i = 0; i < ARRAY_SIZE(r); i++) {
		char *at = self->a.base + 2 * i * OS_PAGE;

		wrong += bytes_other(at, OS_PAGE, 0);
		wrong += pages_wrong(at + OS_PAGE, OS_PAGE, 1);
	}
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, pages_wrong(self->a.base + 4 * BLOCK_LEN,
				 4 * BLOCK_LEN, 1));
}

TEST_F(batch, blocks_and_pages_mixed)
{
	struct hugearena_range r[] = {
		{ 0, OS_PAGE },
		{ 100 * OS_PAGE, BLOCK_LEN },
		{ 2 * BLOCK_LEN, 2 * BLOCK_LEN },
		{ 4 * BLOCK_LEN, OS_PAGE },
		{ 8 * BLOCK_LEN - OS_PAGE, OS_PAGE },
	};
	size_t i, at = 0, wrong = 0, sum = 0;
	__u64 released;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(r); i++)
		sum += r[i].len;
	ASSERT_EQ(0, arena_release(&self->a, r, ARRAY_SIZE(r), &released));
	EXPECT_EQ(sum, released);
	for (i = 0; i < ARRAY_SIZE(r); i++) {
		wrong += pages_wrong(self->a.base + at, r[i].offset - at, 1);
		at = r[i].offset + r[i].len;
	}
	for (i = 0; i < ARRAY_SIZE(r); i++)
		wrong += bytes_other(self->a.base + r[i].offset, r[i].len, 0);
	EXPECT_EQ(0, wrong);
}

TEST_F(batch, counts_only_what_was_resident)
{
	struct hugearena_range r[] = {
		{ 0, BLOCK_LEN },
		{ 2 * BLOCK_LEN, 3 * BLOCK_LEN },
	};
	__u64 released;

	byte_write(self->a.base, 1);
	byte_write(self->a.base + 3 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_release(&self->a, r, 2, &released));
	EXPECT_EQ(2 * BLOCK_LEN, released);
	ASSERT_EQ(0, arena_release(&self->a, r, 2, &released));
	EXPECT_EQ(0, released);
}

TEST_F(batch, result_that_cannot_be_written_is_efault)
{
	struct hugearena_range range = { 0, BLOCK_LEN };
	struct hugearena_release *r;

	r = mmap(NULL, OS_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, r);
	r->ranges = (uintptr_t)&range;
	r->nr = 1;
	ASSERT_EQ(0, mprotect(r, OS_PAGE, PROT_READ));
	byte_write(self->a.base, 1);
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_RELEASE, r));
	munmap(r, OS_PAGE);
}

TEST_F(batch, ranges_that_end_in_unreadable_memory)
{
	struct hugearena_range *r;
	char *p;

	p = mmap(NULL, 2 * OS_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p + OS_PAGE, OS_PAGE));
	r = (void *)(p + OS_PAGE - sizeof(*r));
	r->offset = 0;
	r->len = OS_PAGE;
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_ERRNO(EFAULT, arena_release(&self->a, r, 2, NULL));
	/* only the readable range may be gone */
	EXPECT_EQ(0, pages_wrong(self->a.base + OS_PAGE,
				 self->a.size - OS_PAGE, 1));
}

TEST_F(batch, ranges_read_from_the_arena_itself)
{
	struct hugearena_range *r = (void *)self->a.base;
	__u64 released;

	byte_write(self->a.base + BLOCK_LEN, 1);
	r[0].offset = BLOCK_LEN;
	r[0].len = BLOCK_LEN;
	ASSERT_EQ(0, arena_release(&self->a, r, 1, &released));
	EXPECT_EQ(BLOCK_LEN, released);
	EXPECT_EQ(0, byte_read(self->a.base + BLOCK_LEN));
}

TEST_HARNESS_MAIN
