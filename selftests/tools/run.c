// SPDX-License-Identifier: GPL-2.0-only
/* hugearena run: reports what the command had when it ended. */
#include "harness.h"
#include "tool.h"

#define REPORT	"/tmp/run-report.json"
#define SMALL	40000
#define MIDDLE	5000
#define LARGE	100
#define ASKED	(SMALL * 100.0 + MIDDLE * 1000.0 + LARGE * 300000.0)

static json_t *run(const char *args)
{
	json_t *root;

	tool("run --json -w " REPORT " %s %s/subject quick", args, tool_dir());
	root = json_load_file(REPORT, 0, NULL);
	unlink(REPORT);
	return root;
}

TEST(at_the_end)
{
	json_t *root = run("-o backend=thp --");

	ASSERT_NE(NULL, root);
	EXPECT_EQ(3, tool_status);
	EXPECT_EQ(3, json_number_at(root, "exit_status"));
	EXPECT_TRUE(json_is_true(json_at(root, "read_at_end")));
	EXPECT_LE(ASKED, json_number_at(root, "process.heap.allocated_bytes"));
	EXPECT_GE(ASKED * 1.2,
		  json_number_at(root, "process.heap.allocated_bytes"));
	EXPECT_LE(ASKED, json_number_at(root, "peak_resident_bytes"));
	EXPECT_LE(ASKED, json_number_at(root, "process.resident_bytes"));
	EXPECT_EQ(-1, json_number_at(root, "allocations_estimated"));
	json_decref(root);
}

TEST(on_arenas_with_faults_by_source)
{
	json_t *root;

	TOOL_NEED_MODULE();
	root = run("-o backend=kmod --");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(3, tool_status);
	EXPECT_LE(ASKED / 4,
		  json_number_at(root, "process.arena.resident_bytes"));
	EXPECT_LT(0, json_number_at(root, "process.arena.faults_demand") +
		     json_number_at(root, "process.arena.faults_reserve") +
		     json_number_at(root, "process.arena.faults_pool"));
	json_decref(root);
}

/* 85,100 allocations, 43 MB; a sample each 4 KiB is a good 6,000 of them */
TEST(count_by_sampling)
{
	json_t *root = run("-o backend=thp,profile=4k --");
	double bytes = ASKED + SMALL * 100.0, n = 2 * SMALL + MIDDLE + LARGE;

	ASSERT_NE(NULL, root);
	EXPECT_NEAR_REL(bytes,
			json_number_at(root, "allocated_ever_bytes_estimated"),
			0.1);
	EXPECT_NEAR_REL(n, json_number_at(root, "allocations_estimated"), 0.1);
	json_decref(root);
}

TEST(plain_is_the_systems_malloc)
{
	json_t *root = run("--plain --");

	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, json_text_at(root, "process.heap_unknown"));
	EXPECT_LE(ASKED, json_number_at(root, "peak_resident_bytes"));
	json_decref(root);
}

TEST(exit_status_is_the_commands)
{
	EXPECT_EQ(0, tool("run true"));
	EXPECT_EQ(7, tool("run -- sh -c 'exit 7'"));
	EXPECT_EQ(128 + SIGKILL, tool("run -- sh -c 'kill -9 $$'"));
	EXPECT_EQ(127, tool("run no-such-command"));
	EXPECT_EQ(TOOL_USAGE, tool("run"));
}

TEST(what_killed_it_has_a_name)
{
	json_t *root;

	tool("run -- sh -c 'kill -9 $$'");
	EXPECT_NE(NULL, strstr(tool_err, "killed by  SIGKILL (Killed"));
	tool("run -- sh -c 'exit 9'");
	EXPECT_EQ(NULL, strstr(tool_err, "killed by"));
	tool("run --json -w " REPORT " -- sh -c 'kill -SEGV $$'");
	root = json_load_file(REPORT, 0, NULL);
	unlink(REPORT);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(128 + SIGSEGV, json_number_at(root, "exit_status"));
	EXPECT_EQ(0, strncmp(json_text_at(root, "killed_by") ?: "",
			     "SIGSEGV (Segmentation fault", 27));
	json_decref(root);
}

/*
 * Events that every processor may have; a missing one is reported with its
 * reason.
 */
TEST(generic_events)
{
	static const char *const names[] = {
		"instructions", "dTLB load misses", "iTLB load misses",
		"cache misses", "context switches",
	};
	json_t *root = run("-o backend=thp --"), *value;
	size_t i;

	ASSERT_NE(NULL, root);
	for (i = 0; i < 5; i++) {
		value = json_object_get(json_at(root, "counters"), names[i]);
		EXPECT_TRUE(json_is_integer(value) || json_is_null(value)) {
			TH_LOG("no %s", names[i]);
		}
	}
	EXPECT_EQ(NULL, json_object_get(json_at(root, "counters"),
					"page walk cycles"));
	json_decref(root);
	EXPECT_EQ(0, tool("run true"));
	EXPECT_EQ(NULL, strstr(tool_err, "not supported"));
}

TEST(signals_reach_the_command)
{
	EXPECT_EQ(5, tool("run -- sh -c 'trap \"exit 5\" USR1; "
			  "kill -USR1 $$; sleep 9'"));
	EXPECT_NE(NULL, strstr(tool_err, "peak resident"));
}

TEST(output_of_the_command_is_left_alone)
{
	EXPECT_EQ(0, tool("run -- echo hello"));
	EXPECT_STREQ("hello\n", tool_out);
}

TEST_HARNESS_MAIN
