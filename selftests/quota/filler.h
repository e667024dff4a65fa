/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that fills an arena until a quota stops it.
 */
#ifndef SELFTESTS_QUOTA_FILLER_H
#define SELFTESTS_QUOTA_FILLER_H

#include <signal.h>

#include "arena.h"
#include "memcg.h"
#include "memory.h"
#include "process.h"

#define FILLER_BLOCKS	16	/* of its arena */
#define FILLER_FAILED	100

/**
 * struct filler - who fills
 * @dev: an open /dev/hugearena
 * @cg: the group it belongs to, or NULL for the test's own
 * @uid: the user it is
 * @got: after fill_beside(): blocks that it got
 * @filled: of fill_beside(): posted when it has what it could get
 * @leave: the same: it stays until then
 */
struct filler {
	int dev;
	const struct memcg *cg;
	uid_t uid;
	int got;
	int filled, leave;
};

static inline int fill_some(const struct filler *w)
{
	struct arena a;
	int i;

	if ((w->cg && memcg_enter(w->cg)) || user_become(w->uid) ||
	    arena_make_on(&a, w->dev, FILLER_BLOCKS, HUGEARENA_NODE_LOCAL))
		return FILLER_FAILED;
	for (i = 0; i < FILLER_BLOCKS; i++)
		if (byte_write_signal(a.base + i * BLOCK_LEN, 1) == SIGBUS)
			break;
	return i;
}

/* For child_run(): how many blocks there were, or FILLER_FAILED. */
static inline int fill(void *arg)
{
	struct filler *w = arg;
	int got = fill_some(w);

	if (w->filled) {
		gate_post(w->filled);
		gate_wait(w->leave);
	}
	return got;
}

/* How much @other gets while @w holds what it got: @w->got. */
static inline int fill_beside(struct filler *w, struct filler *other)
{
	pid_t pid;
	int got;

	w->filled = gate_open();
	w->leave = gate_open();
	pid = child_start(fill, w);
	if (pid <= 0)
		return FILLER_FAILED;
	gate_wait(w->filled);
	got = child_run(fill, other);
	gate_post(w->leave);
	w->got = child_wait(pid);
	return got;
}

#endif
