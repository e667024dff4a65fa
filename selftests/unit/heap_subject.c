// SPDX-License-Identifier: GPL-2.0-only
/* Seven large objects, and a function for gdb to stop in. */
#include <stdlib.h>
#include <string.h>

void *large[7];

void large_probe(void);
__attribute__((noipa)) void large_probe(void)
{
	__asm__ volatile("" ::: "memory");
}

int main(void)
{
	int i;

	for (i = 0; i < 7; i++) {
		large[i] = malloc(300000);
		if (!large[i])
			return 1;
		memset(large[i], 1, 300000);
	}
	large_probe();
	return 0;
}
