// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod: what the module reports, read.  Called by the subcommands.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/exit.h"
#include "kmod.h"
#include "base/out.h"

#define PARAMS	"/sys/module/hugearena/parameters/"

static FILE *report_open(const char *name)
{
	const char *dir = getenv("HUGEARENA_PROC");
	char path[512];

	snprintf(path, sizeof(path), "%s/%s",
		 dir && *dir ? dir : "/proc/hugearena", name);
	return fopen(path, "re");
}

bool kmod_present(void)
{
	FILE *f = report_open("stat");

	if (f)
		fclose(f);
	return f;
}

int kmod_missing(void)
{
	out_error("hugearena.ko is not loaded: 'modprobe hugearena' as root");
	return CMD_NO_MODULE;
}

int kmod_stat_read(struct kmod_stat *st)
{
	FILE *f = report_open("stat");
	char line[128], unit[4];
	int n;

	st->n = 0;
	if (!f)
		return -errno;
	while (st->n < KMOD_STAT_MAX && fgets(line, sizeof(line), f)) {
		unit[0] = '\0';
		n = sscanf(line, "%23[^:]: %" SCNu64 " %3s", st->key[st->n],
			   &st->value[st->n], unit);
		if (n < 2)
			continue;
		st->bytes[st->n] = !strcmp(unit, "kB");
		if (st->bytes[st->n])
			st->value[st->n] <<= 10;
		st->n++;
	}
	fclose(f);
	return 0;
}

uint64_t kmod_stat_get(const struct kmod_stat *st, const char *key)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		if (!strcmp(st->key[i], key))
			return st->value[i];
	return 0;
}

/* Make room for one more of @size bytes; NULL without memory. */
static void *list_more(void **list, size_t n, size_t size)
{
	if (!(n & (n - 1))) {
		void *more = realloc(*list, (n ? 2 * n : 1) * size);

		if (!more)
			return NULL;
		*list = more;
	}
	return memset((char *)*list + n * size, 0, size);
}

static bool arena_parse(const char *line, struct kmod_arena *a)
{
	int n = sscanf(line, "%" SCNu64 " %d %31s %" SCNu64 " %" SCNu64
		       " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		       " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		       " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		       " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		       &a->id, &a->pid, a->name, &a->size, &a->resident,
		       &a->blocks, &a->split, &a->shared, &a->lost,
		       &a->f_reserve, &a->f_pool, &a->f_demand, &a->f_small,
		       &a->f_map, &a->cow_pages, &a->cow_blocks, &a->released,
		       &a->joined, &a->reserve, &a->forks, &a->inode);

	a->size <<= 10;
	a->resident <<= 10;
	a->released <<= 10;
	return n == 21;
}

int kmod_arenas_read(struct kmod_arena **arenas, size_t *n)
{
	FILE *f = report_open("arenas");
	void *list = NULL;
	char line[1024];
	int err = 0;

	*arenas = NULL;
	*n = 0;
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		struct kmod_arena *a;

		if (line[0] == '#')
			continue;
		a = list_more(&list, *n, sizeof(*a));
		if (!a) {
			err = -ENOMEM;
			break;
		}
		if (arena_parse(line, a))
			(*n)++;
	}
	fclose(f);
	*arenas = list;
	return err;
}

int kmod_pool_read(struct kmod_pool **nodes, size_t *n)
{
	FILE *f = report_open("pool");
	void *list = NULL;
	char line[256];
	int err = 0;

	*nodes = NULL;
	*n = 0;
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		struct kmod_pool *p;

		if (line[0] == '#')
			continue;
		p = list_more(&list, *n, sizeof(*p));
		if (!p) {
			err = -ENOMEM;
			break;
		}
		if (sscanf(line, "%d %" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64 " %" SCNu64 " %" SCNu64, &p->node,
			   &p->clean, &p->dirty, &p->target, &p->floor,
			   &p->out, &p->failed) == 7)
			(*n)++;
	}
	fclose(f);
	*nodes = list;
	return err;
}

