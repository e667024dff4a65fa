// SPDX-License-Identifier: GPL-2.0-only
/*
 * inspect: what 'hugearena co' and gdb's commands say of a process whose
 * coroutines are known.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shim_co.h>

#include "patience.h"

#define SUSPENDED	40
#define PARKED		7

/* Names for the tools to find. */
void *inspected_clerk(void *arg);
void inspected_wait(int n);

__attribute__((noinline)) void inspected_wait(int n)
{
	volatile int keep = n;

	shim_co_yield(NULL);
	/* no tail call, so that the frame exists */
	(void)keep;
}

void *inspected_clerk(void *arg)
{
	inspected_wait(3);
	return arg;
}

static void subject(int ready)
{
	struct shim_co_attr attr = { .name = "clerk" };
	struct shim_co *co;
	int i;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	for (i = 0; i < SUSPENDED; i++) {
		co = shim_co_new(inspected_clerk, NULL, &attr);
		shim_co_resume(co, NULL);
		if (i < PARKED && shim_co_park(co))
			_exit(1);
	}
	shim_co_new(inspected_clerk, NULL, NULL);
	if (write(ready, "", 1) != 1)
		_exit(2);
	for (;;)
		pause();
}

/* Started once more as a program on libshim: export only looks at those. */
__attribute__((constructor)) static void begin(void)
{
	const char *fd = getenv("INSPECTED_READY");

	if (!fd)
		return;
	prctl(PR_SET_NAME, "clerks");
	subject(atoi(fd));
}

FIXTURE(inspect) {
	pid_t pid;
	char *out;
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
	self->out = calloc(1, 1 << 20);
}

FIXTURE_TEARDOWN(inspect)
{
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	free(self->out);
}

/* @out gets what a command prints; its exit status is returned. */
static int says(char *out, const char *format, pid_t pid)
{
	char line[512];
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), format, pid);
	f = popen(line, "r");
	if (!f)
		return -1;
	n = fread(out, 1, (1 << 20) - 1, f);
	out[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

static int count(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

TEST_F(inspect, by_place)
{
	ASSERT_EQ(0, says(self->out, "../../hugearena co --json %d",
			  self->pid));
	EXPECT_NE(NULL, strstr(self->out, "\"coroutines\": 41"));
	EXPECT_NE(NULL, strstr(self->out, "\"suspended\": 40"));
	EXPECT_NE(NULL, strstr(self->out, "\"new\": 1"));
	EXPECT_NE(NULL, strstr(self->out, "\"parked\": 7"));
	/*
	 * parked or not, all wait in the same function, whose caller is known
	 */
	EXPECT_NE(NULL, strstr(self->out, "\"coroutines\": 40"));
	EXPECT_EQ(1, count(self->out, "inspected_wait"));
	EXPECT_EQ(1, count(self->out, "co_start"));
	/* a new coroutine is shown at its function */
	EXPECT_EQ(2, count(self->out, "inspected_clerk"));
	ASSERT_EQ(0, says(self->out, "../../hugearena co %d", self->pid));
	EXPECT_NE(NULL, strstr(self->out, "40 suspended"));
	/* and the process goes on */
	EXPECT_EQ(0, waitpid(self->pid, NULL, WNOHANG));
}

TEST_F(inspect, one_by_one)
{
	ASSERT_EQ(0, says(self->out, "../../hugearena co --list --json %d",
			  self->pid));
	EXPECT_EQ(SUSPENDED, count(self->out, "\"name\": \"clerk\""));
	EXPECT_EQ(PARKED, count(self->out, "\"state\": \"parked\""));
	EXPECT_EQ(SUSPENDED, count(self->out, "inspected_wait"));
	EXPECT_EQ(PARKED, count(self->out, "\"depth\": 0"));
}

TEST(exported)
{
	static const char *const lines[] = {
		"coroutines{command=\"clerks\",state=\"suspended\"} 40\n",
		"coroutines{command=\"clerks\",state=\"new\"} 1\n",
		"coroutines{command=\"clerks\",state=\"done\"} 0\n",
		"coroutines{command=\"clerks\",state=\"parked\"} 7\n",
		"stacks{command=\"clerks\",state=\"used\"} 41\n",
	};
	char number[16], *out = calloc(1, 1 << 20), c;
	size_t i;
	pid_t pid;
	int fd[2];

	ASSERT_NE(NULL, out);
	ASSERT_EQ(0, pipe(fd));
	snprintf(number, sizeof(number), "%d", fd[1]);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("INSPECTED_READY", number, 1);
		setenv("LD_PRELOAD", "../../libshim.so", 1);
		execl("/proc/self/exe", "inspect", NULL);
		_exit(3);
	}
	close(fd[1]);
	ASSERT_EQ(1, read(fd[0], &c, 1));
	ASSERT_EQ(0, says(out, "../../hugearena export --processes # %d", pid));
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		EXPECT_NE(NULL, strstr(out, lines[i]))
			TH_LOG("missing: %s", lines[i]);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	free(out);
}

TEST_F(inspect, refusals)
{
	/* no libshim-co, no such process, no such option */
	EXPECT_EQ(1, says(self->out, "../../hugearena co $$ 2>&1; exit $? # %d",
			  self->pid));
	EXPECT_NE(NULL, strstr(self->out, "no libshim-co"));
	EXPECT_EQ(1, says(self->out, "../../hugearena co 2147483646 2>&1 # %d",
			  self->pid));
	EXPECT_EQ(2, says(self->out, "../../hugearena co --huh %d 2>&1",
			  self->pid));
}

TEST_F(inspect, gdb)
{
	if (system("command -v gdb >/dev/null"))
		SKIP(return, "no gdb");
	says(self->out, "gdb -batch -nx -p %d -ex 'source obj/hugearena-co.py' "
			"-ex 'info coroutines' -ex 'coroutine all bt' 2>&1",
	     self->pid);
	EXPECT_EQ(2 * SUSPENDED, count(self->out, " clerk"));
	EXPECT_EQ(2 * PARKED, count(self->out, "parked"));
	/* those that are parked have their frames on the heap */
	EXPECT_EQ(SUSPENDED, count(self->out, "in inspected_wait"));
	EXPECT_EQ(SUSPENDED, count(self->out, "in inspected_clerk"));
	EXPECT_EQ(0, count(self->out, "corrupt"));
}

TEST_HARNESS_MAIN
