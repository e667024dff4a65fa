// SPDX-License-Identifier: GPL-2.0-only
/* hugearena record and report: samples of a process, and the page of them. */
#include "harness.h"
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include "lines.h"
#include "tool.h"

#define REC	"/tmp/record-test.rec"
#define HTML	"/tmp/record-test.html"
#define DISK	"/tmp/record-test.disk"

static char page[1 << 21];

static double col_max(json_t *root, const char *name)
{
	json_t *list = json_at(json_at(root, "columns"), name), *v;
	double max = -1;
	size_t i;

	json_array_foreach(list, i, v)
		if (json_is_number(v) && json_number_value(v) > max)
			max = json_number_value(v);
	return max;
}

/* A header, then a line for each sample, until the process ends. */
static int records(void *arg)
{
	struct subject *s = arg;

	/* the file whose end the subject waits for */
	close(s->in);
	return tool("record -w " REC " -i 0.05 %d", s->pid);
}

TEST(a_command)
{
	json_t *root;

	EXPECT_EQ(3, tool("record -w " REC " -i 0.05 -o backend=thp -- "
			  "%s/subject wave " REC, tool_dir()));
	root = tool_json("report --json " REC);
	ASSERT_NE(NULL, root);
	EXPECT_LT(3, json_array_size(json_at(root, "columns.seconds")));
	EXPECT_LE(20e6, col_max(root, "allocated_bytes"));
	EXPECT_GE(60e6, col_max(root, "allocated_bytes"));
	EXPECT_LE(20e6, col_max(root, "resident_bytes"));
	EXPECT_LT(0, col_max(root, "faults_per_second"));
	json_decref(root);
	ASSERT_EQ(TOOL_OK, tool("report -o " HTML " " REC));
	ASSERT_LT(4096, file_read(HTML, page, sizeof(page)));
	EXPECT_EQ(0, strncmp(page, "<!DOCTYPE html>", 15));
	EXPECT_NE(NULL, strstr(page, "Heap map over time</h2>\n<svg"));
	EXPECT_NE(NULL, strstr(page, "prefers-color-scheme:dark"));
	EXPECT_NE(NULL, strstr(page, "name=\"viewport\""));
	EXPECT_NE(NULL, strstr(page, "</html>"));
	/* the page loads nothing from elsewhere, and runs no scripts */
	EXPECT_EQ(NULL, strstr(page, "http:"));
	EXPECT_EQ(NULL, strstr(page, "https:"));
	EXPECT_EQ(NULL, strstr(page, "<script"));
	EXPECT_EQ(NULL, strstr(page, "nan"));
	EXPECT_EQ(NULL, strstr(page, "inf"));
	unlink(REC);
	unlink(HTML);
}

TEST(a_process_for_a_while)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	EXPECT_EQ(TOOL_OK, tool("record -w " REC " -i 0.1 -t 1 %d", s.pid));
	EXPECT_EQ(0, kill(s.pid, 0));
	root = tool_json("report --json " REC);
	ASSERT_NE(NULL, root);
	EXPECT_NEAR_REL(s.usable, col_max(root, "allocated_bytes"), 0.05);
	EXPECT_STREQ("subject", json_text_at(root, "header.command"));
	json_decref(root);
	subject_end(&s);
	unlink(REC);
}

TEST(a_recording_that_breaks_off)
{
	struct subject s;
	json_t *root;
	char text[65536];
	ssize_t len;
	pid_t pid;
	FILE *f;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	pid = child_start(records, &s);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(lines_come(REC, 4));
	subject_end(&s);
	EXPECT_EQ(TOOL_OK, child_wait(pid));
	len = file_read(REC, text, sizeof(text));
	ASSERT_LT(1000, len);
	f = fopen(REC, "we");
	ASSERT_NE(NULL, f);
	fwrite(text, 1, (size_t)len - 20, f);
	fclose(f);
	root = tool_json("report --json " REC);
	ASSERT_NE(NULL, root);
	EXPECT_LE(1, json_array_size(json_at(root, "columns.seconds")));
	json_decref(root);
	unlink(REC);
}

