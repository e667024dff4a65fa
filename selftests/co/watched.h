/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watched: the test runs under a sanitizer or valgrind; ./sanitize says so.
 */
#ifndef SELFTESTS_CO_WATCHED_H
#define SELFTESTS_CO_WATCHED_H

#include <stdlib.h>

#define SKIP_IF_WATCHED(why) do {					\
	if (getenv("WATCHED"))						\
		SKIP(return, "%s", why);				\
} while (0)

#endif
