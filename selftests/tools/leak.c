// SPDX-License-Identifier: GPL-2.0-only
/* hugearena leak: planted leaks are found, what is held is not. */
#include "harness.h"
#include "tool.h"

/* The group whose stack has a function, or whose objects have a size. */
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

/* The sum over the groups whose stack has a function: it may call twice. */
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
	root = tool_json("leak --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_FOUND, tool_status);
	EXPECT_EQ(70, json_number_at(root, "lost_objects"));
	g = group(root, NULL, 64);
	ASSERT_NE(NULL, g);
	EXPECT_EQ(20, json_number_at(g, "objects"));
	json_decref(root);
	/* it goes on as if nothing had happened */
	EXPECT_EQ(TOOL_FOUND, tool("leak %d", s.pid));
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
	root = tool_json("leak --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(0, json_number_at(root, "lost_objects"));
	EXPECT_LE(s.objects, json_number_at(root, "live_objects"));
	json_decref(root);
	subject_end(&s);
}

TEST(errors)
{
	EXPECT_EQ(TOOL_FAILED, tool("leak %d", getppid()));
	EXPECT_EQ(TOOL_USAGE, tool("leak"));
	EXPECT_EQ(127, tool("leak -- no-such-command"));
}

TEST_HARNESS_MAIN
