/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many mappings this process has.
 */
#ifndef SELFTESTS_LIB_MAPPINGS_H
#define SELFTESTS_LIB_MAPPINGS_H

#include <stdio.h>

static long mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	long n = 0;
	int c;

	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

#endif /* SELFTESTS_LIB_MAPPINGS_H */
