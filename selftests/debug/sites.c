// SPDX-License-Identifier: GPL-2.0-only
/* The operations of failnth; see sites.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "kselftest.h"
#include "memory.h"
#include "process.h"
#include "report.h"
#include "sites.h"
#include "sites_mesh.h"

#define BLOCKS		4
#define SAMPLE		16
#define BUS		(256 + SIGBUS)

static size_t sample_first, sample_step = 1;

void sample_set(int n)
{
	sample_step = n > SAMPLE ? SAMPLE : 1;
	sample_first = n % sample_step;
}

size_t sample_wrong(const char *base, size_t len)
{
	size_t page, wrong = 0;

	for (page = sample_first; page < len / OS_PAGE; page += sample_step)
		wrong += pages_wrong(base + page * OS_PAGE, OS_PAGE, 1);
	return wrong;
}

static int result(long ret)
{
	return ret < 0 ? errno : 0;
}

static int prepare_nothing(struct ground *g)
{
	(void)g;
	return 0;
}

static int prepare_dev(struct ground *g)
{
	g->dev = device_open();
	return result(g->dev);
}

static int prepare_arena(struct ground *g)
{
	return result(arena_make(&g->a, BLOCKS));
}

static int prepare_arena_shared(struct ground *g)
{
	return result(arena_make_kind(&g->a, BLOCKS, HUGEARENA_KIND_BLOCKS,
				      HUGEARENA_CREATE_SHARED));
}

/* An arena of pages, whose writes are followed from now on. */
static int prepare_tracked(struct ground *g)
{
	__u64 bits[BLOCKS * BLOCK_PAGES / 64];
	int err = result(arena_make_kind(&g->a, BLOCKS, HUGEARENA_KIND_PAGES,
					 0));

	if (err)
		return err;
	err = result(arena_dirty(&g->a, 0, g->a.size, bits));
	pages_fill(g->a.base, g->a.size, 1);
	return err;
}

static int prepare_full(struct ground *g)
{
	int err = prepare_arena(g);

	if (!err)
		pages_fill(g->a.base, g->a.size, 1);
	return err;
}

static int prepare_full_shared(struct ground *g)
{
	int err = prepare_arena_shared(g);

	if (!err)
		pages_fill(g->a.base, g->a.size, 1);
	return err;
}

/* Whole, split and half-empty blocks. */
static int prepare_split(struct ground *g)
{
	int err = prepare_full(g);

	if (!err)
		err = result(arena_punch(&g->a, 8 * OS_PAGE,
					 BLOCK_LEN + 8 * OS_PAGE));
	if (!err)
		pages_fill(g->a.base, g->a.size, 1);
	return err;
}

static int waits(void *arg)
{
	struct ground *g = arg;

	gate_wait(g->child_go);
	return sample_wrong(g->a.base, g->a.size) != 0;
}

/* A relative that shares everything, and will check that it is intact. */
static int prepare_shared(struct ground *g)
{
	int err = prepare_split(g);

	if (err)
		return err;
	g->child_go = gate_open();
	g->child = child_start(waits, g);
	return result(g->child);
}

/* Overlays whose base has no other user any more. */
static int prepare_foldable(struct ground *g)
{
	int err = prepare_shared(g), i;

	if (err)
		return err;
	for (i = 0; i < BLOCKS; i++)
		byte_write(g->a.base + i * BLOCK_LEN + OS_PAGE + 100, 7);
	gate_post(g->child_go);
	if (child_wait(g->child))
		err = EIO;
	g->child = 0;
	return err;
}

/* Shared pages mapped read-only; the relative is gone. */
static int prepare_reusable(struct ground *g)
{
	int err = prepare_shared(g);

	if (err)
		return err;
	if (pages_wrong(g->a.base, g->a.size, 1))
		return EIO;
	gate_post(g->child_go);
	if (child_wait(g->child))
		err = EIO;
	g->child = 0;
	return err;
}

static int act_open(struct ground *g)
{
	g->dev = device_open();
	return result(g->dev);
}

static int act_info(struct ground *g)
{
	struct hugearena_info info;

	return result(ioctl(g->dev, HUGEARENA_IOC_INFO, &info));
}

static int act_create(struct ground *g)
{
	struct hugearena_create c = {
		.size = BLOCKS * BLOCK_LEN,
		.node = HUGEARENA_NODE_LOCAL,
	};

	g->fd = arena_create_on(g->dev, &c);
	return result(g->fd);
}

static int act_create_shared(struct ground *g)
{
	struct hugearena_create c = {
		.size = BLOCKS * BLOCK_LEN,
		.node = HUGEARENA_NODE_LOCAL,
		.flags = HUGEARENA_CREATE_SHARED,
	};

	g->fd = arena_create_on(g->dev, &c);
	return result(g->fd);
}

