// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shared arena is one memory: for its maker, for processes that got its file
 * or were forked, and at each address where it is mapped.
 */
#include "peer.h"
#include <linux/futex.h>
#include <sys/syscall.h>

#define BLOCKS	8

FIXTURE(memory) {
	struct arena a;
	struct peer peer;
	struct hugearena_stat st;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, params_reset());
}

FIXTURE_TEARDOWN(memory)
{
	arena_drop(&self->a);
}

/* Start the peer, make the arena, and pass it on. */
static int begin(struct peer *p, struct arena *a,
		 int (*fn)(struct arena *a, int sock))
{
	return peer_start(p, fn) || shared_make(a, BLOCKS) ||
	       fd_send(p->sock, a->fd) ? -1 : 0;
}

static int reads_and_answers(struct arena *a, int sock)
{
	if (hear(sock) != 'r' || peer_map(a, PROT_READ | PROT_WRITE) ||
	    a->size != BLOCKS * BLOCK_LEN)
		return 1;
	if (pages_wrong(a->base, a->size / 2, 1))
		return 2;
	if (smaps_pmd_mapped(a->base) != BLOCKS / 2 * 2048)
		return 3;
	pages_fill(a->base, a->size, 2);
	return say(sock, 'w') || hear(sock) != 'e' ? 4 : 0;
}

TEST_F(memory, of_who_got_the_file)
{
	ASSERT_EQ(0, begin(&self->peer, &self->a, reads_and_answers));
	pages_fill(self->a.base, self->a.size / 2, 1);
	ASSERT_EQ(0, say(self->peer.sock, 'r'));
	ASSERT_EQ('w', hear(self->peer.sock));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(self->a.size, self->st.resident);
	EXPECT_EQ(2, self->st.mappings);
	ASSERT_EQ(0, say(self->peer.sock, 'e'));
	EXPECT_EQ(0, child_wait(self->peer.pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_F(memory, at_each_address)
{
	char *p[4], *whole;
	size_t i;

	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = mmap(NULL, BLOCK_LEN + OS_PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, self->a.fd,
			    i * BLOCK_LEN + i * OS_PAGE);
		ASSERT_NE(MAP_FAILED, p[i]);
		byte_write(p[i] + 100, (char)(i + 10));
		byte_write(p[i] + BLOCK_LEN + 100, (char)(i + 20));
	}
	/* an address where no block can be mapped */
	whole = mmap(self->a.base - 64 * BLOCK_LEN + OS_PAGE, self->a.size,
		     PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, self->a.fd,
		     0);
	ASSERT_NE(MAP_FAILED, whole);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		size_t at = i * (BLOCK_LEN + OS_PAGE) + 100;

		EXPECT_EQ((char)(i + 10), byte_read(self->a.base + at));
		EXPECT_EQ((char)(i + 10), byte_read(whole + at));
		EXPECT_EQ((char)(i + 20), byte_read(whole + at + BLOCK_LEN));
	}
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(2 + ARRAY_SIZE(p), self->st.mappings);
	EXPECT_EQ(self->a.size, self->st.resident);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		ASSERT_EQ(0, munmap(p[i], BLOCK_LEN + OS_PAGE));
	ASSERT_EQ(0, munmap(whole, self->a.size));
}

TEST_F(memory, of_who_was_forked)
{
	int ready = gate_open(), go = gate_open();
	pid_t pid;

	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size / 2, 1);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		size_t wrong = pages_wrong(self->a.base, self->a.size / 2, 1);

		/* what was there, what was not, and what is added later */
		pages_fill(self->a.base, self->a.size, 2);
		gate_post(ready);
		gate_wait(go);
		wrong += pages_wrong(self->a.base, self->a.size, 3);
		_exit(wrong != 0);
	}
	gate_wait(ready);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
	pages_fill(self->a.base, self->a.size, 3);
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(0, self->st.forks);
	EXPECT_EQ(0, self->st.shared);
	EXPECT_EQ(0, self->st.cow_pages);
	EXPECT_EQ(0, self->st.cow_blocks);
	EXPECT_EQ(BLOCKS, self->st.blocks);
	EXPECT_EQ(BLOCKS, self->st.fault_demand);
}

