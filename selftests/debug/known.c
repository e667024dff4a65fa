// SPDX-License-Identifier: GPL-2.0-only
/* Operations worth trying again; see known.h. */
#include <stdio.h>
#include <stdlib.h>
#include "known.h"
#include "soak.h"

#define MAX	4096

static __u64 known[MAX];
static size_t count;

void known_add(__u64 number)
{
	if (count < MAX)
		known[count++] = number;
}

size_t known_count(void)
{
	return count;
}

__u64 known_or_new(__u64 *state)
{
	if (count && soak_below(state, 2))
		return known[soak_below(state, count)];
	return soak_random(state);
}

void known_read(void)
{
	const char *path = getenv("CORPUS");
	unsigned long long number;
	FILE *file = fopen(path ? path : "corpus", "re");

	if (!file)
		return;
	while (fscanf(file, "%llx", &number) == 1)
		known_add(number);
	fclose(file);
}

void known_write(void)
{
	const char *path = getenv("CORPUS_OUT");
	FILE *file = path ? fopen(path, "we") : NULL;
	size_t i;

	if (!file)
		return;
	for (i = 0; i < count; i++)
		fprintf(file, "%016llx\n", (unsigned long long)known[i]);
	fclose(file);
}
