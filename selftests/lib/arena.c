// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrappers around the calls of <hugearena.h>.  They keep no state and print
 * nothing: the test that calls them judges the result.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "arena.h"
#include "memory.h"
#include "report.h"

#define JOIN_TRIES	1200	/* a minute */
#define JOIN_PAUSE_US	50000

int device_open(void)
{
	return open(HUGEARENA_DEVICE, O_RDWR | O_CLOEXEC);
}

int arena_create_on(int dev, const struct hugearena_create *c)
{
	return ioctl(dev, HUGEARENA_IOC_CREATE, c);
}

int arena_create(size_t size)
{
	struct hugearena_create c = {
		.size = size,
		.node = HUGEARENA_NODE_LOCAL,
	};
	int dev, fd, err;

	dev = device_open();
	if (dev < 0)
		return -1;
	fd = arena_create_on(dev, &c);
	err = errno;
	close(dev);
	errno = err;
	return fd;
}

static int make(struct arena *a, int dev, const struct hugearena_create *c)
{
	int err;

	a->size = c->size;
	a->base = NULL;
	a->fd = arena_create_on(dev, c);
	if (a->fd < 0)
		return -1;
	a->base = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       a->fd, 0);
	if (a->base != MAP_FAILED)
		return 0;
	err = errno;
	close(a->fd);
	a->base = NULL;
	a->fd = -1;
	errno = err;
	return -1;
}

int arena_make_on(struct arena *a, int dev, size_t blocks, int node)
{
	struct hugearena_create c = {
		.size = blocks * BLOCK_LEN,
		.node = node,
	};

	return make(a, dev, &c);
}

int arena_make_kind(struct arena *a, size_t blocks, unsigned int kind,
		    unsigned int flags)
{
	struct hugearena_create c = {
		.size = blocks * BLOCK_LEN,
		.kind = kind,
		.flags = flags,
		.node = HUGEARENA_NODE_LOCAL,
	};
	int dev, ret, err;

	dev = device_open();
	if (dev < 0)
		return -1;
	ret = make(a, dev, &c);
	err = errno;
	close(dev);
	errno = err;
	return ret;
}

int arena_make(struct arena *a, size_t blocks)
{
	return arena_make_kind(a, blocks, HUGEARENA_KIND_BLOCKS, 0);
}

void arena_drop(struct arena *a)
{
	if (!a->base)
		return;
	munmap(a->base, a->size);
	close(a->fd);
	a->base = NULL;
}

int arena_punch(const struct arena *a, size_t offset, size_t len)
{
	return fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 offset, len);
}

int arena_release(const struct arena *a, const struct hugearena_range *ranges,
		  unsigned int nr, __u64 *released)
{
	struct hugearena_release r = {
		.ranges = (uintptr_t)ranges,
		.nr = nr,
	};
	int ret;

	ret = ioctl(a->fd, HUGEARENA_IOC_RELEASE, &r);
	if (released)
		*released = r.released;
	return ret;
}

int arena_mesh(const struct arena *a, size_t dst, size_t src, size_t len,
	       const struct hugearena_move *moves, unsigned int nr_moves)
{
	struct hugearena_pair p = {
		.dst = dst,
		.src = src,
		.len = len,
		.nr_moves = nr_moves,
	};
	struct hugearena_mesh m = {
		.pairs = (uintptr_t)&p,
		.moves = (uintptr_t)moves,
		.nr = 1,
		.nr_moves = nr_moves,
	};

	return ioctl(a->fd, HUGEARENA_IOC_MESH, &m) ? 1 : p.result;
}

long arena_dirty(const struct arena *a, size_t offset, size_t len, __u64 *bits)
{
	struct hugearena_dirty d = {
		.offset = offset,
		.len = len,
		.bitmap = (uintptr_t)bits,
		.flags = HUGEARENA_DIRTY_CLEAR,
	};

	if (ioctl(a->fd, HUGEARENA_IOC_DIRTY, &d))
		return -1;
	return d.dirty;
}

