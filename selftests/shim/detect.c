// SPDX-License-Identifier: GPL-2.0-only
/*
 * detect: what is reported about pointers that are no objects; that the process
 * is aborted; and that nothing is reported of a correct program.
 */
#include "patience.h"
#include "victim.h"

FIXTURE(misuse) {
	struct victim v;
};

FIXTURE_VARIANT(misuse) {
	const char *what;
	const char *said;
	char *env;
};

FIXTURE_SETUP(misuse)
{
	ASSERT_EQ(0, victim_run(&self->v, variant->what, variant->env));
}

FIXTURE_TEARDOWN(misuse)
{
}

#define MISUSE(_name, _text)					\
	FIXTURE_VARIANT_ADD(misuse, _name) {			\
		.what = #_name, .said = _text, .env = "A=",	\
	};

/* Without sequences, and with every free checked. */
#define MISUSE_ALSO(_name, _text)				\
	FIXTURE_VARIANT_ADD(misuse, _name ## _locked) {		\
		.what = #_name, .said = _text,			\
		.env = "GLIBC_TUNABLES=glibc.pthread.rseq=0",	\
	};							\
	FIXTURE_VARIANT_ADD(misuse, _name ## _checked) {	\
		.what = #_name, .said = _text,			\
		.env = "SHIM_OPTIONS=check=1",			\
	};

MISUSE(double_at_once, "was freed before (double free); size class 7,")
MISUSE_ALSO(double_at_once, "was freed before (double free); size class 7,")
MISUSE(double_later, "was freed before (double free); size class 7,")
MISUSE_ALSO(double_later, "was freed before (double free); size class 7,")
MISUSE(double_far, "(double free); size class 4, objects of 64 bytes")
MISUSE_ALSO(double_far, "(double free); size class 4, objects of 64 bytes")
MISUSE(double_large, "was freed before (double free)")
MISUSE(double_large_kept, "was freed before (double free)")
MISUSE_ALSO(double_large_kept, "was freed before (double free)")
MISUSE(double_large_later, "freed before, or never allocated")
MISUSE(double_much_later, "freed before, or never allocated")
MISUSE_ALSO(double_much_later, "freed before, or never allocated")
MISUSE(interior, "points into an object, not to its first byte; size class 7")
MISUSE_ALSO(interior, "points into an object, not to its first byte; size")
MISUSE(interior_odd, "points into an object, not to its first byte; size")
MISUSE_ALSO(interior_odd, "points into an object, not to its first byte; size")
FIXTURE_VARIANT_ADD(misuse, double_third_locked) {
	.what = "double_third", .env = "GLIBC_TUNABLES=glibc.pthread.rseq=0",
	.said = "was freed before (double free); size class 7,",
};

/* At the latest when the process ends. */
MISUSE(double_third, "was freed before (double free); size class 7,")
MISUSE(double_twentieth, "was freed before (double free); size class 2,")
MISUSE(interior_unflushed, "points into an object, not to its first byte; size")

MISUSE(interior_large, "points into an object, not to its first byte")
MISUSE(interior_large_kept, "points into an object, not to its first byte")
MISUSE(interior_large_far, "points into an object, not to its first byte")
MISUSE(foreign_stack, "points to nothing that malloc() returned")
MISUSE_ALSO(foreign_stack, "points to nothing that malloc() returned")
MISUSE(foreign_static, "points to nothing that malloc() returned")
MISUSE(foreign_map, "points to nothing that malloc() returned")
MISUSE(foreign_wild, "0xdeadbeefdead0000 points to nothing that malloc()")
MISUSE(foreign_low, "0x10 points to nothing that malloc() returned")
MISUSE(realloc_freed_large, "was freed before (double free)")
MISUSE(usable_foreign, "points to nothing that malloc() returned")
FIXTURE_VARIANT_ADD(misuse, double_unflushed) {
	.what = "double_unflushed", .env = "SHIM_OPTIONS=check=1",
	.said = "was freed before (double free); size class 7,",
};

FIXTURE_VARIANT_ADD(misuse, sized_too_large) {
	.what = "sized_too_large", .env = "SHIM_OPTIONS=check=1",
	.said = "was freed with a wrong size or alignment",
};

TEST_F(misuse, is_reported_and_aborts)
{
	EXPECT_TRUE(WIFSIGNALED(self->v.status));
	EXPECT_EQ(SIGABRT, WTERMSIG(self->v.status));
	EXPECT_EQ(0, strncmp(self->v.said, "libshim: ", 9));
	EXPECT_NE(NULL, strstr(self->v.said, variant->said)) {
		TH_LOG("said: %s", self->v.said);
	}
	/*
	 * the backtrace: one line for each frame, with its address in brackets
	 */
	EXPECT_NE(NULL, strstr(self->v.said, "[0x"));
	EXPECT_EQ(NULL, strstr(self->v.said, "alive"));
}

TEST_HARNESS_MAIN
