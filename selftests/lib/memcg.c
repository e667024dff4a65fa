// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory control groups (cgroup2).  Groups are made below the root, where the
 * memory controller is enabled first; their names are the tests' own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "memcg.h"
#include "report.h"

#define MEMCG_DEFAULT_ROOT	"/sys/fs/cgroup"

static char memcg_root[64];

static int memcg_root_mounted(void)
{
	char line[512], dir[64], type[32];
	int found = 0;
	FILE *f = fopen("/proc/self/mounts", "re");

	if (!f)
		return 0;
	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %63s %31s", dir, type) == 2 &&
		    !strcmp(type, "cgroup2"))
			found = 1;
	fclose(f);
	if (found)
		strcpy(memcg_root, dir);
	return found;
}

static int memcg_root_find(void)
{
	char path[128];

	if (!memcg_root[0] && !memcg_root_mounted()) {
		if (mount("cgroup2", MEMCG_DEFAULT_ROOT, "cgroup2", 0, NULL))
			return -1;
		strcpy(memcg_root, MEMCG_DEFAULT_ROOT);
	}
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", memcg_root);
	return file_write(path, "+memory");
}

static void memcg_path(const struct memcg *m, const char *file, char *path,
		       size_t size)
{
	snprintf(path, size, "%s/%s", m->path, file);
}

int memcg_make(struct memcg *m, const char *name)
{
	m->path[0] = '\0';
	if (memcg_root_find())
		return -1;
	snprintf(m->path, sizeof(m->path), "%s/hugearena-%s", memcg_root,
		 name);
	if (mkdir(m->path, 0755) && errno != EEXIST) {
		m->path[0] = '\0';
		return -1;
	}
	return 0;
}

int memcg_drop(struct memcg *m)
{
	char path[256];
	int i;

	if (!m->path[0])
		return 0;
	memcg_path(m, "cgroup.kill", path, sizeof(path));
	(void)file_write(path, "1");
	/* what was killed may have much to free: up to a minute */
	for (i = 0; i < 3000; i++) {
		if (!rmdir(m->path) || errno == ENOENT) {
			m->path[0] = '\0';
			return 0;
		}
		usleep(20000);
	}
	return -1;
}

int memcg_enter(const struct memcg *m)
{
	char path[256];

	memcg_path(m, "cgroup.procs", path, sizeof(path));
	return file_write(path, "0");
}

int memcg_leave(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", memcg_root);
	return file_write(path, "0");
}

long long memcg_read(const struct memcg *m, const char *file)
{
	char path[256];

	memcg_path(m, file, path, sizeof(path));
	return file_number(path);
}

int memcg_write(const struct memcg *m, const char *file, long long value)
{
	char path[256], text[32];

	memcg_path(m, file, path, sizeof(path));
	snprintf(text, sizeof(text), "%lld", value);
	return file_write(path, text);
}

long long memcg_key(const struct memcg *m, const char *file, const char *key)
{
	char path[256], line[256];
	size_t n = strlen(key);
	long long value = -1;
	FILE *f;

	memcg_path(m, file, path, sizeof(path));
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ' ')
			sscanf(line + n, "%lld", &value);
	fclose(f);
	return value;
}