static int arena_remake(const struct arena *a, unsigned long cmd, size_t offset,
			size_t len, struct hugearena_join *join)
{
	struct hugearena_join j = {
		.offset = offset,
		.len = len,
	};
	int ret;

	ret = ioctl(a->fd, cmd, &j);
	if (join)
		*join = j;
	return ret;
}

int arena_join(const struct arena *a, size_t offset, size_t len,
	       struct hugearena_join *join)
{
	return arena_remake(a, HUGEARENA_IOC_JOIN, offset, len, join);
}

int arena_apart(const struct arena *a, size_t offset, size_t len,
		struct hugearena_join *join)
{
	return arena_remake(a, HUGEARENA_IOC_SPLIT, offset, len, join);
}

int arena_join_wait(const struct arena *a, size_t offset, size_t len)
{
	struct hugearena_join j;
	int i;

	for (i = 0; i < JOIN_TRIES; i++) {
		if (arena_join(a, offset, len, &j))
			return -1;
		if (!j.busy && !j.failed)
			return 0;
		usleep(JOIN_PAUSE_US);
	}
	errno = ETIMEDOUT;
	return -1;
}

size_t reserve_grow(const struct arena *a, size_t from, __u64 want)
{
	size_t nr = a->size / BLOCK_LEN - from, n, i;
	struct hugearena_stat st;

	for (n = 0; n < 12000; n++) {
		i = from + n % nr;
		if (n && i == from &&
		    arena_punch(a, from * BLOCK_LEN, nr * BLOCK_LEN))
			break;
		byte_write(a->base + i * BLOCK_LEN, 1);
		if (arena_stat(a, &st))
			break;
		if (st.reserve >= want)
			return i + 1;
		if (n % 2)
			usleep(10000);
	}
	return 0;
}

int upkeep_wait(unsigned int times)
{
	struct arena a;
	int ret = 0;

	for (; times && !ret; times--) {
		if (arena_make(&a, 1))
			return -1;
		/* full again, and nobody but upkeep joins it */
		pages_fill(a.base, a.size, 1);
		ret = arena_punch(&a, OS_PAGE, OS_PAGE);
		pages_fill(a.base, a.size, 2);
		if (wait_for(arena_count(&a, HUGEARENA_BLOCK_WHOLE), 1) != 1)
			ret = -1;
		arena_drop(&a);
	}
	return ret;
}

int arena_block(const struct arena *a, size_t index,
		struct hugearena_block *block)
{
	struct hugearena_blocks b = {
		.offset = index * BLOCK_LEN,
		.vec = (uintptr_t)block,
		.nr = 1,
	};
	int ret;

	memset(block, 0xff, sizeof(*block));
	ret = ioctl(a->fd, HUGEARENA_IOC_BLOCKS, &b);
	if (ret == 1)
		return 0;
	if (!ret)
		errno = ENODATA;
	return -1;
}

/* Blocks whose state is @state and whose flags have all of @flags. */
static long arena_count_flags(const struct arena *a, unsigned int state,
			      unsigned int flags)
{
	size_t i, nr = a->size / BLOCK_LEN;
	struct hugearena_block *vec;
	struct hugearena_blocks b = { .nr = nr };
	long n = 0;

	vec = calloc(nr, sizeof(*vec));
	if (!vec)
		return -1;
	b.vec = (uintptr_t)vec;
	if (ioctl(a->fd, HUGEARENA_IOC_BLOCKS, &b) != (int)nr) {
		free(vec);
		return -1;
	}
	for (i = 0; i < nr; i++)
		n += vec[i].state == state && (vec[i].flags & flags) == flags;
	free(vec);
	return n;
}

long arena_mapped(const struct arena *a)
{
	return arena_count_flags(a, HUGEARENA_BLOCK_WHOLE,
				 HUGEARENA_BLOCK_MAPPED);
}

long arena_count(const struct arena *a, unsigned int state)
{
	return arena_count_flags(a, state, 0);
}

int arena_stat(const struct arena *a, struct hugearena_stat *st)
{
	memset(st, 0xff, sizeof(*st));
	return ioctl(a->fd, HUGEARENA_IOC_STAT, st);
}
