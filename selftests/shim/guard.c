// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard: what SHIM_GUARD=1 reports, and that a program works under it.
 */
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
