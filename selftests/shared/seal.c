// SPDX-License-Identifier: GPL-2.0-only
/* HUGEARENA_IOC_SEAL: no more mappings, or no writable ones. */
#include "peer.h"

#define BLOCKS	4
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(seal) {
	struct arena a;
	struct peer peer;
	struct hugearena_stat st;
};

FIXTURE_SETUP(seal)
{
	ASSERT_EQ(0, params_reset());
}

FIXTURE_TEARDOWN(seal)
{
	arena_drop(&self->a);
}

static int seal(int fd, unsigned int seals, unsigned int pad)
{
	struct hugearena_seal s = { .seals = seals, .pad = pad };

	return ioctl(fd, HUGEARENA_IOC_SEAL, &s);
}

/* mmap() is EPERM. */
static int refused(int fd, int prot)
{
	errno = 0;
	return mmap(NULL, BLOCK_LEN, prot, MAP_SHARED, fd, 0) == MAP_FAILED &&
	       errno == EPERM;
}

static int maps_nothing(struct arena *a, int sock)
{
	(void)sock;
	return refused(a->fd, PROT_READ) && refused(a->fd, RW) ? 0 : 1;
}

TEST_F(seal, against_more_mappings)
{
	pid_t pid;

	ASSERT_EQ(0, peer_start(&self->peer, maps_nothing));
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	ASSERT_EQ(0, seal(self->a.fd, HUGEARENA_SEAL_MAP, 0));
	EXPECT_EQ(1, refused(self->a.fd, PROT_READ));
	EXPECT_EQ(1, refused(self->a.fd, PROT_NONE));
	ASSERT_EQ(0, fd_send(self->peer.sock, self->a.fd));
	EXPECT_EQ(0, child_wait(self->peer.pid));
	/* existing mappings stay, also in a child, and can be cut */
	pages_fill(self->a.base, self->a.size, 1);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int bad = pages_wrong(self->a.base, self->a.size, 1) != 0;

		bad |= !refused(self->a.fd, PROT_READ);
		pages_fill(self->a.base, self->a.size, 2);
		_exit(bad);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
	ASSERT_EQ(0, mprotect(self->a.base + OS_PAGE, OS_PAGE, PROT_READ));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(HUGEARENA_SEAL_MAP, self->st.seals);
	EXPECT_EQ(3, self->st.mappings);
}

static int only_reads(struct arena *a, int sock)
{
	struct hugearena_range r = { 0, BLOCK_LEN };

	if (!refused(a->fd, RW) || !refused(a->fd, PROT_WRITE))
		return 1;
	if (peer_map(a, PROT_READ))
		return 2;
	if (!mprotect(a->base, BLOCK_LEN, RW) || errno != EACCES)
		return 3;
	if (!arena_punch(a, 0, BLOCK_LEN) || errno != EPERM)
		return 4;
	if (!arena_release(a, &r, 1, NULL) || errno != EPERM)
		return 5;
	/* EACCES, as for any mapping that is not writable */
	if (!madvise(a->base, BLOCK_LEN, MADV_REMOVE))
		return 6;
	if (byte_write_signal(a->base, 9) != SIGSEGV)
		return 7;
	if (pages_wrong(a->base, a->size, 1))
		return 8;
	if (say(sock, 'r') || hear(sock) != 'w')
		return 9;
	if (pages_wrong(a->base, a->size, 2))
		return 10;
	return 0;
}

TEST_F(seal, against_more_writers)
{
	ASSERT_EQ(0, peer_start(&self->peer, only_reads));
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, seal(self->a.fd, HUGEARENA_SEAL_WRITE, 0));
	EXPECT_EQ(1, refused(self->a.fd, RW));
	ASSERT_EQ(0, fd_send(self->peer.sock, self->a.fd));
	ASSERT_EQ('r', hear(self->peer.sock));
	/* the maker has its mapping from before the seal */
	pages_fill(self->a.base, self->a.size, 2);
	ASSERT_EQ(0, say(self->peer.sock, 'w'));
	EXPECT_EQ(0, child_wait(self->peer.pid));
	/* and is still the only one that may release memory */
	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN));
	EXPECT_EQ(0, bytes_other(self->a.base, BLOCK_LEN, 0));
}

/* A child is not the maker, although it has everything that the maker had. */
TEST_F(seal, is_the_makers)
{
	pid_t pid;

	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	ASSERT_EQ(0, seal(self->a.fd, HUGEARENA_SEAL_WRITE, 0));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (!seal(self->a.fd, HUGEARENA_SEAL_MAP, 0) || errno != EPERM)
			_exit(1);
		if (!arena_punch(&self->a, 0, BLOCK_LEN) || errno != EPERM)
			_exit(2);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(HUGEARENA_SEAL_WRITE, self->st.seals);
}

TEST_F(seal, is_never_taken_off)
{
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	ASSERT_EQ(0, seal(self->a.fd, HUGEARENA_SEAL_MAP, 0));
	ASSERT_EQ(0, seal(self->a.fd, HUGEARENA_SEAL_WRITE, 0));
	ASSERT_EQ(0, seal(self->a.fd, HUGEARENA_SEAL_MAP, 0));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(HUGEARENA_SEAL_MAP | HUGEARENA_SEAL_WRITE, self->st.seals);
}

TEST_F(seal, arguments_are_checked)
{
	struct arena other;
	int bit;

	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	ASSERT_EQ(0, arena_make(&other, 1));
	EXPECT_ERRNO(EINVAL, seal(self->a.fd, 0, 0));
	EXPECT_ERRNO(EINVAL, seal(self->a.fd, HUGEARENA_SEAL_MAP, 1));
	for (bit = 2; bit < 32; bit++)
		EXPECT_ERRNO(EINVAL, seal(self->a.fd, 1U << bit, 0));
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_SEAL, NULL));
	EXPECT_ERRNO(EOPNOTSUPP, seal(other.fd, HUGEARENA_SEAL_MAP, 0));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(0, self->st.seals);
	arena_drop(&other);
}

TEST_HARNESS_MAIN
