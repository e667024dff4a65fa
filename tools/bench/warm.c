// SPDX-License-Identifier: GPL-2.0-only
/*
 * warm MIB: what spawn_warm_up() does before each run of 'bench', for scripts.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "spawn.h"

int main(int argc, char *argv[])
{
	unsigned long mib;
	char *end;
	int error;

	mib = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
	if (!mib || mib > (1UL << 20) || *end)
		errx(2, "usage: warm MIB, at most 1048576");
	error = spawn_warm_up(mib << 20);
	if (error)
		errx(1, "%s", strerror(-error));
	return 0;
}
