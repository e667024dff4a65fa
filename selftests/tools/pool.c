// SPDX-License-Identifier: GPL-2.0-only
/* hugearena pool: shows the pool, sets it, estimates what it needs. */
#include "harness.h"
#include "tool.h"

FIXTURE(pool) {
};

FIXTURE_SETUP(pool)
{
	TOOL_NEED_MODULE();
	ASSERT_EQ(0, params_reset());
}

FIXTURE_TEARDOWN(pool)
{
	params_reset();
}

TEST_F(pool, set_and_shown)
{
	struct pool_line sum;
	json_t *root;

	root = tool_json("pool --target 16M --floor 4M --wait --json");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(16, param_read("pool_target_mb"));
	EXPECT_EQ(4, param_read("pool_floor_mb"));
	ASSERT_EQ(0, pool_sum_read(&sum));
	EXPECT_EQ(8, sum.clean);
	EXPECT_EQ(16 * MIB, json_number_at(root, "held_bytes"));
	EXPECT_EQ(16 * MIB, json_number_at(root, "target_bytes"));
	EXPECT_EQ(4 * MIB, json_number_at(root, "floor_bytes"));
	EXPECT_EQ(8, json_number_at(root, "nodes.0.clean"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("pool"));
	EXPECT_NE(NULL, strstr(tool_out, "16.0 MiB zeroed"));
	EXPECT_EQ(TOOL_OK, tool("pool --target 0 --floor 0 --wait"));
	ASSERT_EQ(0, pool_sum_read(&sum));
	EXPECT_EQ(0, sum.clean + sum.dirty);
}

TEST_F(pool, dry_run_changes_nothing)
{
	json_t *root;

	root = tool_json("pool --target 32M --dry-run --json");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(32 * MIB, json_number_at(root, "cost_bytes"));
	EXPECT_EQ(0, param_read("pool_target_mb"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("pool --target 32M --dry-run"));
	EXPECT_NE(NULL, strstr(tool_out, "32.0 MiB more of"));
}

TEST_F(pool, more_than_there_is_wants_force)
{
	EXPECT_EQ(TOOL_FAILED, tool("pool --target 64T"));
	EXPECT_NE(NULL, strstr(tool_err, "--force"));
	EXPECT_EQ(0, param_read("pool_target_mb"));
}

static int set_as_nobody(void *arg)
{
	return user_become(65534) ? 99 : tool("pool --target 2M");
}

TEST_F(pool, setting_is_for_root)
{
	tool_dir();
	EXPECT_EQ(TOOL_NO_RIGHT, child_run(set_as_nobody, NULL));
	EXPECT_EQ(0, param_read("pool_target_mb"));
}

#define REC	"/tmp/pool-test.rec"

/* A recording of one process, a line for each time and count. */
static void recording_make(const double *t, const int *demand, int n)
{
	FILE *f = fopen(REC, "we");
	int i;

	fprintf(f, "{\"hugearena_record\": 1, \"module\": true}\n");
	for (i = 0; i < n; i++)
		fprintf(f, "{\"t\": %g, \"arena\": {\"faults_reserve\": 0, "
			"\"faults_pool\": %d, \"faults_demand\": %d, "
			"\"faults_small\": 0}}\n",
			t[i], demand[i] / 2, demand[i] - demand[i] / 2);
	fclose(f);
}

/* The most that was needed within a second, and a quarter more. */
TEST(advice_from_a_recording)
{
	static const double t[] = { 0, 0.5, 1, 1.5, 2, 10, 10.5, 11, 20 };
	static const int demand[] = { 100, 100, 120, 160, 170, 170, 210, 250,
				      300 };
	json_t *root;

	recording_make(t, demand, 9);
	root = tool_json("pool --advise --json " REC);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(200, json_number_at(root, "first_touches"));
	EXPECT_EQ(100, json_number_at(root, "cleared_in_faults"));
	/*
	 * 40 + 40 from second 10 to 11; the 50 of the last nine seconds are
	 * fewer
	 */
	EXPECT_EQ(80, json_number_at(root, "peak_blocks"));
	EXPECT_EQ(100 * BLOCK_LEN, json_number_at(root, "advised_bytes"));
	json_decref(root);
	/* a longer window adds the last 50 */
	root = tool_json("pool --advise --window 10 --json " REC);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(130, json_number_at(root, "peak_blocks"));
	json_decref(root);
	/* two services may start at the same time */
	root = tool_json("pool --advise --json " REC " " REC);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(160, json_number_at(root, "peak_blocks"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("pool --advise " REC));
	EXPECT_NE(NULL, strstr(tool_out, "pool --target 200M"));
	EXPECT_EQ(TOOL_FAILED, tool("pool --advise /dev/null"));
	EXPECT_EQ(TOOL_FAILED, tool("pool --advise /nonexistent"));
	unlink(REC);
}

static int touch_for_ever(void *arg)
{
	struct arena a;
	int i;

	if (arena_make(&a, 8))
		return 1;
	for (i = 0;; i = (i + 1) % 8) {
		pages_fill(a.base + i * BLOCK_LEN, BLOCK_LEN, 1);
		arena_punch(&a, i * BLOCK_LEN, BLOCK_LEN);
	}
	return 0;
}

TEST_F(pool, advice_from_what_happens)
{
	pid_t pid = child_start(touch_for_ever, NULL);
	double touches = 0;
	json_t *root;
	int i;

	ASSERT_LT(0, pid);
	/* on a busy machine it may not have run at all */
	for (i = 1; i <= 16 && touches <= 0; i *= 2) {
		root = tool_json("pool --advise --time %d --json", i);
		ASSERT_NE(NULL, root);
		touches = json_number_at(root, "first_touches");
		if (touches > 0)
			EXPECT_LE(BLOCK_LEN,
				  json_number_at(root, "advised_bytes"));
		json_decref(root);
	}
	EXPECT_LT(0, touches);
	kill(pid, SIGKILL);
	child_wait(pid);
}

TEST(wrong_sizes)
{
	EXPECT_EQ(TOOL_USAGE, tool("pool --target 3M"));
	EXPECT_EQ(TOOL_USAGE, tool("pool --target nonsense"));
	EXPECT_EQ(TOOL_USAGE, tool("pool --target 2X"));
}

TEST(without_the_module)
{
	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	EXPECT_EQ(TOOL_NO_MODULE, tool("pool"));
	EXPECT_EQ(TOOL_NO_MODULE, tool("pool --advise --time 1"));
	unsetenv("HUGEARENA_PROC");
}

TEST_HARNESS_MAIN
