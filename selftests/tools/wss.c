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

static double blocks_accessed(json_t *root)
{
	return json_number_at(root, "accessed_blocks");
}

/*
 * Watch @pid for a second, and then for longer and longer while @what is less
 * than @want: on a busy machine it may not have run for a second.
 */
static json_t *wss_until(const char *options, pid_t pid,
			 double (*what)(json_t *root), double want)
{
	json_t *root;
	int seconds;

	for (seconds = 1; ; seconds *= 2) {
		root = tool_json("wss %s --interval %d --json %d", options,
				 seconds, pid);
		if (!root || what(root) >= want || seconds >= 32)
			return root;
		json_decref(root);
	}
}

struct toucher {
	int blocks, ready;
};

/* The arena is the child's own: fork would share a parent's. */
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
	int i;

	ASSERT_LT(0, pid);
	gate_wait(self->ready);
	root = wss_until("--arenas", pid, blocks_accessed, 5);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(BLOCKS, json_number_at(root, "blocks"));
	EXPECT_EQ(5, json_number_at(root, "accessed_blocks"));
	EXPECT_EQ(5 * BLOCK_LEN, json_number_at(root, "accessed_bytes"));
	json_decref(root);
	root = wss_until("", pid, blocks_accessed, 5);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(5, json_number_at(root, "accessed_blocks"));
	EXPECT_EQ(5 * BLOCK_LEN,
		  json_number_at(root, "kinds.arenas.accessed_bytes"));
	json_decref(root);
	for (i = 1; i <= 32; i *= 2) {
		EXPECT_EQ(TOOL_OK, tool("wss --interval %d %d", i, pid));
		if (strstr(tool_out, "5 of 16"))
			break;
	}
	EXPECT_GE(32, i) {
		TH_LOG("%s", tool_out);
	}
	kill(pid, SIGKILL);
	child_wait(pid);
}

/* How much was touched of the memory that may hold a heap. */
static double heap_accessed(json_t *root)
{
	return json_number_at(root, "kinds.anonymous.accessed_bytes") +
	       json_number_at(root, "kinds.libshim heap.accessed_bytes");
}

/*
 * 20 of 100 objects of 300,000 bytes, 74 pages each: no less than these, and no
 * more than the five blocks that may hold them, where pages are huge.
 */
TEST(pages_of_a_heap)
{
	struct subject s;
	json_t *root;
	double n;

	ASSERT_EQ(0, subject_start(&s, "touch", "backend=thp"));
	root = wss_until("", s.pid, heap_accessed, 20 * 73 * OS_PAGE);
	ASSERT_NE(NULL, root);
	n = heap_accessed(root);
	EXPECT_LE(20 * 73 * OS_PAGE, n);
	EXPECT_GE(5 * BLOCK_LEN + 64 * OS_PAGE, n);
	EXPECT_LE(n, json_number_at(root, "accessed_bytes"));
	EXPECT_LE(s.asked, json_number_at(root, "resident_bytes"));
	json_decref(root);
	subject_end(&s);
}

/* A sleeping process touches nothing, however much is resident. */
TEST(nothing_of_an_idle_process)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	/* let it fall asleep: what it does before that does not count */
	root = tool_json("wss --interval 0.1 --json %d", s.pid);
	json_decref(root);
	root = tool_json("wss --interval 1 --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_GE(64 * OS_PAGE, heap_accessed(root));
	EXPECT_LE(s.asked, json_number_at(root, "resident_bytes"));
	json_decref(root);
	subject_end(&s);
}

TEST(a_process_without_an_arena)
{
	TOOL_NEED_MODULE();
	EXPECT_EQ(TOOL_FAILED, tool("wss --arenas %d", getppid()));
}

static double blocks_likely(json_t *root)
{
	return json_number_at(root, "blocks_likely");
}

/*
 * All objects were written to once, and five are in use: a fork copies those.
 */
TEST_F(wss, what_a_snapshot_copies)
{
	struct toucher t = { 5, self->ready };
	pid_t pid = child_start(make_and_touch, &t);
	json_t *root;

	ASSERT_LT(0, pid);
	gate_wait(self->ready);
	root = wss_until("--snapshot", pid, blocks_likely, 5);
	kill(pid, SIGKILL);
	child_wait(pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(BLOCKS, json_number_at(root, "blocks"));
	EXPECT_EQ(5, json_number_at(root, "blocks_likely"));
	EXPECT_EQ(0, json_number_at(root, "blocks_clean"));
	EXPECT_EQ(5 * 512, json_number_at(root, "block_pages_most"));
	json_decref(root);
}

static double pages_likely(json_t *root)
{
	return json_number_at(root, "pages_likely") +
	       json_number_at(root, "huge_pages_likely");
}

/*
 * One object is written to again and again, and so is the stack: nothing else.
 */
TEST(what_a_snapshot_copies_by_soft_dirty_bits)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "busy", "backend=thp"));
	root = wss_until("--soft-dirty", s.pid, pages_likely, 1);
	subject_end(&s);
	ASSERT_NE(NULL, root);
	if (!json_is_true(json_at(root, "other_known")))
		SKIP(return, "no soft-dirty bits in this kernel");
	EXPECT_LE(1, pages_likely(root));
	EXPECT_GE(256, json_number_at(root, "pages_likely"));
	EXPECT_GE(4, json_number_at(root, "huge_pages_likely"));
	EXPECT_LE(s.asked, json_number_at(root, "other_bytes"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("wss --snapshot --interval 0.1 %d", getpid()));
	EXPECT_NE(NULL, strstr(tool_out, "--soft-dirty asks"));
}

/*
 * libshim's heap is listed as a kind of its own, with what the program has in
 * it.
 */
TEST(the_heap_of_libshim)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	root = tool_json("wss --interval 0.1 --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_LE(s.asked,
		  json_number_at(root, "kinds.libshim heap.resident_bytes"));
	EXPECT_LE(s.asked, json_number_at(root, "allocated_bytes"));
	EXPECT_GE(s.usable + MIB, json_number_at(root, "allocated_bytes"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("wss --interval 0.1 %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_out, "heap of libshim"));
	subject_end(&s);
	root = tool_json("wss --interval 0.1 --json %d", getpid());
	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, json_text_at(root, "heap_unknown"));
	json_decref(root);
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