TEST(what_is_no_recording)
{
	FILE *f = fopen(REC, "we");

	ASSERT_NE(NULL, f);
	fputs("{\"a\": 1}\n", f);
	fclose(f);
	EXPECT_EQ(TOOL_FAILED, tool("report " REC));
	EXPECT_NE(NULL, strstr(tool_err, "not a recording"));
	EXPECT_EQ(TOOL_FAILED, tool("report /nonexistent"));
	EXPECT_EQ(TOOL_FAILED, tool("record -w " REC " 999999999"));
	EXPECT_EQ(TOOL_USAGE, tool("record"));
	unlink(REC);
}

static int record_as_nobody(void *arg)
{
	struct subject *s = arg;
	int ret;

	close(s->in);
	if (user_become(65534))
		return 99;
	if (tool("record -w " REC ".2 -t 0.2 %d", s->pid) != TOOL_NO_RIGHT)
		return 98;
	if (!strstr(tool_err, "CAP_SYS_PTRACE") || !access(REC ".2", F_OK))
		return 97;
	/* what anybody can see, and a note on what is missing */
	ret = tool("record --partly -w " REC ".2 -i 0.1 -t 0.2 %d", s->pid);
	unlink(REC ".2");
	if (ret)
		return 96;
	return !strstr(tool_err, "are not in the recording");
}

TEST(what_cannot_be_read)
{
	struct subject s;

	if (geteuid())
		SKIP(return, "needs root");
	tool_dir();
	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	EXPECT_EQ(0, child_run(record_as_nobody, &s));
	subject_end(&s);
	/* the heap of our own process is not shown, and a message says so */
	EXPECT_EQ(TOOL_OK, tool("record -w " REC " -i 0.1 -t 0.3 %d", getpid()));
	EXPECT_NE(NULL, strstr(tool_err, "no heap map in the recording"));
	unlink(REC);
}

/* An empty card says how to fill it, on the page and in the picture. */
TEST(empty_cards)
{
	static const char *const titles[] = {
		"Memory", "Coverage by 2 MiB pages", "Page faults of all kinds",
		"Faults of arenas by source", "Fault time by source",
		"Heap map over time",
	};
	char path[PATH_MAX], *old = strdup(getenv("PATH") ?: "/bin:/usr/bin");
	FILE *f;
	size_t i;

	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	EXPECT_EQ(TOOL_OK, tool("record -w " REC " -i 0.1 -t 0.3 %d", getpid()));
	unsetenv("HUGEARENA_PROC");
	/* stands in for gnuplot: the picture is its input */
	mkdir(DISK, 0755);
	f = fopen(DISK "/gnuplot", "we");
	ASSERT_NE(NULL, f);
	fputs("#!/bin/sh\nexec cat\n", f);
	fclose(f);
	chmod(DISK "/gnuplot", 0755);
	snprintf(path, sizeof(path), DISK ":%s", old);
	setenv("PATH", path, 1);
	EXPECT_EQ(TOOL_OK, tool("report -o " HTML " -p " REC ".png " REC));
	setenv("PATH", old, 1);
	free(old);
	unlink(DISK "/gnuplot");
	rmdir(DISK);
	ASSERT_LT(4096, file_read(HTML, page, sizeof(page)));
	for (i = 0; i < 6; i++)
		EXPECT_NE(NULL, strstr(page, titles[i]));
	EXPECT_NE(NULL, strstr(page, "A recording after &#39;modprobe") ?:
			strstr(page, "A recording after 'modprobe"));
	EXPECT_NE(NULL, strstr(page, "hugearena record -- COMMAND"));
	ASSERT_LT(500, file_read(REC ".png", page, sizeof(page)));
	for (i = 0; i < 6; i++) {
		EXPECT_NE(NULL, strstr(page, titles[i])) {
			TH_LOG("no %s", titles[i]);
		}
	}
	EXPECT_NE(NULL, strstr(page, "A recording after 'modprobe"));
	EXPECT_NE(NULL, strstr(page, "COMMAND' has"));
	unlink(REC ".png");
	unlink(HTML);
	unlink(REC);
}

/*
 * The service continues, the tool reports the error, and what was recorded can
 * be read.
 */
