// SPDX-License-Identifier: GPL-2.0-only
/* hugearena top: finds processes, counts their heaps and faults. */
#include <linux/capability.h>
#include <sys/prctl.h>

#include "harness.h"
#include "tool.h"

static json_t *find(json_t *root, pid_t pid)
{
	json_t *list = json_at(root, "processes"), *p;
	size_t i;

	json_array_foreach(list, i, p)
		if (json_number_at(p, "pid") == pid)
			return p;
	return NULL;
}

TEST(a_process_on_libshim)
{
	struct subject s;
	json_t *root, *p;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	root = tool_json("top --json");
	ASSERT_NE(NULL, root);
	p = find(root, s.pid);
	ASSERT_NE(NULL, p);
	EXPECT_STREQ("subject", json_text_at(p, "comm"));
	EXPECT_LE(s.usable - 100 * 8192,
		  json_number_at(p, "heap.allocated_bytes"));
	EXPECT_GE(s.usable + 65536, json_number_at(p, "heap.allocated_bytes"));
	EXPECT_LE(s.asked, json_number_at(p, "resident_bytes"));
	EXPECT_GE(100, json_number_at(p, "coverage_percent"));
	EXPECT_NE(NULL, find(root, getpid()));
	json_decref(root);
	subject_end(&s);
}

TEST(ours_and_filter)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	root = tool_json("top --json --ours");
	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, find(root, s.pid));
	EXPECT_EQ(NULL, find(root, getpid()));
	json_decref(root);
	root = tool_json("top --json --filter subj");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(1, json_array_size(json_at(root, "processes")));
	json_decref(root);
	subject_end(&s);
}

TEST(sorted_by_what_was_asked)
{
	json_t *root, *list;
	size_t i;

	root = tool_json("top --json --sort resident");
	ASSERT_NE(NULL, root);
	list = json_at(root, "processes");
	EXPECT_LE(1, json_array_size(list));
	for (i = 1; i < json_array_size(list); i++)
		EXPECT_GE(json_number_at(json_array_get(list, i - 1),
					 "resident_bytes"),
			  json_number_at(json_array_get(list, i),
					 "resident_bytes"));
	json_decref(root);
	EXPECT_EQ(TOOL_USAGE, tool("top --sort nonsense"));
	EXPECT_EQ(TOOL_USAGE, tool("top --delay 0"));
}

static int fault_for_ever(void *arg)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (;;) {
		pages_fill(p, MIB, 1);
		madvise(p, MIB, MADV_DONTNEED);
	}
	return 0;
}

TEST(faults_a_second)
{
	pid_t pid = child_start(fault_for_ever, NULL);
	char *at, *last, key[32];
	double rate = 0, cow, cpu = 0;
	int delay;

	ASSERT_LT(0, pid);
	snprintf(key, sizeof(key), "%8d ", pid);
	/* on a busy machine it may not have run for a second */
	for (delay = 1; (rate <= 100 || cpu <= 0) && delay <= 32; delay *= 2) {
		EXPECT_EQ(TOOL_OK, tool("top --batch --count 2 --delay %d",
					delay));
		last = NULL;
		for (at = tool_out; (at = strstr(at, key)); at++)
			last = at;
		ASSERT_NE(NULL, last);
		EXPECT_EQ(3, sscanf(strchr(last, '%') ?: "", "%% %lf %lf %lf",
				    &rate, &cow, &cpu));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_LT(100, rate);
	EXPECT_LT(0, cpu);
}

TEST(rows_totals_and_where_it_belongs)
{
	struct subject s, other;
	char text[4096], *path;
	json_t *root, *p;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	ASSERT_EQ(0, subject_start(&other, "leak", "backend=thp"));
	root = tool_json("top --json --filter subject --sort allocated --rows 1");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(1, json_array_size(json_at(root, "processes")));
	/* the sums are over all processes, shown or not */
	EXPECT_LE(2, json_number_at(root, "all.processes"));
	EXPECT_LT(json_number_at(root, "processes.0.resident_bytes"),
		  json_number_at(root, "all.resident_bytes"));
	EXPECT_LE(s.asked,
		  json_number_at(root, "processes.0.heap.allocated_bytes"));
	EXPECT_LT(json_number_at(root, "processes.0.heap.allocated_bytes"),
		  json_number_at(root, "all.allocated_bytes"));
	json_decref(root);
	root = tool_json("top --json --filter subject");
	ASSERT_NE(NULL, root);
	p = find(root, s.pid);
	ASSERT_NE(NULL, p);
	snprintf(text, sizeof(text), "/proc/%d/cgroup", s.pid);
	ASSERT_LT(0, file_read(text, text, sizeof(text)));
	path = (char *)json_text_at(p, "cgroup");
	ASSERT_NE(NULL, path);
	EXPECT_NE(NULL, strstr(text, path));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("top --batch --filter subject --rows 1"));
	EXPECT_NE(NULL, strstr(tool_out, "CPU UNIT OR CGROUP"));
	EXPECT_NE(NULL, strstr(tool_out, "     all with those left"));
	EXPECT_EQ(TOOL_USAGE, tool("top --rows 0"));
	subject_end(&other);
	subject_end(&s);
}

/*
 * Become root without the capability, as in a container; 0 if the output
 * reports that.
 */
static int top_as_less(void *arg)
{
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE))
		return 98;
	if (tool("top --batch"))
		return 97;
	return !strstr(tool_out, "which this root user lacks");
}

TEST(root_is_told_what_it_lacks)
{
	struct subject s;

	if (geteuid())
		SKIP(return, "needs root");
	tool_dir();
	ASSERT_EQ(0, subject_start(&s, "leak", "backend=thp"));
	EXPECT_EQ(0, child_run(top_as_less, NULL));
	subject_end(&s);
}

TOOL_FIXTURE(top, 4)

TEST_F(top, a_process_with_an_arena)
{
	struct hugearena_stat st;
	json_t *root, *p;

	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	root = tool_json("top --json --ours");
	ASSERT_NE(NULL, root);
	p = find(root, getpid());
	ASSERT_NE(NULL, p);
	EXPECT_EQ(1, json_number_at(p, "arena.arenas"));
	EXPECT_EQ(st.resident, json_number_at(p, "arena.resident_bytes"));
	EXPECT_EQ(3, json_number_at(p, "arena.blocks"));
	EXPECT_EQ(st.fault_demand, json_number_at(p, "arena.faults_demand"));
	json_decref(root);
}

TEST_HARNESS_MAIN
