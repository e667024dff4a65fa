// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses what the kernel says in text, strictly: a line that does not have the
 * documented form is not found.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "report.h"

#define PARAM_DIR	"/sys/module/hugearena/parameters/"
#define LINE_MAX_LEN	1024

static const struct {
	const char *name;
	long long value;
} param_defaults[] = {
	{ "pool_target_mb", 0 },
	{ "pool_floor_mb", 0 },
	{ "max_mb", 0 },
	{ "user_mb", 0 },
	{ "cgroup_mb", 0 },
	{ "cgroup_level", 1 },
	{ "reserve_max", 0 },
	{ "empty_node", -1 },
};

/* "@key:  number" at the start of @line. */
static int line_key(const char *line, const char *key, long long *value)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) || line[n] != ':')
		return 0;
	return sscanf(line + n + 1, "%lld", value) == 1;
}

long long file_key(const char *path, const char *key)
{
	char line[LINE_MAX_LEN];
	long long value = -1;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (line_key(line, key, &value))
			break;
	fclose(f);
	return value;
}

ssize_t file_read(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	buf[len] = '\0';
	return len;
}

long long file_number(const char *path)
{
	long long value;
	char buf[64];

	if (file_read(path, buf, sizeof(buf)) < 0)
		return -1;
	return sscanf(buf, "%lld", &value) == 1 ? value : -1;
}

int file_write(const char *path, const char *text)
{
	ssize_t len = strlen(text), n;
	int fd, err;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, text, len);
	err = n < 0 ? errno : EIO;
	close(fd);
	if (n == len)
		return 0;
	errno = err;
	return -1;
}

long long stat_read(const char *key)
{
	return file_key(PROC_STAT, key);
}

long long status_read(const char *key)
{
	return file_key("/proc/self/status", key);
}

long long meminfo_read(const char *key)
{
	return file_key("/proc/meminfo", key);
}

long long memfree_read(void)
{
	long long kb = meminfo_read("MemFree"), pages;
	char line[LINE_MAX_LEN];
	FILE *f = fopen("/proc/zoneinfo", "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %lld", &pages) == 1)
			kb += pages * 4;
	fclose(f);
	return kb;
}

/*
 * Walk smaps; for the mapping that contains @addr either read @key's number
 * or copy VmFlags into @flags.
 */
static long long smaps_walk(const void *addr, const char *key, char *flags)
{
	unsigned long start, end, at = (uintptr_t)addr;
	char line[LINE_MAX_LEN], perms[8];
	long long value = -1;
	int inside = 0;
	FILE *f = fopen("/proc/self/smaps", "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %4s", &start, &end, perms) == 3) {
			inside = at >= start && at < end;
			continue;
		}
		if (!inside)
			continue;
		if (flags && !strncmp(line, "VmFlags:", 8)) {
			strcpy(flags, line + 8);
			value = 0;
			break;
		}
		if (!flags && line_key(line, key, &value))
			break;
	}
	fclose(f);
	return value;
}

long long smaps_read(const void *addr, const char *key)
{
	return smaps_walk(addr, key, NULL);
}

int smaps_flag(const void *addr, const char *flag)
{
	char flags[LINE_MAX_LEN], *word, *rest;

	if (smaps_walk(addr, NULL, flags))
		return 0;
	for (word = strtok_r(flags, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest))
		if (!strcmp(word, flag))
			return 1;
	return 0;
}

long long smaps_pmd_mapped(const void *addr)
{
	long long shmem = smaps_read(addr, "ShmemPmdMapped");
	long long file = smaps_read(addr, "FilePmdMapped");

	return shmem < 0 || file < 0 ? -1 : shmem + file;
}