TEST(the_disk_is_full)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	EXPECT_EQ(TOOL_FAILED, tool("record -w /dev/full -t 5 %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_err, "cannot write /dev/full: No space"));
	EXPECT_EQ(0, kill(s.pid, 0));
	if (geteuid())
		SKIP(goto out, "a small disk needs root");
	mkdir(DISK, 0700);
	ASSERT_EQ(0, mount("none", DISK, "tmpfs", 0, "size=16k"));
	EXPECT_EQ(TOOL_FAILED, tool("record -w " DISK "/rec -i 0.01 -t 60 %d",
				    s.pid));
	EXPECT_NE(NULL, strstr(tool_err, "No space"));
	EXPECT_EQ(0, kill(s.pid, 0));
	root = tool_json("report --json " DISK "/rec");
	EXPECT_LE(1, json_array_size(json_at(root, "columns.seconds")));
	json_decref(root);
	umount(DISK);
	rmdir(DISK);
out:
	subject_end(&s);
}

static int clock_goes(long seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds;
	return clock_settime(CLOCK_REALTIME, &t);
}

/* Samples carry elapsed time, whatever happens to the clock. */
TEST(the_clock_is_set)
{
	const long steps[] = { 7200, -14400, 7200 };
	double last = -1;
	json_t *root, *list, *v;
	struct subject s;
	pid_t pid;
	size_t i;

	if (geteuid())
		SKIP(return, "setting the clock needs root");
	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	pid = child_start(records, &s);
	ASSERT_LT(0, pid);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(lines_come(REC, 2));
		EXPECT_EQ(0, clock_goes(steps[i]));
	}
	EXPECT_TRUE(lines_come(REC, 2));
	subject_end(&s);
	EXPECT_EQ(TOOL_OK, child_wait(pid));
	root = tool_json("report --json " REC);
	ASSERT_NE(NULL, root);
	list = json_at(root, "columns.seconds");
	EXPECT_LT(2, json_array_size(list));
	json_array_foreach(list, i, v) {
		EXPECT_LT(last, json_number_value(v));
		last = json_number_value(v);
	}
	EXPECT_GT(1800, last);
	EXPECT_GT(1e8, col_max(root, "faults_per_second"));
	json_decref(root);
	unlink(REC);
}

FIXTURE(record) {
	int ready;
};

FIXTURE_SETUP(record)
{
	TOOL_NEED_MODULE();
	ASSERT_EQ(0, params_reset());
	self->ready = gate_open();
	ASSERT_LE(0, self->ready);
}

FIXTURE_TEARDOWN(record)
{
	close(self->ready);
}

/* A block at a time, until it is killed. */
static int touch_slowly(void *arg)
{
	struct arena a;
	int i;

	if (arena_make(&a, 8))
		return 1;
	gate_post(*(int *)arg);
	for (i = 0;; i = (i + 1) % 8) {
		pages_fill(a.base + i * BLOCK_LEN, BLOCK_LEN, 1);
		usleep(20000);
		arena_punch(&a, i * BLOCK_LEN, BLOCK_LEN);
	}
	return 0;
}

TEST_F(record, faults_by_source)
{
	struct subject s = { child_start(touch_slowly, &self->ready), -1 };
	pid_t recorder;
	json_t *root;

	ASSERT_LT(0, s.pid);
	gate_wait(self->ready);
	recorder = child_start(records, &s);
	ASSERT_LT(0, recorder);
	EXPECT_TRUE(lines_come(REC, 8));
	kill(s.pid, SIGKILL);
	child_wait(s.pid);
	EXPECT_EQ(TOOL_OK, child_wait(recorder));
	root = tool_json("report --json " REC);
	ASSERT_NE(NULL, root);
	EXPECT_LT(0, col_max(root, "faults_demand_per_second"));
	json_decref(root);
	ASSERT_EQ(TOOL_OK, tool("report -o " HTML " " REC));
	ASSERT_LT(4096, file_read(HTML, page, sizeof(page)));
	EXPECT_NE(NULL, strstr(page, "Fault time by source</h2>\n<svg"));
	unlink(REC);
	unlink(HTML);
}

TEST_HARNESS_MAIN