static int prepare_created(struct ground *g)
{
	g->a.fd = arena_create(BLOCKS * BLOCK_LEN);
	g->a.size = BLOCKS * BLOCK_LEN;
	return result(g->a.fd);
}

static int act_mmap(struct ground *g)
{
	void *p = mmap(NULL, g->a.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       g->a.fd, 0);

	if (p == MAP_FAILED)
		return errno;
	g->a.base = p;
	return 0;
}

static int signal_of(int sig)
{
	return sig ? 256 + sig : 0;
}

static int act_write(struct ground *g)
{
	return signal_of(byte_write_signal(g->a.base + BLOCK_LEN + 3, 1));
}

static int act_read(struct ground *g)
{
	return signal_of(byte_read_signal(g->a.base + BLOCK_LEN + 3));
}

static int act_populate(struct ground *g)
{
	return result(madvise(g->a.base, g->a.size, MADV_POPULATE_WRITE));
}

static int prepare_fork(struct ground *g)
{
	g->child_go = gate_open();
	return prepare_split(g);
}

static int prepare_fork_whole(struct ground *g)
{
	g->child_go = gate_open();
	return prepare_full(g);
}

static int act_fork(struct ground *g)
{
	g->child = child_fork();
	if (!g->child) {
		size_t at;
		int bad = 0;

		gate_wait(g->child_go);
		/*
		 * memory that it did not get raises SIGBUS, and nothing else
		 * ever
		 */
		for (at = sample_first * OS_PAGE; at < g->a.size;
		     at += sample_step * OS_PAGE)
			if (!byte_read_signal(g->a.base + at))
				bad |= pages_wrong(g->a.base + at, OS_PAGE, 1);
		_exit(bad != 0);
	}
	return result(g->child);
}

static int act_write_pages(struct ground *g)
{
	int i, sig;

	for (i = 0; i < BLOCKS; i++) {
		sig = byte_write_signal(g->a.base + i * BLOCK_LEN + OS_PAGE +
					100, 9);
		if (sig)
			return 256 + sig;
	}
	return 0;
}

static int act_read_pages(struct ground *g)
{
	size_t at;
	int sig;

	for (at = 0; at < g->a.size; at += BLOCK_LEN / 2) {
		sig = byte_read_signal(g->a.base + at);
		if (sig)
			return 256 + sig;
	}
	return 0;
}

static int act_release(struct ground *g)
{
	struct hugearena_range r[] = {
		{ 0, BLOCK_LEN },
		{ BLOCK_LEN + OS_PAGE, 2 * OS_PAGE },
		{ 2 * BLOCK_LEN + OS_PAGE, BLOCK_LEN },
	};

	return result(arena_release(&g->a, r, 3, NULL));
}

static int act_punch(struct ground *g)
{
	return result(arena_punch(&g->a, OS_PAGE, 3 * BLOCK_LEN));
}

static int act_remove(struct ground *g)
{
	return result(madvise(g->a.base + OS_PAGE, 2 * BLOCK_LEN,
			      MADV_REMOVE));
}

static int act_join(struct ground *g)
{
	return result(arena_join(&g->a, 0, g->a.size, NULL));
}

static int act_blocks(struct ground *g)
{
	struct hugearena_block b[BLOCKS];
	struct hugearena_blocks q = {
		.vec = (unsigned long)b,
		.nr = BLOCKS,
		.flags = HUGEARENA_BLOCKS_CLEAR,
	};

	return result(ioctl(g->a.fd, HUGEARENA_IOC_BLOCKS, &q));
}

/* What it fails to report must be reported by the next call. */
static int act_dirty(struct ground *g)
{
	__u64 bits[BLOCKS * BLOCK_PAGES / 64];

	return result(arena_dirty(&g->a, 0, g->a.size, bits));
}

static int act_split(struct ground *g)
{
	return result(arena_apart(&g->a, 0, g->a.size, NULL));
}

/* To the other node, where there is one: without one nothing is to be done. */
static int act_move(struct ground *g)
{
	struct hugearena_move_to to = { .len = g->a.size };
	struct hugearena_block b;

	if (arena_block(&g->a, BLOCKS - 1, &b))
		return errno;
	if (!access("/sys/devices/system/node/node1", F_OK))
		to.node = !b.node;
	return result(ioctl(g->a.fd, HUGEARENA_IOC_MOVE, &to));
}

static int act_stat(struct ground *g)
{
	struct hugearena_stat st;

	return result(arena_stat(&g->a, &st));
}

