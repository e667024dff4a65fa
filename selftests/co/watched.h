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

/*
 * ThreadSanitizer notes the calls of a coroutine on a stack of its own, and has 7 MiB
 * of variables of each thread, which lie on the thread's stack.
 */
#ifdef __SANITIZE_THREAD__
#define SKIP_IF_TSAN(why)	SKIP(return, "%s", why)
#define THREAD_STACK(bytes)	((size_t)16 << 20)
#else
#define SKIP_IF_TSAN(why)
#define THREAD_STACK(bytes)	((size_t)(bytes))
#endif

#endif