int maps_count(const void *addr, size_t len)
{
	unsigned long start, end, at = (uintptr_t)addr;
	char line[LINE_MAX_LEN];
	int n = 0;
	FILE *f = fopen("/proc/self/maps", "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			n += start < at + len && end > at;
	fclose(f);
	return n;
}

int arena_line_read(unsigned long long id, struct arena_line *l)
{
	char line[LINE_MAX_LEN], rest[2];
	int found = -1;
	FILE *f = fopen(PROC_ARENAS, "re");

	if (!f)
		return -1;
	while (found && fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (sscanf(line,
			   "%llu %d %63s %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %15s %llu %15s %1s",
			   &l->id, &l->pid, l->name, &l->size_kb,
			   &l->resident_kb, &l->blocks, &l->split, &l->shared,
			   &l->lost, &l->f_reserve, &l->f_pool, &l->f_demand,
			   &l->f_small, &l->f_map, &l->cow_pages,
			   &l->cow_blocks, &l->released_kb, &l->joined,
			   &l->reserve, &l->forks, &l->inode, l->kind,
			   &l->meshed_kb, l->mode, rest) != 24)
			continue;
		if (l->id == id)
			found = 0;
	}
	fclose(f);
	return found;
}

/* Call @fn for each line of the pool until it returns non-zero. */
static int pool_walk(int (*fn)(const struct pool_line *l, void *arg),
		     void *arg)
{
	char line[LINE_MAX_LEN], rest[2];
	struct pool_line l;
	int ret = 0;
	FILE *f = fopen(PROC_POOL, "re");

	if (!f)
		return -1;
	while (!ret && fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (sscanf(line, "%d %llu %llu %llu %llu %llu %llu %llu %llu %1s",
			   &l.node, &l.clean, &l.dirty, &l.target, &l.floor,
			   &l.out, &l.failed, &l.lent, &l.bad, rest) != 9) {
			ret = -1;
			break;
		}
		ret = fn(&l, arg);
	}
	if (ferror(f))
		ret = -1;
	fclose(f);
	return ret;
}

static int pool_line_is(const struct pool_line *l, void *arg)
{
	struct pool_line *want = arg;

	if (l->node != want->node)
		return 0;
	*want = *l;
	return 1;
}

int pool_line_read(int node, struct pool_line *line)
{
	line->node = node;
	return pool_walk(pool_line_is, line) == 1 ? 0 : -1;
}

static int pool_line_add(const struct pool_line *l, void *arg)
{
	struct pool_line *sum = arg;

	sum->clean += l->clean;
	sum->dirty += l->dirty;
	sum->target += l->target;
	sum->floor += l->floor;
	sum->out += l->out;
	sum->failed += l->failed;
	sum->lent += l->lent;
	sum->bad += l->bad;
	return 0;
}

int pool_sum_read(struct pool_line *sum)
{
	memset(sum, 0, sizeof(*sum));
	return pool_walk(pool_line_add, sum);
}

long long param_read(const char *name)
{
	char path[128], text[256], *at, *end;
	long long sum = 0;

	snprintf(path, sizeof(path), PARAM_DIR "%s", name);
	if (file_read(path, text, sizeof(text)) <= 0)
		return -1;
	for (at = text; ; at = end + 1) {
		sum += strtoll(at, &end, 10);
		if (end == at)
			return -1;
		if (*end != ',')
			return sum;
	}
}

int param_write(const char *name, long long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), PARAM_DIR "%s", name);
	snprintf(text, sizeof(text), "%lld", value);
	return file_write(path, text);
}

int pool_fill(int mb)
{
	struct pool_line sum;

	if (param_write("pool_target_mb", mb))
		return -1;
	/* what waits to be cleared is used, too */
	return wait_for((pool_sum_read(&sum), sum.clean), mb / 2) == mb / 2 &&
	       (mb || !wait_for((pool_sum_read(&sum), sum.dirty), 0)) ? 0 : -1;
}

int params_reset(void)
{
	size_t i;

	for (i = 0; i < sizeof(param_defaults) / sizeof(*param_defaults); i++)
		if (param_write(param_defaults[i].name,
				param_defaults[i].value))
			return -1;
	/* it is given back in the background */
	return pool_fill(0);
}
