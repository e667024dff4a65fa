// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keep a program's heap below a limit.
 *
 *	cc limit.c -lshim
 *	SHIM_OPTIONS=limit=64m,limit_hard=1 ./a.out
 *
 * limit makes the library work harder to give memory back; limit_hard has
 * malloc() fail instead of exceeding it.  From inside, a soft limit is set by
 * shim_ctl(), as here; control groups are noticed without being told.
 */
#include <inttypes.h>
#include <shim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	uint64_t limit = 64 << 20, now = 0;
	size_t len = sizeof(now);
	int round;

	if (shim_ctl("limit", NULL, NULL, &limit, sizeof(limit))) {
		perror("limit");
		return 1;
	}
	/* 32 MiB live at any time, in sizes that do not fit into each other */
	for (round = 1; round <= 20; round++) {
		size_t size = (size_t)round * 100000;
		size_t n = (32 << 20) / size, i;
		char **p = calloc(n, sizeof(*p));

		for (i = 0; p && i < n; i++) {
			p[i] = malloc(size);
			if (p[i])
				memset(p[i], round, size);
		}
		for (i = 0; p && i < n; i++)
			free(p[i]);
		free(p);
	}
	if (shim_ctl("resident", &now, &len, NULL, 0)) {
		perror("resident");
		return 1;
	}
	printf("resident %" PRIu64 " of a limit of %" PRIu64 "\n", now, limit);
	return now <= limit ? 0 : 1;
}
