/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kselftest_harness.h, with more patience.  Included first.
 */
#ifndef SELFTESTS_LIB_PATIENCE_H
#define SELFTESTS_LIB_PATIENCE_H

#include "kselftest_harness.h"

/* Stops what hangs; the 30 s it comes with are too few for a debug kernel. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

/*
 * As TEST_HARNESS_MAIN, of a program that has nothing to say where @_why() is not
 * NULL but a reason: one skip of all of it, in place of one a test.
 */
#define TEST_HARNESS_MAIN_UNLESS(_why)					\
	static void __attribute__((constructor))			\
	__constructor_order_last(void)					\
	{								\
		if (!__constructor_order)				\
			__constructor_order = _CONSTRUCTOR_ORDER_BACKWARD; \
	}								\
	int main(int argc, char **argv)					\
	{								\
		const char *why = _why();				\
									\
		if (why) {						\
			printf("TAP version 13\n1..0 # SKIP %s\n", why);	\
			return KSFT_SKIP;				\
		}							\
		return test_harness_run(argc, argv);			\
	}

#endif
