/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kselftest_harness.h, with more patience.  Included first.
 */
#ifndef SELFTESTS_LIB_PATIENCE_H
#define SELFTESTS_LIB_PATIENCE_H

#include "kselftest_harness.h"

/* Stops what hangs; the 30 s it comes with are too few for a debug kernel. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#endif
