// SPDX-License-Identifier: GPL-2.0-only
/*
 * What 'hugearena gc' and export say of a process whose collections are known,
 * and the probes that its library has.
 */
#include <sys/prctl.h>

#include "gctest.h"

#define KEPT	1000
#define SIZE	1000

static void *volatile kept[KEPT];
static char out[1 << 20];

static void subject(int ready)
{
	unsigned int i;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	setenv("SHIM_GC_MODE", "hybrid", 1);
	setenv("SHIM_GC_WORKERS", "3", 1);
	shim_gc_set_percent(150);
	shim_gc_disable();
	for (i = 0; i < KEPT; i++) {
		kept[i] = shim_gc_alloc(SIZE);
		shim_gc_alloc(SIZE);
	}
	for (i = 0; i < 20; i++)
		if (shim_gc_collect())
			_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(2);
	for (;;)
		pause();
}

/* Started once more as a program on libshim: export only looks at those. */
static __attribute__((constructor)) void begin(void)
{
	const char *fd = getenv("INSPECTED_READY");

	if (!fd)
		return;
	prctl(PR_SET_NAME, "keeper");
	subject(atoi(fd));
}

/* What a command prints; its exit status is returned. */
static int says(const char *format, pid_t pid)
{
	char line[512];
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), format, pid);
	f = popen(line, "r");
	if (!f)
		return -1;
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

static double number(const char *before)
{
	const char *at = strstr(out, before);

	return at ? strtod(at + strlen(before), NULL) : -1;
}

FIXTURE(inspect) {
	pid_t pid;
};

FIXTURE_SETUP(inspect)
{
	int fd[2];
	char c;

	ASSERT_EQ(0, pipe(fd));
	self->pid = fork();
	if (!self->pid) {
		/* a test that fails leaves without taking it down */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		subject(fd[1]);
	}
	close(fd[1]);
	ASSERT_EQ(1, read(fd[0], &c, 1));
	close(fd[0]);
}

FIXTURE_TEARDOWN(inspect)
{
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
}

TEST_F(inspect, numbers)
{
	const char *at;
	double live;
	int n = 0;

	ASSERT_EQ(0, says("../../hugearena gc --json %d", self->pid));
	EXPECT_NE(NULL, strstr(out, "\"mode\": \"hybrid\""));
	EXPECT_NE(NULL, strstr(out, "\"phase\": \"idle\""));
	EXPECT_NE(NULL, strstr(out, "\"dirty\": \"none\""));
	EXPECT_EQ(150, number("\"growth_percent\": "));
	EXPECT_EQ(3, number("\"workers\": "));
	EXPECT_EQ(20, number("\"collections\": "));
	EXPECT_EQ(20, number("\"call\": "));
	EXPECT_EQ(0, number("\"goal\": "));
	EXPECT_EQ(20, number("\"stops\": "));
	EXPECT_EQ(0, number("\"failed\": "));
	/* what is kept is live: half of what was allocated */
	live = number("\"live_bytes\": ");
	EXPECT_LE(KEPT * SIZE, live);
	EXPECT_GE(KEPT * SIZE * 3 / 2, live);
	EXPECT_LE(2 * KEPT * SIZE, number("\"total_bytes\": "));
	EXPECT_LE(live, number("\"heap_bytes\": "));
	/* 4 MiB at 100 */
	EXPECT_LE((double)(5 << 20), number("\"goal_bytes\": "));
	EXPECT_LE(number("\"trigger_bytes\": "), number("\"goal_bytes\": "));
	/* the last 16 of 20, in order */
	for (at = strstr(out, "\"number\": "); at; at = strstr(at, "\"number\": "))
		EXPECT_EQ(5 + n++, strtol(at += 10, NULL, 10));
	EXPECT_EQ(16, n);
}

TEST_F(inspect, text)
{
	ASSERT_EQ(0, says("../../hugearena gc %d", self->pid));
	EXPECT_NE(NULL, strstr(out, "hybrid"));
	EXPECT_NE(NULL, strstr(out, "20, 0 beside the program"));
	EXPECT_NE(NULL, strstr(out, "call 20"));
	/* and the process goes on */
	EXPECT_EQ(0, waitpid(self->pid, NULL, WNOHANG));
}

TEST_F(inspect, refusals)
{
	EXPECT_EQ(1, says("../../hugearena gc $$ 2>&1; exit $? # %d", self->pid));
	EXPECT_NE(NULL, strstr(out, "no libshim-gc"));
	EXPECT_EQ(1, says("../../hugearena gc 2147483646 2>&1 # %d", 0));
	EXPECT_EQ(2, says("../../hugearena gc --huh %d 2>&1", self->pid));
	EXPECT_EQ(2, says("../../hugearena gc 2>&1 # %d", self->pid));
}

#ifndef ON_LIBSHIM
TEST(exported)
{
	char text[16], c;
	pid_t pid;
	int fd[2];

	ASSERT_EQ(0, pipe(fd));
	snprintf(text, sizeof(text), "%d", fd[1]);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("INSPECTED_READY", text, 1);
		setenv("LD_PRELOAD", "../../libshim.so", 1);
		execl("/proc/self/exe", "inspect", NULL);
		_exit(3);
	}
	close(fd[1]);
	ASSERT_EQ(1, read(fd[0], &c, 1));
	ASSERT_EQ(0, says("../../hugearena export --processes # %d", pid));
	EXPECT_EQ(20, number("\nhugearena_command_gc_collections_total"
			     "{command=\"keeper\",reason=\"call\"} "));
	EXPECT_EQ(0, number("\nhugearena_command_gc_collections_total"
			    "{command=\"keeper\",reason=\"goal\"} "));
	EXPECT_EQ(20, number("\nhugearena_command_gc_stops_total"
			     "{command=\"keeper\"} "));
	EXPECT_LE(KEPT * SIZE, number("\nhugearena_command_gc_live_bytes"
				      "{command=\"keeper\"} "));
	EXPECT_LT(0, number("\nhugearena_command_gc_stopped_seconds_total"
			    "{command=\"keeper\"} "));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(probes)
{
	static const char *const name[] = {
		"gc_phase", "gc_stop", "gc_assist", "gc_goal",
	};
	unsigned int i;

	if (says("command -v readelf # %d", 0))
		SKIP(return, "no readelf");
	ASSERT_EQ(0, says("readelf -n ../../libshim-gc.so.0 # %d", 0));
	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		EXPECT_NE(NULL, strstr(out, name[i])) {
			TH_LOG("no probe %s", name[i]);
		}
	}
}
#endif

TEST_HARNESS_MAIN
