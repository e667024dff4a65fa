// SPDX-License-Identifier: GPL-2.0-only
/* Meshing, splitting and moving what a model describes; see rearrange.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "rearrange.h"
#include "soak.h"

#define RUN_MAX		(HUGEARENA_MESH_LEN_MAX / OS_PAGE)

/* A copy of the arena whose last mapping was removed is gone. */
static int refused(const struct model *m, const char *what)
{
	if (errno == ENXIO && !m->maker)
		return 0;
	printf("# %s: %s\n", what, strerror(errno));
	return -1;
}

/* The lanes that have content in the memory of a group, as bits 1 to 8. */
static unsigned int lanes_taken(const struct model *m, __u32 group)
{
	unsigned int taken = 0;
	size_t page;

	for (page = 0; page < MODEL_PAGES; page++)
		if (m->lane[page] && m->group[page] == group)
			taken |= 1U << m->lane[page];
	return taken;
}

static unsigned int lane_any(__u64 *rnd)
{
	return 1 + soak_below(rnd, MODEL_LANES);
}

static __u32 seed_any(__u64 *rnd)
{
	return 1 + soak_below(rnd, 0xfffffff0);
}

/*
 * Page @src is to have the memory of page @dst, and joins its group; its own
 * is left in *@old.  Return: 0, 1 if what is alive in both overlaps, -1 after
 * saying why.
 */
static int page_pair(struct model *m, size_t dst, size_t src, __u64 *rnd,
		     __u32 *old)
{
	unsigned int taken, lane;

	if (!m->lane[dst] && model_lane(m, dst, lane_any(rnd), seed_any(rnd)))
		return -1;
	taken = lanes_taken(m, m->group[dst]);
	lane = m->lane[src] ? m->lane[src] : lane_any(rnd);
	if (taken & 1U << lane)
		return 1;
	if (!m->lane[src] && model_lane(m, src, lane, seed_any(rnd)))
		return -1;
	*old = m->group[src];
	m->group[src] = m->group[dst];
	return 0;
}

/* Whether all of the pages can be read and written. */
static bool run_is_open(const struct model *m, size_t first, size_t n)
{
	return model_uniform(m, first, n) &&
	       m->prot[first] == (PROT_READ | PROT_WRITE);
}

/* @n pages of one block, from the one that is returned on. */
static size_t run_in_block(__u64 *rnd, size_t n)
{
	size_t block = soak_below(rnd, MODEL_BLOCKS);

	return block * BLOCK_PAGES + soak_below(rnd, BLOCK_PAGES - n + 1);
}

static int blocks_split(struct model *m, size_t block, size_t n)
{
	struct arena a = { .fd = m->fd };

	if (arena_apart(&a, block * BLOCK_LEN, n * BLOCK_LEN, NULL))
		return refused(m, "SPLIT");
	return 0;
}

/* Give both runs lanes; how many of their pages can be meshed, and how. */
static int runs_pair(struct model *m, size_t dst, size_t src, size_t n,
		     __u64 *rnd, struct hugearena_move *moves, __u32 *old)
{
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		ret = page_pair(m, dst + i, src + i, rnd, &old[i]);
		if (ret)
			return ret < 0 ? -1 : (int)i;
		moves[i].at = i * OS_PAGE +
			      (m->lane[src + i] - 1) * MODEL_LANE_LEN;
		moves[i].len = MODEL_LANE_LEN;
	}
	return n;
}

int model_mesh(struct model *m, __u64 *rnd, unsigned int tries)
{
	size_t n = 1 + soak_below(rnd, RUN_MAX), i;
	size_t dst = run_in_block(rnd, n), src = run_in_block(rnd, n);
	bool split = soak_below(rnd, 2);
	struct hugearena_move moves[RUN_MAX];
	struct arena a = { .fd = m->fd };
	__u32 old[RUN_MAX];
	int ret;

	if ((dst < src + n && src < dst + n) || !run_is_open(m, dst, n) ||
	    !run_is_open(m, src, n))
		return 0;
	ret = runs_pair(m, dst, src, n, rnd, moves, old);
	if (ret <= 0)
		return ret;
	n = ret;
	for (;;) {
		if ((split || tries > 1) &&
		    (blocks_split(m, dst / BLOCK_PAGES, 1) ||
		     blocks_split(m, src / BLOCK_PAGES, 1)))
			return -1;
		ret = arena_mesh(&a, dst * OS_PAGE, src * OS_PAGE, n * OS_PAGE,
				 moves, n);
		if (!ret)
			return 1;
		if ((ret != -EBUSY && ret != -ENOENT) || tries <= 1)
			break;
		tries--;
		usleep(50000);
	}
	/* all of it or nothing */
	for (i = 0; i < n; i++)
		m->group[src + i] = old[i];
	if (ret > 0)
		return refused(m, "MESH");
	if (ret == -EBUSY || ret == -ENOENT || ret == -EMLINK)
		return 0;
	printf("# MESH of %zu pages, %zu and %zu: %s\n", n, dst, src,
	       strerror(-ret));
	return -1;
}

int model_split(struct model *m, __u64 *rnd)
{
	size_t block = soak_below(rnd, MODEL_BLOCKS);

	return blocks_split(m, block,
			    1 + soak_below(rnd, MODEL_BLOCKS - block));
}

int model_move(struct model *m, __u64 *rnd)
{
	bool two = !access("/sys/devices/system/node/node1", F_OK);
	size_t block = soak_below(rnd, MODEL_BLOCKS);
	struct hugearena_move_to to = {
		.offset = block * BLOCK_LEN,
		.len = (1 + soak_below(rnd, MODEL_BLOCKS - block)) * BLOCK_LEN,
		.node = two ? soak_below(rnd, 2) : 0,
	};

	if (ioctl(m->fd, HUGEARENA_IOC_MOVE, &to))
		return refused(m, "MOVE");
	return to.moved;
}
