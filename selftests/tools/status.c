// SPDX-License-Identifier: GPL-2.0-only
/* hugearena status: reports what /proc has, with and without the module. */
#include "harness.h"
#include "tool.h"

#define BLOCKS	8

TOOL_FIXTURE(status, BLOCKS)

static json_t *mine(json_t *root, unsigned long long id)
{
	json_t *list = json_at(root, "arenas"), *arena;
	size_t i;

	json_array_foreach(list, i, arena)
		if (json_number_at(arena, "id") == (double)id)
			return arena;
	return NULL;
}

TEST_F(status, arena_as_the_ioctl_has_it)
{
	struct hugearena_stat st;
	json_t *root, *arena;

	pages_fill(self->a.base, 5 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN));
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, OS_PAGE));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	root = tool_json("status --json");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	arena = mine(root, st.id);
	ASSERT_NE(NULL, arena);
	EXPECT_EQ(getpid(), json_number_at(arena, "pid"));
	EXPECT_EQ(BLOCKS * BLOCK_LEN, json_number_at(arena, "size_bytes"));
	EXPECT_EQ(st.resident, json_number_at(arena, "resident_bytes"));
	EXPECT_EQ(4 * BLOCK_LEN - OS_PAGE,
		  json_number_at(arena, "resident_bytes"));
	EXPECT_EQ(3, json_number_at(arena, "blocks"));
	EXPECT_EQ(1, json_number_at(arena, "split"));
	EXPECT_EQ(st.fault_demand, json_number_at(arena, "faults_demand"));
	EXPECT_EQ(st.released, json_number_at(arena, "released_bytes"));
	EXPECT_STREQ("status", json_text_at(arena, "comm"));
	json_decref(root);
}

TEST_F(status, module_as_proc_has_it)
{
	json_t *root;

	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	root = tool_json("status --json");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(stat_read("Arenas"), json_number_at(root, "module.arenas"));
	EXPECT_EQ(stat_read("Blocks"), json_number_at(root, "module.blocks"));
	EXPECT_EQ(stat_read("FaultDemand"),
		  json_number_at(root, "module.fault_demand"));
	EXPECT_EQ(stat_read("Resident") * 1024,
		  json_number_at(root, "module.resident_bytes"));
	EXPECT_EQ(meminfo_read("MemTotal") * 1024,
		  json_number_at(root, "machine.memory_bytes"));
	EXPECT_LE(3, json_number_at(root, "module.blocks"));
	json_decref(root);
}

TEST_F(status, text_without_colour_in_a_file)
{
	ASSERT_EQ(TOOL_OK, tool("status"));
	EXPECT_NE(NULL, strstr(tool_out, "Machine"));
	EXPECT_NE(NULL, strstr(tool_out, "faults: demand"));
	EXPECT_NE(NULL, strstr(tool_out, "COMMAND"));
	EXPECT_EQ(NULL, strchr(tool_out, '\033'));
	EXPECT_STREQ("", tool_err);
}

TEST(without_the_module_it_says_so)
{
	json_t *root;

	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	EXPECT_EQ(TOOL_OK, tool("status"));
	EXPECT_NE(NULL, strstr(tool_out, "not loaded"));
	root = tool_json("status --json");
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(json_is_null(json_at(root, "module")));
	EXPECT_EQ(0, json_array_size(json_at(root, "arenas")));
	json_decref(root);
	unsetenv("HUGEARENA_PROC");
}

TEST(wrong_usage)
{
	EXPECT_EQ(TOOL_USAGE, tool("status --no-such-option"));
	EXPECT_EQ(TOOL_USAGE, tool("no-such-command"));
	EXPECT_EQ(TOOL_USAGE, tool(" "));
	EXPECT_EQ(TOOL_OK, tool("--help"));
	EXPECT_NE(NULL, strstr(tool_out, "status"));
	EXPECT_EQ(TOOL_OK, tool("status --help"));
}

/*
 * The processes with libshim are found without a module, and so are their
 * limits.
 */
TEST(heaps)
{
	json_t *root, *list, *p = NULL, *one;
	struct subject s, other;
	size_t i;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp,limit=512m"));
	ASSERT_EQ(0, subject_start(&other, "leak", "backend=thp"));
	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	root = tool_json("status --json");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	list = json_at(root, "heaps.processes");
	json_array_foreach(list, i, one) {
		if (json_number_at(one, "pid") == s.pid)
			p = one;
		EXPECT_NE(getpid(), json_number_at(one, "pid"));
	}
	EXPECT_LE(2, json_array_size(list));
	ASSERT_NE(NULL, p);
	EXPECT_STREQ("subject", json_text_at(p, "comm"));
	EXPECT_STREQ("thp", json_text_at(p, "backend"));
	EXPECT_EQ(512 * MIB, json_number_at(p, "limit_bytes"));
	EXPECT_LE(s.asked, json_number_at(p, "allocated_bytes"));
	EXPECT_GE(s.usable + MIB, json_number_at(p, "allocated_bytes"));
	EXPECT_LE(s.asked, json_number_at(p, "resident_bytes"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("status"));
	EXPECT_NE(NULL, strstr(tool_out, "hugearena.ko is not loaded"));
	EXPECT_NE(NULL, strstr(tool_out, "512 MiB"));
	unsetenv("HUGEARENA_PROC");
	subject_end(&other);
	subject_end(&s);
}

TEST_HARNESS_MAIN