static int prepare_view(struct ground *g)
{
	struct hugearena_stat st;
	int err = prepare_dev(g);

	err = err ? err : prepare_split(g);
	err = err ? err : result(arena_stat(&g->a, &st));
	g->id = st.id;
	return err;
}

static int act_view(struct ground *g)
{
	struct hugearena_view v = { .id = g->id };

	g->fd = ioctl(g->dev, HUGEARENA_IOC_VIEW, &v);
	return result(g->fd);
}

static int proc_read(const char *path)
{
	char buf[8192];

	return result(file_read(path, buf, sizeof(buf)));
}

static int act_proc_stat(struct ground *g)
{
	(void)g;
	return proc_read(PROC_STAT);
}

static int act_proc_arenas(struct ground *g)
{
	(void)g;
	return proc_read(PROC_ARENAS);
}

static int act_proc_pool(struct ground *g)
{
	(void)g;
	return proc_read(PROC_POOL);
}

static int act_proc_latency(struct ground *g)
{
	(void)g;
	return proc_read(PROC_LATENCY);
}

static int act_fdinfo(struct ground *g)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", g->a.fd);
	return proc_read(path);
}

static int act_param(struct ground *g)
{
	(void)g;
	return result(file_write("/sys/module/hugearena/parameters/pool_floor_mb",
				 "0"));
}

static int act_mprotect(struct ground *g)
{
	return result(mprotect(g->a.base + BLOCK_LEN + OS_PAGE, OS_PAGE,
			       PROT_READ));
}

static int act_munmap(struct ground *g)
{
	return result(munmap(g->a.base + BLOCK_LEN + 4 * OS_PAGE,
			     BLOCK_LEN));
}

static int act_mremap(struct ground *g)
{
	void *p = mremap(g->a.base, g->a.size, g->a.size, MREMAP_MAYMOVE |
			 MREMAP_FIXED, g->a.base + (1UL << 32));

	return p == MAP_FAILED ? errno : 0;
}

static int check_nothing(struct ground *g, int err)
{
	(void)g;
	(void)err;
	return 0;
}

/* All pages are intact, whatever happened. */
static int check_intact(struct ground *g, int err)
{
	(void)err;
	return sample_wrong(g->a.base, g->a.size) != 0;
}

/* A call that failed leaves all pages to the next one to report. */
static int check_tracked(struct ground *g, int err)
{
	__u64 bits[BLOCKS * BLOCK_PAGES / 64];
	long n = arena_dirty(&g->a, 0, g->a.size, bits);

	return n != (err ? (long)(g->a.size / OS_PAGE) : 0) ||
	       check_intact(g, err);
}

/* What was populated reads as zero. */
static int check_zero(struct ground *g, int err)
{
	byte_write(g->a.base + BLOCK_LEN + 3, 0);
	(void)err;
	return bytes_other(g->a.base, g->a.size, 0) != 0;
}

/* The parent's memory and, when asked, the child's. */
static int check_both(struct ground *g, int err)
{
	int bad = check_intact(g, err);

	if (g->child > 0) {
		gate_post(g->child_go);
		bad |= child_wait(g->child);
		g->child = 0;
	}
	return bad;
}

/* Every page is intact or zero; those that nobody released are intact. */
static int check_released(struct ground *g, int err)
{
	size_t at;

	for (at = sample_first * OS_PAGE; at < g->a.size;
	     at += sample_step * OS_PAGE)
		if (pages_wrong(g->a.base + at, OS_PAGE, 1) &&
		    bytes_other(g->a.base + at, OS_PAGE, 0))
			return 1;
	(void)err;
	return sample_wrong(g->a.base + 3 * BLOCK_LEN + 8 * OS_PAGE,
			    BLOCK_LEN - 8 * OS_PAGE) != 0;
}

static int check_shared_released(struct ground *g, int err)
{
	int bad = check_released(g, err);

	gate_post(g->child_go);
	bad |= child_wait(g->child);
	g->child = 0;
	return bad;
}

static int check_unmapped(struct ground *g, int err)
{
	(void)err;
	return sample_wrong(g->a.base, BLOCK_LEN) ||
	       sample_wrong(g->a.base + 3 * BLOCK_LEN, BLOCK_LEN);
}

