// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first write to a page that is mapped read-only after fork: it takes a few
 * faults, whatever the instruction reads before it writes, and a page that
 * already belongs to this process exclusively is not copied again.
 */
#include "harness.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGES	64

/*
 * A read, the copy, a read and a write again make four; the block's table, and
 * the test's own code and stack, add a few more.
 */
#define FAULTS_MAX	(6 * PAGES + 64)

FIXTURE(mkwrite) {
	struct arena a;
	int release;
	pid_t pid;
};

/* A child shares all that its parent has; the parent has read every page. */
FIXTURE_SETUP(mkwrite)
{
	size_t i;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, 2));
	pages_fill(self->a.base, self->a.size, 1);
	self->release = gate_open();
	self->pid = child_fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		gate_wait(self->release);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
	for (i = 0; i < PAGES; i++)
		(void)byte_read(self->a.base + i * OS_PAGE);
}

FIXTURE_TEARDOWN(mkwrite)
{
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(self->pid));
	arena_drop(&self->a);
}

static long faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_minflt;
}

/*
 * One instruction that reads the page that it writes to, byte by byte; or
 * several, on a processor that has no such instruction.
 */
static void move_within(char *to, const char *from, size_t n)
{
#if defined(__x86_64__)
	__asm__ volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (n)
			 : : "memory");
#else
	while (n--)
		*(volatile char *)to++ = *(const volatile char *)from++;
#endif
}

TEST_F(mkwrite, a_move_within_a_page_gets_on)
{
	long before = faults();
	size_t i;

	for (i = 0; i < PAGES; i++)
		move_within(self->a.base + i * OS_PAGE + 2048,
			    self->a.base + i * OS_PAGE, 16);
	EXPECT_GT(FAULTS_MAX, faults() - before);
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(0, memcmp(self->a.base + i * OS_PAGE + 2048,
				    self->a.base + i * OS_PAGE, 16));
}

TEST_F(mkwrite, memmove_within_a_page_gets_on)
{
	long before = faults();
	size_t i;

	for (i = 0; i < PAGES; i++)
		memmove(self->a.base + i * OS_PAGE + 8,
			self->a.base + i * OS_PAGE, 3000);
	EXPECT_GT(FAULTS_MAX, faults() - before);
}

TEST_F(mkwrite, a_locked_add_gets_on)
{
	long before = faults();
	size_t i;

	for (i = 0; i < PAGES; i++) {
		__u64 *word = (void *)(self->a.base + i * OS_PAGE + 128);
		__u64 was = __atomic_load_n(word, __ATOMIC_SEQ_CST);

		EXPECT_EQ(was, __atomic_fetch_add(word, 3, __ATOMIC_SEQ_CST));
		EXPECT_EQ(was + 3, __atomic_load_n(word, __ATOMIC_SEQ_CST));
	}
	EXPECT_GT(FAULTS_MAX, faults() - before);
}

TEST_F(mkwrite, one_copy_a_page)
{
	struct hugearena_stat st;
	size_t i;

	for (i = 0; i < PAGES; i++)
		move_within(self->a.base + i * OS_PAGE + 2048,
			    self->a.base + i * OS_PAGE, 16);
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(PAGES, st.cow_pages);
	EXPECT_EQ(0, st.cow_blocks);
}

/* Copied once, unmapped, mapped read-only by a read, written again. */
TEST_F(mkwrite, what_is_ours_already_is_not_copied)
{
	long long copied, reused;
	size_t i;

	pages_fill(self->a.base, PAGES * OS_PAGE, 2);
	ASSERT_EQ(0, madvise(self->a.base, self->a.size, MADV_DONTNEED));
	EXPECT_EQ(0, pages_wrong(self->a.base, PAGES * OS_PAGE, 2));
	copied = stat_read("CowPages");
	reused = stat_read("CowReused");
	for (i = 0; i < PAGES; i++)
		byte_write(self->a.base + i * OS_PAGE + 512, 5);
	EXPECT_EQ(copied, stat_read("CowPages"));
	EXPECT_EQ(reused + PAGES, stat_read("CowReused"));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(5, byte_read(self->a.base + i * OS_PAGE + 512));
}

/* A copy that the write itself made is not counted as one that was saved. */
TEST_F(mkwrite, a_copy_does_not_count_as_reused)
{
	long long reused = stat_read("CowReused");
	size_t i;

	for (i = 0; i < PAGES; i++)
		byte_write(self->a.base + BLOCK_LEN + i * OS_PAGE, 5);
	EXPECT_EQ(reused, stat_read("CowReused"));
}

TEST_HARNESS_MAIN
