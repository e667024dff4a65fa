// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shared arena lives as long as any process has its file open or mapped, in
 * whatever order they end, and no longer.
 */
#include "peer.h"
#include <signal.h>

#define BLOCKS	4
#define KB	(BLOCKS * 2048)

FIXTURE(lives) {
	long long arenas, resident;
	struct arena a;
};

FIXTURE_SETUP(lives)
{
	ASSERT_EQ(0, params_reset());
	self->arenas = stat_read("Arenas");
	self->resident = stat_read("Resident");
}

/* Only what was there before is left. */
FIXTURE_TEARDOWN(lives)
{
	arena_drop(&self->a);
	EXPECT_EQ(self->arenas, wait_for(stat_read("Arenas"), self->arenas));
	EXPECT_EQ(self->resident,
		  wait_for(stat_read("Resident"), self->resident));
}

TEST_F(lives, in_a_file_that_nobody_maps)
{
	char *p;

	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, munmap(self->a.base, self->a.size));
	EXPECT_EQ(self->resident + KB, stat_read("Resident"));
	p = mmap(NULL, self->a.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 self->a.fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->a.base = p;
	EXPECT_EQ(0, pages_wrong(p, self->a.size, 1));
}

TEST_F(lives, in_a_mapping_without_a_file)
{
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	close(self->a.fd);
	self->a.fd = -1;
	pages_fill(self->a.base, self->a.size, 1);
	/* unmapping a part releases nothing */
	ASSERT_EQ(0, munmap(self->a.base, BLOCK_LEN));
	EXPECT_EQ(self->resident + KB, stat_read("Resident"));
	EXPECT_EQ(0, pages_wrong(self->a.base + BLOCK_LEN,
				 self->a.size - BLOCK_LEN, 1));
	ASSERT_EQ(0, munmap(self->a.base + BLOCK_LEN,
			    self->a.size - BLOCK_LEN));
	EXPECT_EQ(self->resident, stat_read("Resident"));
	self->a.base = NULL;
}

TEST_F(lives, in_a_message_that_nobody_has_read)
{
	int sv[2];
	char *p;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, fd_send(sv[0], self->a.fd));
	arena_drop(&self->a);
	EXPECT_EQ(self->resident + KB, stat_read("Resident"));
	self->a.fd = fd_receive(sv[1]);
	ASSERT_LE(0, self->a.fd);
	p = mmap(NULL, self->a.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 self->a.fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->a.base = p;
	EXPECT_EQ(0, pages_wrong(p, self->a.size, 1));
	close(sv[0]);
	close(sv[1]);
}

TEST_F(lives, not_in_a_message_that_is_lost)
{
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, fd_send(sv[0], self->a.fd));
	arena_drop(&self->a);
	close(sv[0]);
	close(sv[1]);
}

/* Makes an arena, fills half of it, passes it on, and waits to be killed. */
static int makes(void *arg)
{
	int sock = *(int *)arg;
	struct arena a;

	if (shared_make(&a, BLOCKS))
		return 1;
	pages_fill(a.base, a.size / 2, 1);
	if (fd_send(sock, a.fd))
		return 2;
	pause();
	return 3;
}

TEST_F(lives, on_when_its_maker_dies)
{
	struct hugearena_stat st;
	struct arena_line line;
	int sv[2], i;
	pid_t pid;
	char *p;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
	pid = child_start(makes, &sv[1]);
	ASSERT_LT(0, pid);
	self->a.fd = fd_receive(sv[0]);
	ASSERT_LE(0, self->a.fd);
	ASSERT_EQ(0, peer_map(&self->a, PROT_READ | PROT_WRITE));
	p = self->a.base;
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(256 + SIGKILL, child_wait(pid));
	/* everything works without its maker */
	EXPECT_EQ(0, pages_wrong(p, self->a.size / 2, 1));
	pages_fill(p, self->a.size, 2);
	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN + OS_PAGE));
	EXPECT_EQ(0, bytes_other(p, BLOCK_LEN + OS_PAGE, 0));
	pages_fill(p, self->a.size, 3);
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, self->a.size));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(BLOCKS, st.blocks);
	EXPECT_EQ(1, st.mappings);
	ASSERT_EQ(0, arena_line_read(st.id, &line));
	EXPECT_EQ(0, line.pid);
	for (i = 0; i < 3; i++) {
		pid = child_fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(pages_wrong(p, self->a.size, 3) != 0);
		EXPECT_EQ(0, child_wait(pid));
	}
	EXPECT_EQ(0, pages_wrong(p, self->a.size, 3));
	close(sv[0]);
	close(sv[1]);
}

/*
 * Every order in which four processes can end, so that each is the last one in
 * some.
 */
TEST_F(lives, whoever_goes_first)
{
	static const int orders[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 0, 3, 2 }, { 2, 3, 0, 1 },
		{ 1, 3, 0, 2 },
	};
	size_t n, i;

	for (n = 0; n < ARRAY_SIZE(orders); n++) {
		int go[4], done = gate_open();
		pid_t pid[4];

		ASSERT_EQ(0, shared_make(&self->a, BLOCKS));
		pages_fill(self->a.base, self->a.size, 1);
		for (i = 0; i < 4; i++) {
			go[i] = gate_open();
			pid[i] = child_fork();
			ASSERT_LE(0, pid[i]);
			if (!pid[i]) {
				gate_post(done);
				gate_wait(go[i]);
				_exit(pages_wrong(self->a.base, self->a.size,
						  1) != 0);
			}
			gate_wait(done);
		}
		/* the maker ends first */
		arena_drop(&self->a);
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(self->resident + KB, stat_read("Resident"));
			gate_post(go[orders[n][i]]);
			EXPECT_EQ(0, child_wait(pid[orders[n][i]]));
		}
		EXPECT_EQ(self->resident,
			  wait_for(stat_read("Resident"), self->resident));
		for (i = 0; i < 4; i++)
			close(go[i]);
		close(done);
	}
}

TEST_HARNESS_MAIN