int kmod_latency_read(struct kmod_latency lat[KMOD_SOURCES], size_t *n)
{
	FILE *f = report_open("latency");
	char line[1024], *at;
	int used, i;

	*n = 0;
	if (!f)
		return -errno;
	while (*n < KMOD_SOURCES && fgets(line, sizeof(line), f)) {
		struct kmod_latency *l = &lat[*n];

		if (line[0] == '#' ||
		    sscanf(line, "%15s%n", l->source, &used) != 1)
			continue;
		at = line + used;
		for (i = 0; i < KMOD_BUCKETS; i++)
			l->bucket[i] = strtoull(at, &at, 10);
		(*n)++;
	}
	fclose(f);
	return 0;
}

uint64_t kmod_latency_quantile(const struct kmod_latency *lat, double part)
{
	uint64_t sum = 0, seen = 0;
	int i;

	for (i = 0; i < KMOD_BUCKETS; i++)
		sum += lat->bucket[i];
	for (i = 0; i < KMOD_BUCKETS && sum; i++) {
		seen += lat->bucket[i];
		if ((double)seen >= part / 100 * (double)sum)
			return (uint64_t)1 << i;
	}
	return 0;
}

long long kmod_param_read(const char *name)
{
	char path[256];
	long long value;
	FILE *f;

	snprintf(path, sizeof(path), PARAMS "%s", name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (fscanf(f, "%lld", &value) != 1)
		value = -EINVAL;
	fclose(f);
	return value;
}

int kmod_param_write(const char *name, unsigned long long value)
{
	char path[256], text[32];
	int fd, len, err = 0;

	snprintf(path, sizeof(path), PARAMS "%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%llu\n", value);
	if (write(fd, text, (size_t)len) != len)
		err = -errno;
	close(fd);
	return err;
}

static int device_open(void)
{
	int fd = open(HUGEARENA_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int kmod_info(struct hugearena_info *info)
{
	int fd = device_open(), err = 0;

	if (fd < 0)
		return fd;
	if (ioctl(fd, HUGEARENA_IOC_INFO, info))
		err = -errno;
	close(fd);
	return err;
}

int kmod_view(uint64_t id)
{
	struct hugearena_view v = { .id = id };
	int fd = device_open(), view;

	if (fd < 0)
		return fd;
	view = ioctl(fd, HUGEARENA_IOC_VIEW, &v);
	if (view < 0)
		view = -errno;
	close(fd);
	return view;
}

long kmod_blocks(int fd, uint64_t offset, struct hugearena_block *vec,
		 size_t nr, bool clear)
{
	size_t done = 0;

	while (done < nr) {
		size_t piece = nr - done;
		struct hugearena_blocks q = {
			.offset = offset + done * KMOD_BLOCK_SIZE,
			.vec = (uintptr_t)(vec + done),
			.flags = clear ? HUGEARENA_BLOCKS_CLEAR : 0,
		};
		long ret;

		if (piece > HUGEARENA_BLOCKS_MAX)
			piece = HUGEARENA_BLOCKS_MAX;
		q.nr = (uint32_t)piece;
		ret = ioctl(fd, HUGEARENA_IOC_BLOCKS, &q);
		if (ret < 0)
			return -errno;
		done += (size_t)ret;
		if ((size_t)ret < piece)
			break;
	}
	return (long)done;
}

long kmod_blocks_read(uint64_t id, uint64_t offset, uint64_t len, bool clear,
		      struct hugearena_block **vec)
{
	size_t n = len / KMOD_BLOCK_SIZE;
	long got = -ENOMEM;
	int fd;

	*vec = NULL;
	fd = kmod_view(id);
	if (fd < 0)
		return fd;
	*vec = calloc(n ? n : 1, sizeof(**vec));
	if (*vec)
		got = kmod_blocks(fd, offset, *vec, n, clear);
	close(fd);
	if (got < 0) {
		free(*vec);
		*vec = NULL;
	}
	return got;
}
