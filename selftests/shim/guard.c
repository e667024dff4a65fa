// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard: what SHIM_GUARD=1 reports, and that a program works under it.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "patience.h"
#include "load.h"
#include "shim.h"
#include "victim.h"

FIXTURE(guarded) {
	struct victim v;
};

FIXTURE_VARIANT(guarded) {
	const char *what;
	const char *said;
	int sig;
	bool freed;
};

FIXTURE_SETUP(guarded)
{
	ASSERT_EQ(0, victim_run(&self->v, variant->what, "SHIM_GUARD=1"));
}

FIXTURE_TEARDOWN(guarded)
{
}

#define GUARDED(_name, _sig, _freed, _text)		\
	FIXTURE_VARIANT_ADD(guarded, _name) {		\
		.what = #_name, .sig = _sig,		\
		.freed = _freed, .said = _text,		\
	};

GUARDED(overflow, SIGSEGV, false, "guard: access past an object at 0x")
GUARDED(overflow_last, SIGSEGV, false, "guard: access past an object at 0x")
GUARDED(underflow_far, SIGSEGV, false, "guard: access before an object at 0x")
GUARDED(overflow_read, SIGSEGV, false, "guard: access past an object at 0x")
GUARDED(underflow, SIGSEGV, false, "guard: access before an object at 0x")
GUARDED(use_after_free, SIGSEGV, true, "guard: use after free at 0x")
GUARDED(guard_double, SIGABRT, true, "guard: double free at 0x")
GUARDED(empty_after_free, SIGSEGV, true,
	"guard: access before an object at 0x")
GUARDED(empty_written, SIGABRT, false,
	"guard: bytes written before an object at 0x")
GUARDED(slack, SIGABRT, false, "guard: bytes written past an object at 0x")

TEST_F(guarded, is_reported_with_stacks)
{
	const char *said = self->v.said;

	EXPECT_TRUE(WIFSIGNALED(self->v.status));
	EXPECT_EQ(variant->sig, WTERMSIG(self->v.status));
	EXPECT_NE(NULL, strstr(said, variant->said)) {
		TH_LOG("said: %s", said);
	}
	said = strstr(said, "allocated by:");
	ASSERT_NE(NULL, said);
	EXPECT_NE(NULL, strstr(said, "[0x"));
	if (variant->freed)
		EXPECT_NE(NULL, strstr(said, "freed by:"));
	EXPECT_EQ(NULL, strstr(self->v.said, "alive"));
}

static uint64_t number(const char *name)
{
	size_t len = sizeof(uint64_t);
	uint64_t n = 0;

	return shim_ctl(name, &n, &len, NULL, 0) ? UINT64_MAX : n;
}

/* Sizes are exact, errno is left alone, an object ends at its guard. */
TEST(guarded_objects_are_as_asked_for)
{
	const char *guard = getenv("SHIM_GUARD");
	uint64_t before = number("guard.live");
	unsigned int exact = 0;
	size_t size, k;
	char *p;

	for (size = 0; size <= 4096; size++) {
		errno = 4711;
		p = malloc(size);
		ASSERT_EQ(4711, errno);
		ASSERT_NE(NULL, p);
		ASSERT_EQ(0, (uintptr_t)p % 16);
		exact += malloc_usable_size(p) == size;
		memset(p, 1, malloc_usable_size(p));
		if (guard && !strcmp(guard, "1")) {
			ASSERT_EQ(size, malloc_usable_size(p));
			ASSERT_GT(16, -((uintptr_t)p + size) % 4096);
		}
		errno = 4711;
		p = realloc(p, size + 5);
		ASSERT_EQ(4711, errno);
		ASSERT_NE(NULL, p);
		for (k = 0; k < size; k++)
			ASSERT_EQ(1, p[k]);
		/* a smaller size is exact, too: what follows it is guarded */
		p = realloc(p, size * 3 / 4 + 1);
		ASSERT_NE(NULL, p);
		if (guard && !strcmp(guard, "1"))
			ASSERT_EQ(size * 3 / 4 + 1, malloc_usable_size(p));
		for (k = 0; k < size * 3 / 4; k++)
			ASSERT_EQ(1, p[k]);
		free(p);
		ASSERT_EQ(4711, errno);
	}
	if (guard) {
		EXPECT_LT(100, exact);
	}
	EXPECT_EQ(before, number("guard.live"));
}

/*
 * Slots are reused, all of them: many objects at a time are guarded, again and
 * again.
 */
TEST(slots_are_used_again)
{
	const char *guard = getenv("SHIM_GUARD");
	unsigned int round, i, exact;
	void *p[400];

	for (round = 0; round < 5; round++) {
		for (i = 0, exact = 0; i < 400; i++) {
			p[i] = malloc(150);
			exact += malloc_usable_size(p[i]) == 150;
		}
		for (i = 0; i < 400; i++)
			free(p[i]);
		if (guard && !strcmp(guard, "1"))
			ASSERT_EQ(400, exact);
	}
}

/* guard_load.sh runs this with one allocation in 10 guarded. */
TEST(a_program_works)
{
	struct load l = { .max = 6000, .target = 20000 };
	const char *guard = getenv("SHIM_GUARD");
	size_t len = sizeof(uint64_t);
	uint64_t sampled = 0;

	load_start(&l, 4);
	load_join(&l);
	load_drain(&l);
	EXPECT_EQ(0, l.bad);
	ASSERT_EQ(0, shim_ctl("guard.sampled", &sampled, &len, NULL, 0));
	if (guard) {
		EXPECT_LT(1000, sampled);
	} else {
		EXPECT_EQ(0, sampled);
	}
}

TEST_HARNESS_MAIN
