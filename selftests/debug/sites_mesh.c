// SPDX-License-Identifier: GPL-2.0-only
/* Meshed memory for failnth; see sites_mesh.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "memory.h"
#include "process.h"
#include "sites_mesh.h"

#define BLOCKS	4
#define PAGES	8
#define HALF	(OS_PAGE / 2)
#define LIVE	64
#define FIRST	(16 * OS_PAGE)			/* in block 0 */
#define SECOND	(BLOCK_LEN + 40 * OS_PAGE)	/* in block 1 */
#define LEN	(PAGES * OS_PAGE)

static char *first_live(const struct ground *g, int page)
{
	return g->a.base + FIRST + page * OS_PAGE;
}

static char *second_live(const struct ground *g, int page)
{
	return g->a.base + SECOND + page * OS_PAGE + HALF;
}

static int result(long ret)
{
	return ret < 0 ? errno : 0;
}

/* A block that lacks a page is split, and nobody joins it unasked. */
int prepare_meshable(struct ground *g)
{
	int i;

	if (arena_make(&g->a, BLOCKS))
		return errno;
	pages_fill(g->a.base, g->a.size, 1);
	if (arena_punch(&g->a, 0, OS_PAGE) ||
	    arena_punch(&g->a, BLOCK_LEN, OS_PAGE))
		return errno;
	for (i = 0; i < PAGES; i++) {
		memset(first_live(g, i), 1 + i, LIVE);
		memset(second_live(g, i), 101 + i, LIVE);
	}
	return 0;
}

int prepare_meshed(struct ground *g)
{
	int err = prepare_meshable(g);

	return err ? err : act_mesh(g);
}

int prepare_fork_meshed(struct ground *g)
{
	g->child_go = gate_open();
	return prepare_meshed(g);
}

int act_mesh(struct ground *g)
{
	struct hugearena_move moves[PAGES];
	int i, ret;

	for (i = 0; i < PAGES; i++) {
		moves[i].at = i * OS_PAGE + HALF;
		moves[i].len = LIVE;
	}
	ret = arena_mesh(&g->a, FIRST, SECOND, LEN, moves, PAGES);
	return ret > 0 ? errno : -ret;
}

/*
 * Is something not as it was?  With @holes, memory that raises SIGBUS counts
 * as intact, which is all that a child without memory may see.
 */
static bool live_wrong(const char *p, char value, bool holes)
{
	if (holes && byte_read_signal(p))
		return false;
	return bytes_other(p, LIVE, value) != 0;
}

static bool rest_wrong(const struct ground *g, size_t from, size_t to,
		       bool holes)
{
	if (!holes)
		return sample_wrong(g->a.base + from, to - from) != 0;
	for (; from < to; from += OS_PAGE)
		if (!byte_read_signal(g->a.base + from) &&
		    pages_wrong(g->a.base + from, OS_PAGE, 1))
			return true;
	return false;
}

static int all_wrong(const struct ground *g, bool holes, bool released)
{
	bool bad = false;
	int i;

	for (i = 0; i < PAGES; i++) {
		bad |= live_wrong(first_live(g, i), released ? 0 : 1 + i,
				  holes);
		bad |= live_wrong(second_live(g, i), 101 + i, holes);
	}
	return bad || rest_wrong(g, OS_PAGE, FIRST, holes) ||
	       rest_wrong(g, FIRST + LEN, BLOCK_LEN, holes) ||
	       rest_wrong(g, BLOCK_LEN + OS_PAGE, SECOND, holes) ||
	       rest_wrong(g, SECOND + LEN, g->a.size, holes);
}

static int waits(void *arg)
{
	struct ground *g = arg;

	gate_wait(g->child_go);
	return all_wrong(g, true, false);
}

/* Forking copies what is meshed, for the child. */
int prepare_shared_meshed(struct ground *g)
{
	int err = prepare_fork_meshed(g);

	if (err)
		return err;
	g->child = child_start(waits, g);
	return result(g->child);
}

int act_fork_meshed(struct ground *g)
{
	g->child = child_fork();
	if (!g->child)
		_exit(waits(g));
	return result(g->child);
}

/* What is written is what is there: a copy is made nevertheless. */
int act_write_meshed(struct ground *g)
{
	int i, sig;

	for (i = 0; i < PAGES; i++) {
		sig = byte_write_signal(first_live(g, i), 1 + i);
		if (!sig)
			sig = byte_write_signal(second_live(g, i), 101 + i);
		if (sig)
			return 256 + sig;
	}
	return 0;
}

int act_release_meshed(struct ground *g)
{
	struct hugearena_range r = { FIRST, LEN };

	return result(arena_release(&g->a, &r, 1, NULL));
}

int check_meshed(struct ground *g, int err)
{
	(void)err;
	return all_wrong(g, false, false);
}

int check_meshed_both(struct ground *g, int err)
{
	int bad = check_meshed(g, err);

	if (g->child > 0) {
		gate_post(g->child_go);
		bad |= child_wait(g->child);
		g->child = 0;
	}
	return bad;
}

int check_meshed_released(struct ground *g, int err)
{
	/* one range is released whole or not at all, and goes at last */
	return all_wrong(g, false, !err);
}