static int sees_releases(struct arena *a, int sock)
{
	if (peer_map(a, PROT_READ | PROT_WRITE))
		return 1;
	pages_fill(a->base, a->size, 1);
	if (say(sock, 'f') || hear(sock) != 'r')
		return 2;
	/* a block, and a page of another one */
	if (bytes_other(a->base, BLOCK_LEN, 0) ||
	    bytes_other(a->base + BLOCK_LEN, OS_PAGE, 0) ||
	    pages_wrong(a->base + BLOCK_LEN + OS_PAGE,
			a->size - BLOCK_LEN - OS_PAGE, 1))
		return 3;
	pages_fill(a->base, 2 * BLOCK_LEN, 2);
	if (say(sock, 'w') || hear(sock) != 'j')
		return 4;
	if (pages_wrong(a->base, 2 * BLOCK_LEN, 2))
		return 5;
	pages_fill(a->base, 2 * BLOCK_LEN, 3);
	/* and now this process is the one that releases */
	return arena_punch(a, 2 * BLOCK_LEN, BLOCK_LEN) || say(sock, 'e') ?
	       6 : 0;
}

TEST_F(memory, release_and_join_are_for_all)
{
	struct hugearena_join join;
	char *p;

	ASSERT_EQ(0, begin(&self->peer, &self->a, sees_releases));
	p = self->a.base;
	ASSERT_EQ('f', hear(self->peer.sock));
	ASSERT_EQ(0, pages_wrong(p, self->a.size, 1));
	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN + OS_PAGE));
	ASSERT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	ASSERT_EQ(0, say(self->peer.sock, 'r'));
	ASSERT_EQ('w', hear(self->peer.sock));
	EXPECT_EQ(0, pages_wrong(p, 2 * BLOCK_LEN, 2));
	/* not joined by upkeep, although it is full */
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, &join));
	EXPECT_EQ(1, join.joined);
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	ASSERT_EQ(0, say(self->peer.sock, 'j'));
	ASSERT_EQ('e', hear(self->peer.sock));
	EXPECT_EQ(0, pages_wrong(p, 2 * BLOCK_LEN, 3));
	EXPECT_EQ(0, bytes_other(p + 2 * BLOCK_LEN, BLOCK_LEN, 0));
	EXPECT_EQ(0, child_wait(self->peer.pid));
}

static long futex(void *word, int op, int value, unsigned long nr, void *word2)
{
	return syscall(SYS_futex, word, op, value, nr, word2, 0);
}

static int waits(struct arena *a, int sock)
{
	(void)sock;
	if (peer_map(a, PROT_READ | PROT_WRITE))
		return 1;
	while (futex(a->base + 64, FUTEX_WAIT, 0, 0, NULL))
		if (errno != EINTR)
			return 2;
	return 0;
}

/*
 * The key consists of inode and offset, and neither changes when the page does.
 */
TEST_F(memory, futexes_wake_across_processes_and_joins)
{
	char *word, *other;
	int *mine;

	ASSERT_EQ(0, peer_start(&self->peer, waits));
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	mine = mmap(NULL, BLOCK_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
		    self->a.fd, 0);
	ASSERT_NE(MAP_FAILED, mine);
	word = (char *)mine + 64;
	other = (char *)mine + 128;
	ASSERT_EQ(0, fd_send(self->peer.sock, self->a.fd));
	/* if it can be requeued to another word of the page, it is waiting */
	ASSERT_EQ(1, wait_for(futex(word, FUTEX_REQUEUE, 0, 1, other), 1));
	/* the block that held the word is released, twice */
	byte_write(self->a.base + OS_PAGE, 1);
	ASSERT_EQ(0, arena_punch(&self->a, OS_PAGE, OS_PAGE));
	ASSERT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, BLOCK_LEN));
	ASSERT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(1, futex(self->a.base + 128, FUTEX_WAKE, 1, 0, NULL));
	EXPECT_EQ(0, child_wait(self->peer.pid));
	ASSERT_EQ(0, munmap(mine, BLOCK_LEN));
}

