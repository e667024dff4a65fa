// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gclog: messages to standard error, from any context.
 *
 * glibc's vsnprintf() allocates nothing for the conversions that are allowed
 * here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gclog.h"

static void line(const char *fmt, va_list args)
{
	int saved = errno, n;
	char buf[512];

	n = snprintf(buf, sizeof(buf), "libshim-gc: ");
	n += vsnprintf(buf + n, sizeof(buf) - (size_t)n - 1, fmt, args);
	if (n > (int)sizeof(buf) - 2)
		n = (int)sizeof(buf) - 2;
	buf[n] = '\n';
	if (write(STDERR_FILENO, buf, (size_t)n + 1) < 0)
		saved = errno;
	errno = saved;
}

void gclog(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(fmt, args);
	va_end(args);
}

void gclog_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	line(fmt, args);
	va_end(args);
	abort();
}