const struct site sites[] = {
	{ "open", prepare_nothing, act_open,
	  { ENOMEM, ENFILE }, check_nothing, false },
	{ "info", prepare_dev, act_info,
	  { 0 }, check_nothing, false },
	{ "create", prepare_dev, act_create,
	  { ENOMEM, ENFILE }, check_nothing, false },
	{ "mmap", prepare_created, act_mmap,
	  { ENOMEM }, check_nothing, false },
	{ "first write", prepare_arena, act_write,
	  { BUS }, check_zero, true },
	{ "first read", prepare_arena, act_read,
	  { BUS }, check_zero, true },
	{ "populate", prepare_arena, act_populate,
	  { ENOMEM, EFAULT }, check_zero, true },
	{ "fork", prepare_fork, act_fork,
	  { ENOMEM, EAGAIN }, check_both, true },
	{ "fork, whole", prepare_fork_whole, act_fork,
	  { ENOMEM, EAGAIN }, check_both, true },
	{ "write after fork", prepare_shared, act_write_pages,
	  { BUS }, check_both, true },
	{ "read after fork", prepare_shared, act_read_pages,
	  { BUS }, check_both, true },
	{ "write when alone again", prepare_reusable, act_write_pages,
	  { BUS }, check_intact, true },
	{ "release", prepare_split, act_release,
	  { ENOMEM }, check_released, false },
	{ "release, shared", prepare_shared, act_release,
	  { ENOMEM }, check_shared_released, false },
	{ "punch", prepare_full, act_punch,
	  { ENOMEM }, check_released, false },
	{ "punch, shared", prepare_shared, act_punch,
	  { ENOMEM }, check_shared_released, false },
	{ "MADV_REMOVE", prepare_split, act_remove,
	  { ENOMEM }, check_released, false },
	{ "join", prepare_split, act_join,
	  { ENOMEM }, check_intact, true },
	{ "join, overlays", prepare_foldable, act_join,
	  { ENOMEM }, check_intact, true },
	{ "split", prepare_full, act_split,
	  { ENOMEM }, check_intact, true },
	{ "move", prepare_split, act_move,
	  { ENOMEM }, check_intact, true },
	{ "mesh", prepare_meshable, act_mesh,
	  { ENOMEM }, check_meshed, false },
	{ "fork, meshed", prepare_fork_meshed, act_fork_meshed,
	  { ENOMEM, EAGAIN }, check_meshed_both, true },
	{ "write after fork, meshed", prepare_shared_meshed, act_write_meshed,
	  { BUS }, check_meshed_both, true },
	{ "join, meshed", prepare_meshed, act_join,
	  { ENOMEM }, check_meshed, true },
	{ "release, meshed", prepare_meshed, act_release_meshed,
	  { ENOMEM }, check_meshed_released, false },
	{ "dirty", prepare_tracked, act_dirty,
	  { ENOMEM }, check_tracked, false },
	{ "create, shared by file", prepare_dev, act_create_shared,
	  { ENOMEM, ENFILE }, check_nothing, false },
	{ "first write, shared by file", prepare_arena_shared, act_write,
	  { BUS }, check_zero, true },
	{ "punch, shared by file", prepare_full_shared, act_punch,
	  { ENOMEM }, check_released, false },
	{ "blocks", prepare_split, act_blocks,
	  { ENOMEM }, check_intact, false },
	{ "stat", prepare_split, act_stat,
	  { ENOMEM }, check_intact, false },
	{ "view", prepare_view, act_view,
	  { ENOMEM, ENFILE }, check_intact, false },
	{ "/proc stat", prepare_split, act_proc_stat,
	  { ENOMEM }, check_intact, false },
	{ "/proc arenas", prepare_split, act_proc_arenas,
	  { ENOMEM }, check_intact, false },
	{ "/proc pool", prepare_split, act_proc_pool,
	  { ENOMEM }, check_intact, false },
	{ "/proc latency", prepare_split, act_proc_latency,
	  { ENOMEM }, check_intact, false },
	{ "fdinfo", prepare_split, act_fdinfo,
	  { ENOMEM, ENOENT }, check_intact, false },
	{ "parameter", prepare_nothing, act_param,
	  { ENOMEM }, check_nothing, false },
	{ "mprotect", prepare_split, act_mprotect,
	  { ENOMEM }, check_intact, false },
	{ "munmap of a part", prepare_split, act_munmap,
	  { ENOMEM }, check_unmapped, false },
	{ "mremap", prepare_split, act_mremap,
	  { ENOMEM, EINVAL, EFAULT }, check_intact, false },
};

const size_t nr_sites = ARRAY_SIZE(sites);

void ground_clear(struct ground *g)
{
	if (g->child > 0) {
		kill(g->child, SIGKILL);
		child_wait(g->child);
	}
	if (g->child_go > 0)
		close(g->child_go);
	if (g->fd > 0)
		close(g->fd);
	if (!g->a.base && g->a.fd >= 0)
		close(g->a.fd);
	arena_drop(&g->a);
	if (g->dev > 0)
		close(g->dev);
}
