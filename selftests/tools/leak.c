// SPDX-License-Identifier: GPL-2.0-only
/* hugearena leak: planted leaks are found, reachable objects are not. */
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"
#include "tool.h"

/* The group whose stack has the function, or whose objects have the size. */
static json_t *group(json_t *root, const char *name, double size)
{
	json_t *list = json_at(root, "groups"), *g, *frame;
	size_t i, k;

	json_array_foreach(list, i, g) {
		if (size > 0 && json_number_at(g, "object_bytes") == size)
			return g;
		json_array_foreach(json_at(g, "stack"), k, frame)
			if (name && !strcmp(json_string_value(frame), name))
				return g;
	}
	return NULL;
}

/*
 * The sum over the groups whose stack has the function, which may call twice.
 */
static double sum(json_t *root, const char *name, const char *key)
{
	json_t *list = json_at(root, "groups"), *g, *frame;
	double n = 0;
	size_t i, k;

	json_array_foreach(list, i, g)
		json_array_foreach(json_at(g, "stack"), k, frame)
			if (!strcmp(json_string_value(frame), name))
				n += json_number_at(g, key);
	return n;
}

TEST(by_stack_at_the_end_of_a_command)
{
	json_t *root, *g;

	root = tool_json("leak --json --rate 1 --options backend=thp -- "
			 "%s/subject leaks", tool_dir());
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_FOUND, tool_status);
	EXPECT_EQ(70, json_number_at(root, "lost_objects"));
	EXPECT_EQ(50 * 333 + 20 * 64, json_number_at(root, "lost_bytes"));
	EXPECT_LE(1070, json_number_at(root, "live_objects"));
	g = group(root, "site_lost", 0);
	ASSERT_NE(NULL, g);
	EXPECT_EQ(50, sum(root, "site_lost", "objects"));
	EXPECT_EQ(50, sum(root, "site_lost", "direct"));
	EXPECT_EQ(50 * 333, sum(root, "site_lost", "bytes"));
	EXPECT_STREQ("site_lost", json_text_at(g, "stack.0"));
	EXPECT_STREQ("leak", json_text_at(g, "stack.1"));
	EXPECT_EQ(20, sum(root, "site_list", "objects"));
	EXPECT_EQ(1, sum(root, "site_list", "direct"));
	json_decref(root);
}

