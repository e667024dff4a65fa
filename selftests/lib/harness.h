/* SPDX-License-Identifier: GPL-2.0-only */
/* kselftest_harness.h, and what every topic adds to it.  Included first. */
#ifndef SELFTESTS_LIB_HARNESS_H
#define SELFTESTS_LIB_HARNESS_H

#include "patience.h"
#include "arena.h"
#include "memory.h"
#include "process.h"
#include "report.h"

/* @_call returns -1 with this errno. */
#define EXPECT_ERRNO(_errno, _call) do {				\
	errno = 0;							\
	EXPECT_EQ(-1, (long)(_call)) {					\
		TH_LOG("%s should have failed", #_call);		\
	}								\
	EXPECT_EQ((_errno), errno) {					\
		TH_LOG("wrong errno from %s", #_call);			\
	}								\
} while (0)

/* @_call returns MAP_FAILED with this errno. */
#define EXPECT_MAP_ERRNO(_errno, _call) do {				\
	errno = 0;							\
	EXPECT_EQ(MAP_FAILED, (_call)) {				\
		TH_LOG("%s should have failed", #_call);		\
	}								\
	EXPECT_EQ((_errno), errno) {					\
		TH_LOG("wrong errno from %s", #_call);			\
	}								\
} while (0)

/*
 * A fixture that is one mapped arena of @_blocks blocks, self->a, with the
 * module's parameters at their defaults and no reserve.
 */
#define ARENA_FIXTURE(_name, _blocks)					\
	FIXTURE(_name) {						\
		struct arena a;						\
	};								\
	FIXTURE_SETUP(_name)						\
	{								\
		ASSERT_EQ(0, params_reset());				\
		ASSERT_EQ(0, arena_make(&self->a, _blocks));		\
	}								\
	FIXTURE_TEARDOWN(_name)						\
	{								\
		arena_drop(&self->a);					\
	}

#endif
