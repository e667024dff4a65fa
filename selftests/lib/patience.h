/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kselftest_harness.h, with more patience.  Included first.
 */
#ifndef SELFTESTS_LIB_PATIENCE_H
#define SELFTESTS_LIB_PATIENCE_H

#include "kselftest_harness.h"

/*
 * Ends a test that hangs; the harness's own 30 s are too few for a debug
 * kernel.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600

/*
 * Like TEST_HARNESS_MAIN, for a program that cannot test anything where @_why()
 * returns a reason instead of NULL: it reports one skip for all of it instead
 * of one for each test.
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