static void running_expect(struct __test_metadata *_metadata,
			   const char *options)
{
	struct subject s;
	json_t *root, *g;

	ASSERT_EQ(0, subject_start(&s, "leak", options));
	root = tool_json("leak --max-stop 600 --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_FOUND, tool_status);
	EXPECT_EQ(70, json_number_at(root, "lost_objects"));
	g = group(root, NULL, 64);
	ASSERT_NE(NULL, g);
	EXPECT_EQ(20, json_number_at(g, "objects"));
	json_decref(root);
	/* it continues as if nothing had happened */
	EXPECT_EQ(TOOL_FOUND, tool("leak --max-stop 600 %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_out, "50 objects"));
	subject_end(&s);
}

TEST(of_a_process_that_runs)
{
	running_expect(_metadata, "backend=thp");
}

TEST(without_sequences)
{
	running_expect(_metadata, "backend=thp,rseq=0");
}

TEST(on_arenas)
{
	TOOL_NEED_MODULE();
	running_expect(_metadata, "backend=kmod");
}

TEST(nothing_lost)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	root = tool_json("leak --max-stop 600 --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(0, json_number_at(root, "lost_objects"));
	EXPECT_LE(s.objects, json_number_at(root, "live_objects"));
	json_decref(root);
	subject_end(&s);
}

/* Objects of several slots are found by their last ones, and lost as one. */
static void compound_expect(struct __test_metadata *_metadata,
			    const char *options)
{
	struct subject s;
	json_t *root, *g;

	ASSERT_EQ(0, program_start(&s, "compound", "", options));
	root = tool_json("leak --max-stop 600 --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_FOUND, tool_status);
	EXPECT_EQ(8, json_number_at(root, "lost_objects"));
	EXPECT_EQ(5 * 720 + 3 * 144, json_number_at(root, "lost_bytes"));
	EXPECT_EQ(2, json_array_size(json_at(root, "groups")));
	g = group(root, NULL, 720);
	ASSERT_NE(NULL, g);
	EXPECT_EQ(5, json_number_at(g, "objects"));
	EXPECT_EQ(4, json_number_at(g, "direct"));
	g = group(root, NULL, 144);
	ASSERT_NE(NULL, g);
	EXPECT_EQ(3, json_number_at(g, "objects"));
	EXPECT_EQ(3, json_number_at(g, "direct"));
	/* its own, and those of the C library */
	EXPECT_LE(s.objects, json_number_at(root, "live_objects"));
	EXPECT_GE(s.objects + 100, json_number_at(root, "live_objects"));
	json_decref(root);
	/* what is free in caches, of whatever class, is not allocated */
	root = tool_json("map --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_LE(s.usable, json_number_at(root, "allocated_bytes"));
	EXPECT_GE(s.usable + 8192, json_number_at(root, "allocated_bytes"));
	json_decref(root);
	subject_end(&s);
}

TEST(objects_of_several_slots)
{
	compound_expect(_metadata, "backend=thp");
}

TEST(objects_of_several_slots_without_sequences)
{
	compound_expect(_metadata, "backend=thp,rseq=0");
}

TEST(objects_of_several_slots_on_arenas)
{
	TOOL_NEED_MODULE();
	compound_expect(_metadata, "backend=kmod");
}

/* A snapshot (a fork of it) shows the same, and nothing is left behind. */
static void forked_expect(struct __test_metadata *_metadata,
			  const char *options)
{
	struct subject s;
	char path[64], text[64];
	json_t *root, *g;

	ASSERT_EQ(0, subject_start(&s, "leak", options));
	root = tool_json("leak --snapshot --json %d", s.pid);
	ASSERT_NE(NULL, root) {
		TH_LOG("%s", tool_err);
	}
	EXPECT_EQ(TOOL_FOUND, tool_status);
	EXPECT_EQ(70, json_number_at(root, "lost_objects"));
	EXPECT_TRUE(json_is_true(json_at(root, "snapshot")));
	EXPECT_LT(0, json_number_at(root, "stopped_seconds"));
	EXPECT_LT(0, json_number_at(root, "estimated_seconds"));
	g = group(root, NULL, 64);
	ASSERT_NE(NULL, g);
	EXPECT_EQ(20, json_number_at(g, "objects"));
	json_decref(root);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", s.pid, s.pid);
	EXPECT_EQ(0, file_read(path, text, sizeof(text)));
	/* it is not traced any more, and has no signal blocked */
	snprintf(text, sizeof(text), "/proc/%d/status", s.pid);
	ASSERT_LT(0, file_read(text, tool_out, sizeof(tool_out)));
	EXPECT_NE(NULL, strstr(tool_out, "TracerPid:\t0\n"));
	EXPECT_NE(NULL, strstr(tool_out, "SigBlk:\t0000000000000000\n"));
	subject_end(&s);
	EXPECT_TRUE(WIFEXITED(s.status) && !WEXITSTATUS(s.status));
}

TEST(in_a_snapshot)
{
	forked_expect(_metadata, "backend=thp");
}

TEST(in_a_snapshot_on_arenas)
{
	TOOL_NEED_MODULE();
	forked_expect(_metadata, "backend=kmod");
}

/*
 * Whatever it is doing when it is made to fork, it does not notice: no call is
 * interrupted, no child appears, no sequence of libshim continues half-way.
 */
FIXTURE(calls) {
	struct subject s;
};

FIXTURE_SETUP(calls)
{
	ASSERT_EQ(0, subject_start(&self->s, "calls", "backend=thp"));
}

FIXTURE_TEARDOWN(calls)
{
	subject_end(&self->s);
}

/* An emulated machine that others use as well once needed a minute. */
TEST_F_TIMEOUT(calls, a_snapshot_is_not_noticed, 600)
{
	const char *scale = getenv("SCALE");
	int times = scale ? atoi(scale) : 1, i;
	struct subject *s = &self->s;

	for (i = 0; i < 10 * (times > 0 ? times : 1); i++) {
		ASSERT_EQ(TOOL_FOUND, tool("leak --snapshot %d", s->pid)) {
			TH_LOG("round %d: %s", i, tool_err);
		}
		/* the first thread's sleeps are 5 ms */
		usleep((useconds_t)(i * 1700 % 10000));
	}
	subject_end(s);
	EXPECT_TRUE(WIFEXITED(s->status));
	EXPECT_EQ(0, WEXITSTATUS(s->status));
}

TEST(not_longer_than_allowed)
{
	struct subject s;

	ASSERT_EQ(0, subject_start(&s, "leak", "backend=thp"));
	EXPECT_EQ(TOOL_FAILED, tool("leak --max-stop 0.000001 %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_err, "stands still meanwhile"));
	EXPECT_NE(NULL, strstr(tool_err, "not stopped"));
	EXPECT_EQ(NULL, strstr(tool_err, "stood still"));
	EXPECT_EQ(TOOL_FOUND, tool("leak --max-stop 600 %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_err, "stood still for"));
	/* a snapshot does not need that time */
	EXPECT_EQ(TOOL_FOUND, tool("leak --max-stop 0.000001 --snapshot %d",
				   s.pid));
	subject_end(&s);
	EXPECT_EQ(TOOL_USAGE, tool("leak --max-stop nonsense 1"));
}

/* A process that a fork may harm is not made to fork. */
TEST(no_snapshot_where_it_may_harm)
{
	struct subject s;

	ASSERT_EQ(0, subject_start(&s, "filter", "backend=thp"));
	EXPECT_EQ(TOOL_FAILED, tool("leak --snapshot %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_err, "seccomp"));
	EXPECT_EQ(TOOL_FOUND, tool("leak --max-stop 600 %d", s.pid));
	subject_end(&s);
	EXPECT_TRUE(WIFEXITED(s.status) && !WEXITSTATUS(s.status));
	ASSERT_EQ(0, subject_start(&s, "leak", "backend=thp"));
	kill(s.pid, SIGSTOP);
	waitpid(s.pid, NULL, WUNTRACED);
	EXPECT_EQ(TOOL_FAILED, tool("leak --snapshot %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_err, "it is stopped"));
	EXPECT_EQ(TOOL_FOUND, tool("leak --max-stop 600 %d", s.pid));
	kill(s.pid, SIGCONT);
	subject_end(&s);
	EXPECT_TRUE(WIFEXITED(s.status) && !WEXITSTATUS(s.status));
}

TEST(errors)
{
	EXPECT_EQ(TOOL_FAILED, tool("leak %d", getppid()));
	EXPECT_EQ(TOOL_USAGE, tool("leak"));
	EXPECT_EQ(127, tool("leak -- no-such-command"));
}

TEST_HARNESS_MAIN
