/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A service of systemd that exists only for the command: systemd need not run
 * here.  A stand-in for systemctl prints the unit's properties; it is found
 * first, since its directory comes first in PATH.
 */
#ifndef SELFTESTS_TOOLS_UNIT_H
#define SELFTESTS_TOOLS_UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAND_IN	"/tmp/doctor-bin"

static void unit_says(const char *lines)
{
	static char path[4096];
	FILE *f;

	mkdir(STAND_IN, 0755);
	f = fopen(STAND_IN "/systemctl", "we");
	fprintf(f, "#!/bin/sh\ncat <<EOF\n%sEOF\n", lines);
	fclose(f);
	chmod(STAND_IN "/systemctl", 0755);
	if (!strncmp(getenv("PATH"), STAND_IN, strlen(STAND_IN)))
		return;
	snprintf(path, sizeof(path), STAND_IN ":%s", getenv("PATH"));
	setenv("PATH", path, 1);
}

static void unit_gone(void)
{
	unlink(STAND_IN "/systemctl");
	rmdir(STAND_IN);
}

#define UNIT	"LoadState=loaded\nMainPID=0\nDevicePolicy=auto\nUser=redis\n"

#endif /* SELFTESTS_TOOLS_UNIT_H */
