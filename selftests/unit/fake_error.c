// SPDX-License-Identifier: GPL-2.0-only
/* How the library dies, without a backtrace. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

void shim_bug(const char *what, const void *p)
{
	fprintf(stderr, "libshim: %s: %p\n", what, p);
	abort();
}
