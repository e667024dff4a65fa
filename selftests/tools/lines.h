/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TOOLS_LINES_H
#define SELFTESTS_TOOLS_LINES_H

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* Lines of a file, 0 if it is not there. */
static inline int lines_of(const char *name)
{
	FILE *f = fopen(name, "re");
	int c, n = 0;

	if (!f)
		return 0;
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* Wait up to a minute for @n lines more. */
static inline bool lines_come(const char *name, int n)
{
	int want = lines_of(name) + n, tries;

	for (tries = 0; tries < 6000 && lines_of(name) < want; tries++)
		usleep(10000);
	return lines_of(name) >= want;
}

#endif
