// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guard pages in an arena of pages: one at the foot of every slot, where no
 * access gets memory, whichever way it takes.
 */
#include "harness.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/uio.h>

#define BLOCKS	8
#define SIZE	(BLOCKS * BLOCK_LEN)

FIXTURE(guard) {
	struct arena a;
	size_t slot;
};

FIXTURE_VARIANT(guard) {
	unsigned int shift;
};

FIXTURE_VARIANT_ADD(guard, smallest) { HUGEARENA_SLOT_SHIFT_MIN };
FIXTURE_VARIANT_ADD(guard, stacks) { 16 };
FIXTURE_VARIANT_ADD(guard, a_block) { 21 };
FIXTURE_VARIANT_ADD(guard, blocks) { 23 };

FIXTURE_SETUP(guard)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make_kind(&self->a, BLOCKS, HUGEARENA_KIND_PAGES,
				     HUGEARENA_SLOT_GUARD | variant->shift));
	self->slot = 1UL << variant->shift;
}

FIXTURE_TEARDOWN(guard)
{
	arena_drop(&self->a);
}

static sigjmp_buf caught_env;
static siginfo_t caught;

static void catch(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	caught = *info;
	siglongjmp(caught_env, 1);
}

/* Does a write to @p raise SIGSEGV with the right address and code? */
static int held(char *p)
{
	struct sigaction sa = {
		.sa_sigaction = catch,
		.sa_flags = SA_SIGINFO,
	}, old[2];
	volatile int signalled = 1;

	memset(&caught, 0, sizeof(caught));
	sigaction(SIGSEGV, &sa, &old[0]);
	sigaction(SIGBUS, &sa, &old[1]);
	if (!sigsetjmp(caught_env, 1)) {
		byte_write(p, 1);
		signalled = 0;
	}
	sigaction(SIGSEGV, &old[0], NULL);
	sigaction(SIGBUS, &old[1], NULL);
	return signalled && caught.si_signo == SIGSEGV &&
	       caught.si_code == SEGV_MAPERR && caught.si_addr == p;
}

TEST_F(guard, every_slot_has_one)
{
	size_t at, slots = 0, good = 0;

	for (at = 0; at < SIZE; at += self->slot) {
		byte_write(self->a.base + at + OS_PAGE, 1);
		good += held(self->a.base + at);
		good += held(self->a.base + at + OS_PAGE - 1);
		slots++;
	}
	EXPECT_EQ(2 * slots, good);
	EXPECT_EQ(SIGSEGV, byte_read_signal(self->a.base));
}

TEST_F(guard, all_other_pages_are_memory)
{
	struct hugearena_stat st;
	size_t at, pages = 0;

	for (at = 0; at < SIZE; at += OS_PAGE) {
		if (!(at % self->slot))
			continue;
		byte_write(self->a.base + at, 1);
		pages++;
	}
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(pages * OS_PAGE, st.resident);
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(SIZE / OS_PAGE - SIZE / self->slot, pages);
}

TEST_F(guard, costs_no_mapping)
{
	size_t at;

	for (at = 0; at < SIZE; at += self->slot)
		EXPECT_EQ(1, held(self->a.base + at));
	EXPECT_EQ(1, maps_count(self->a.base, self->a.size));
}

TEST_F(guard, holds_against_the_kernel)
{
	char *guard = self->a.base + self->slot % SIZE;
	struct iovec local = { &(char){ 1 }, 1 }, remote = { guard, 1 };
	struct hugearena_stat st;
	int zero, p[2];

	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, zero);
	EXPECT_ERRNO(EFAULT, read(zero, guard, OS_PAGE));
	close(zero);
	EXPECT_ERRNO(EFAULT, process_vm_writev(getpid(), &local, 1, &remote, 1,
					       0));
	EXPECT_ERRNO(EFAULT, madvise(guard, OS_PAGE, MADV_POPULATE_WRITE));
	EXPECT_ERRNO(EFAULT, madvise(guard, OS_PAGE, MADV_POPULATE_READ));
	ASSERT_EQ(0, pipe(p));
	remote.iov_len = OS_PAGE;
	EXPECT_ERRNO(EFAULT, vmsplice(p[1], &remote, 1, 0));
	close(p[0]);
	close(p[1]);
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(0, st.resident);
}

/* The pages below and above are filled; the one between them stays a guard. */
TEST_F(guard, populate_stops_at_it)
{
	struct hugearena_stat st;

	EXPECT_ERRNO(EFAULT, madvise(self->a.base, SIZE, MADV_POPULATE_WRITE));
	ASSERT_EQ(0, madvise(self->a.base + OS_PAGE, self->slot - OS_PAGE,
			     MADV_POPULATE_WRITE));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(self->slot - OS_PAGE, st.resident);
	EXPECT_EQ(1, held(self->a.base));
}

TEST_F(guard, holds_in_a_child_and_after_it)
{
	size_t at, bad = 0;
	pid_t pid;

	for (at = OS_PAGE; at < SIZE; at += self->slot)
		byte_write(self->a.base + at, 1);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (at = 0; at < SIZE; at += self->slot) {
			bad += !held(self->a.base + at);
			byte_write(self->a.base + at + OS_PAGE, 2);
		}
		_exit(bad != 0);
	}
	for (at = 0; at < SIZE; at += self->slot) {
		bad += !held(self->a.base + at);
		byte_write(self->a.base + at + OS_PAGE, 3);
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, child_wait(pid));
	for (at = 0; at < SIZE; at += self->slot)
		bad += !held(self->a.base + at);
	EXPECT_EQ(0, bad);
}

TEST_F(guard, release_of_it_is_nothing)
{
	__u64 released;
	struct hugearena_range r = { 0, self->slot };

	byte_write(self->a.base + self->slot - 1, 1);
	ASSERT_EQ(0, arena_release(&self->a, &r, 1, &released));
	EXPECT_EQ(OS_PAGE, released);
	EXPECT_EQ(1, held(self->a.base));
}

TEST_HARNESS_MAIN