TEST_F(memory, is_told_from_others)
{
	struct hugearena_block block;
	struct arena_line line;
	struct arena other;
	char path[64], text[512];

	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	ASSERT_EQ(0, arena_make(&other, 1));
	byte_write(self->a.base, 1);
	ASSERT_EQ(0, arena_block(&self->a, 0, &block));
	EXPECT_EQ(HUGEARENA_BLOCK_WHOLE, block.state);
	EXPECT_EQ(HUGEARENA_BLOCK_COMMON, block.flags);
	ASSERT_EQ(0, arena_block(&self->a, 1, &block));
	EXPECT_EQ(HUGEARENA_BLOCK_ABSENT, block.state);
	EXPECT_EQ(HUGEARENA_BLOCK_COMMON, block.flags);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(HUGEARENA_CREATE_SHARED, self->st.flags);
	EXPECT_EQ(1, self->st.mappings);
	EXPECT_EQ(0, self->st.seals);
	ASSERT_EQ(0, arena_line_read(self->st.id, &line));
	EXPECT_STREQ("shared", line.mode);
	EXPECT_STREQ("blocks", line.kind);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->a.fd);
	ASSERT_LT(0, file_read(path, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "\nhugearena-mode:\tshared\n"));
	EXPECT_EQ(1, file_key(path, "hugearena-mappings"));

	ASSERT_EQ(0, arena_stat(&other, &self->st));
	EXPECT_EQ(0, self->st.flags);
	ASSERT_EQ(0, arena_line_read(self->st.id, &line));
	EXPECT_STREQ("private", line.mode);
	arena_drop(&other);
}

TEST_F(memory, has_no_mesh_no_dirty_no_clear)
{
	__u64 bits[BLOCKS * BLOCK_PAGES / 64];
	struct hugearena_block vec[BLOCKS];
	struct hugearena_blocks q = {
		.vec = (unsigned long)vec,
		.nr = BLOCKS,
		.flags = HUGEARENA_BLOCKS_CLEAR,
	};

	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_punch(&self->a, 0, 64 * OS_PAGE));
	EXPECT_EQ(1, arena_mesh(&self->a, 65 * OS_PAGE, 66 * OS_PAGE, OS_PAGE,
				NULL, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_ERRNO(EOPNOTSUPP, arena_dirty(&self->a, 0, self->a.size, bits));
	EXPECT_ERRNO(EOPNOTSUPP, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, &q));
	EXPECT_EQ(0, pages_wrong(self->a.base + 64 * OS_PAGE,
				 self->a.size - 64 * OS_PAGE, 1));
}

TEST_F(memory, is_not_private_not_executable_and_does_not_move)
{
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, BLOCK_LEN, PROT_READ, MAP_PRIVATE,
				      self->a.fd, 0));
	EXPECT_MAP_ERRNO(EPERM, mmap(NULL, BLOCK_LEN, PROT_READ | PROT_EXEC,
				     MAP_SHARED, self->a.fd, 0));
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, BLOCK_LEN, PROT_READ, MAP_SHARED,
				      self->a.fd, BLOCKS * BLOCK_LEN));
	EXPECT_ERRNO(EPERM, ftruncate(self->a.fd, BLOCK_LEN));
	EXPECT_EQ(MAP_FAILED, mremap(self->a.base, self->a.size,
				     2 * self->a.size, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(self->a.base, 0, self->a.size,
				     MREMAP_MAYMOVE));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(1, self->st.mappings);
}

static int is_guarded(struct arena *a, int sock)
{
	(void)sock;
	if (peer_map(a, PROT_READ | PROT_WRITE))
		return 1;
	if (byte_read(a->base + OS_PAGE) != 7)
		return 2;
	return byte_write_signal(a->base, 1) == SIGSEGV ? 0 : 3;
}

TEST_F(memory, in_pages_and_slots)
{
	ASSERT_EQ(0, peer_start(&self->peer, is_guarded));
	ASSERT_EQ(0, arena_make_kind(&self->a, BLOCKS, HUGEARENA_KIND_PAGES,
				     HUGEARENA_CREATE_SHARED |
				     HUGEARENA_SLOT_GUARD | 16));
	byte_write(self->a.base + OS_PAGE, 7);
	EXPECT_EQ(SIGSEGV, byte_read_signal(self->a.base));
	ASSERT_EQ(0, fd_send(self->peer.sock, self->a.fd));
	EXPECT_EQ(0, child_wait(self->peer.pid));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(OS_PAGE, self->st.resident);
	EXPECT_ERRNO(EOPNOTSUPP, arena_join(&self->a, 0, BLOCK_LEN, NULL));
}

TEST_HARNESS_MAIN
