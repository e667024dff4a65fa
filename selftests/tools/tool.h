/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tool: running the hugearena command, and processes for it to inspect.
 */
#ifndef SELFTESTS_TOOLS_TOOL_H
#define SELFTESTS_TOOLS_TOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Exit statuses of the command. */
#define TOOL_OK		0
#define TOOL_FAILED	1
#define TOOL_USAGE	2
#define TOOL_NO_MODULE	3
#define TOOL_NO_RIGHT	4
#define TOOL_FOUND	5

/* What the last tool() wrote, and how it ended; 256 plus a signal. */
extern char tool_out[1 << 20];
extern char tool_err[1 << 16];
extern int tool_status;

/*
 * Run "hugearena FORMAT", a line for the shell, standard input being empty.
 * Its exit status.
 */
int tool(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As tool(), and parse its output; NULL if that is no JSON.  decref it. */
json_t *tool_json(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* A member, by a path "a.b.2.c"; a number or -1 if it is not there. */
json_t *json_at(json_t *root, const char *path);
double json_number_at(json_t *root, const char *path);
const char *json_text_at(json_t *root, const char *path);

/**
 * struct subject - a process on libshim whose memory is known
 * @pid: the process
 * @in: it ends when this is closed
 * @asked: bytes it asked malloc() for and has
 * @usable: as malloc_usable_size() has it
 * @objects: in how many objects
 * @status: as of waitpid(), once it has ended
 */
struct subject {
	pid_t pid;
	int in;
	unsigned long asked, usable, objects;
	int status;
};

/* Start "subject MODE" with SHIM_OPTIONS=@options; 0, or -1. */
int subject_start(struct subject *s, const char *mode, const char *options);

/* The same of another program, which says "ready ..." as subject does. */
int program_start(struct subject *s, const char *name, const char *mode,
		  const char *options);
void subject_end(struct subject *s);

/*
 * Skip the test, also from a setup, where there is no module, as on a build
 * machine: the command has no answer there.
 */
#define TOOL_NEED_MODULE() do {						\
	if (access("/proc/hugearena/stat", R_OK))			\
		SKIP(_exit(255), "no module here");			\
} while (0)

/* As ARENA_FIXTURE, for a test that may run without a module. */
#define TOOL_FIXTURE(_name, _blocks)					\
	FIXTURE(_name) {						\
		struct arena a;						\
	};								\
	FIXTURE_SETUP(_name)						\
	{								\
		TOOL_NEED_MODULE();					\
		ASSERT_EQ(0, params_reset());				\
		ASSERT_EQ(0, arena_make(&self->a, _blocks));		\
	}								\
	FIXTURE_TEARDOWN(_name)						\
	{								\
		arena_drop(&self->a);					\
	}

/* @_seen is @_want, give or take a part of it. */
#define EXPECT_NEAR_REL(_want, _seen, _part) do {			\
	double __want = (_want), __got = (_seen);			\
									\
	EXPECT_TRUE(__got >= __want * (1 - (_part)) &&			\
		    __got <= __want * (1 + (_part))) {			\
		TH_LOG("%s is %.0f, not about %.0f", #_seen, __got,	\
		       __want);						\
	}								\
} while (0)

/* The directory of the test's own program. */
const char *tool_dir(void);

#endif
