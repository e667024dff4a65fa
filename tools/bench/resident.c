// SPDX-License-Identifier: GPL-2.0-only
/*
 * resident: what a process has in memory, exactly.
 *
 * Reads /proc with read(2) into the stack: the process that asks may be the one
 * that is measured, and must not change its heap by asking.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resident.h"

/* bytes read into buf, NUL-terminated; 0 if the file is not there */
static size_t resident_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while (have < size - 1 &&
	       (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	buf[have] = '\0';
	return have;
}

static size_t resident_proc(pid_t pid, const char *file, char *buf,
			    size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return resident_file(path, buf, size);
}

static double resident_field(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line ? strtod(line + strlen(key), NULL) : 0;
}

/* The module's memory is no anonymous memory: it has an account of its own. */
static void resident_arenas(pid_t pid, double *kb, double *huge_kb)
{
	double resident, blocks;
	char text[16384], *line;
	int owner;

	*kb = 0;
	*huge_kb = 0;
	if (!resident_file("/proc/hugearena/arenas", text, sizeof(text)))
		return;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%*u %d %*s %*f %lf %lf", &owner, &resident,
			   &blocks) == 3 && owner == pid) {
			*kb += resident;
			*huge_kb += blocks * 2048;
		}
	}
}

/* The part of Rss: that is the module's, in a process without other shmem. */
static double resident_shmem(pid_t pid)
{
	char text[4096];

	if (!resident_proc(pid, "status", text, sizeof(text)))
		return 0;
	return resident_field(text, "\nRssShmem:");
}

int resident_read(pid_t pid, struct resident *resident)
{
	double arenas, blocks;
	char text[4096];

	if (!resident_proc(pid, "smaps_rollup", text, sizeof(text)))
		return -1;
	resident_arenas(pid, &arenas, &blocks);
	resident->kb = resident_field(text, "\nRss:");
	/* what the module holds counts, not the part that is mapped just now */
	if (arenas > 0)
		resident->kb += arenas - resident_shmem(pid);
	resident->anon_kb = resident_field(text, "\nAnonymous:") + arenas;
	resident->huge_kb = resident_field(text, "\nAnonHugePages:") + blocks;
	return 0;
}

double resident_peak_kb(pid_t pid)
{
	char text[4096];

	if (!resident_proc(pid, "status", text, sizeof(text)))
		return 0;
	return resident_field(text, "\nVmHWM:");
}

double resident_pages_kb(pid_t pid)
{
	static long page_kb;
	char text[128];
	double pages;

	if (!page_kb)
		page_kb = sysconf(_SC_PAGESIZE) / 1024;
	if (!resident_proc(pid, "statm", text, sizeof(text)) ||
	    sscanf(text, "%*f %lf", &pages) != 1)
		return 0;
	return pages * (double)page_kb;
}
