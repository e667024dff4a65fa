// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Read statistics of libshim from inside the program.
 *
 *	cc statistic.c -lshim
 *
 * shim_ctl() is declared weak, so that the same program also runs without
 * libshim: the pointer is NULL then.
 */
#include <inttypes.h>
#include <shim.h>
#include <stdio.h>
#include <stdlib.h>

#pragma weak shim_ctl

static uint64_t number(const char *name)
{
	uint64_t value = 0;
	size_t len = sizeof(value);

	if (shim_ctl(name, &value, &len, NULL, 0))
		perror(name);
	return value;
}

int main(void)
{
	enum { OBJECTS = 10000, SIZE = 1000 };
	static char *object[OBJECTS];
	char backend[16] = "";
	size_t len = sizeof(backend);
	uint64_t before;
	int i;

	if (!shim_ctl) {
		puts("this program runs on another malloc");
		return 1;
	}
	before = number("allocated");
	for (i = 0; i < OBJECTS; i++) {
		object[i] = malloc(SIZE);
		if (!object[i])
			return 1;
		object[i][0] = 1;
	}
	shim_ctl("backend", backend, &len, NULL, 0);
	printf("blocks come from %s\n", backend);
	printf("allocated %" PRIu64 " bytes more, resident %" PRIu64 "\n",
	       number("allocated") - before, number("resident"));
	for (i = 0; i < OBJECTS; i++)
		free(object[i]);
	/* what caches and spans have as free is not allocated */
	printf("after free(): %" PRIu64 "\n", number("allocated"));
	return number("allocated") < before + (uint64_t)OBJECTS * SIZE ? 0 : 1;
}
