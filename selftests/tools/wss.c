// SPDX-License-Identifier: GPL-2.0-only
/* hugearena wss: counts what was touched, and nothing else. */
#include "harness.h"
#include "tool.h"

#define BLOCKS	16

FIXTURE(wss) {
	int ready;
};

FIXTURE_SETUP(wss)
{
	TOOL_NEED_MODULE();
	ASSERT_EQ(0, params_reset());
	self->ready = gate_open();
	ASSERT_LE(0, self->ready);
}

FIXTURE_TEARDOWN(wss)
{
	close(self->ready);
}

struct toucher {
	int blocks, ready;
};

/* The arena is the child's own: a parent's would be shared by fork. */
static int make_and_touch(void *arg)
{
	struct toucher *t = arg;
	struct arena a;
	int i;

	if (arena_make(&a, BLOCKS))
		return 1;
	pages_fill(a.base, BLOCKS * BLOCK_LEN, 1);
	gate_post(t->ready);
	for (;;) {
		void *p;

		for (i = 0; i < t->blocks; i++)
			byte_read(a.base + i * BLOCK_LEN);
		/* empties an emulated processor's TLB, see subject.c */
		p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (p != MAP_FAILED)
			munmap(p, MIB);
		usleep(1000);
	}
	return 0;
}

TEST_F(wss, blocks_of_an_arena)
{
	struct toucher t = { .blocks = 5, .ready = self->ready };
	pid_t pid = child_start(make_and_touch, &t);
	json_t *root;

	ASSERT_LT(0, pid);
	gate_wait(self->ready);
	root = tool_json("wss --arenas --interval 1 --json %d", pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(BLOCKS, json_number_at(root, "blocks"));
	EXPECT_EQ(5, json_number_at(root, "accessed_blocks"));
	EXPECT_EQ(5 * BLOCK_LEN, json_number_at(root, "accessed_bytes"));
	json_decref(root);
	root = tool_json("wss --interval 1 --json %d", pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(5, json_number_at(root, "accessed_blocks"));
	EXPECT_EQ(5 * BLOCK_LEN,
		  json_number_at(root, "kinds.arenas.accessed_bytes"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("wss %d", pid));
	EXPECT_NE(NULL, strstr(tool_out, "5 of 16"));
	kill(pid, SIGKILL);
	child_wait(pid);
}

TEST(pages_of_a_heap)
{
	struct subject s;
	json_t *root;
	double n;

	/* 20 of 100 objects of 300,000 bytes: 74 pages each */
	ASSERT_EQ(0, subject_start(&s, "touch", "backend=thp"));
	root = tool_json("wss --interval 1 --json %d", s.pid);
	ASSERT_NE(NULL, root);
	n = json_number_at(root, "accessed_bytes");
	EXPECT_LE(20 * 73 * OS_PAGE, n);
	EXPECT_GT(json_number_at(root, "resident_bytes"), 2 * n);
	json_decref(root);
	subject_end(&s);
}

TEST(a_process_without_an_arena)
{
	TOOL_NEED_MODULE();
	EXPECT_EQ(TOOL_FAILED, tool("wss --arenas %d", getppid()));
}

TEST(errors)
{
	EXPECT_EQ(TOOL_FAILED, tool("wss 999999999"));
	EXPECT_EQ(TOOL_USAGE, tool("wss"));
	EXPECT_EQ(TOOL_USAGE, tool("wss --interval 0 1"));
	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	EXPECT_EQ(TOOL_NO_MODULE, tool("wss --arenas %d", getpid()));
	unsetenv("HUGEARENA_PROC");
}

TEST_HARNESS_MAIN
