/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cost: what a snapshot by fork() would copy, before it is taken.
 */
#ifndef TOOLS_COST_H
#define TOOLS_COST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct cost - what was written while it was watched
 * @seconds: how long that was
 * @blocks: of arenas, with memory
 * @likely: of these, accessed meanwhile, and dirty: what a fork copies pages of
 * @clean: never written to since they were mapped
 * @block_pages: 4 KiB pages of @likely: as many are copied at most
 * @view_err: why arenas were not looked at, -ENOENT if it has none
 * @anon: private memory elsewhere that is resident, bytes
 * @pages: 4 KiB pages of it that were written to
 * @huge: 2 MiB pages of it that were: as many pages as 512 each are copied at most
 * @soft_err: why @pages and @huge are not known, -EAGAIN if nobody asked
 */
struct cost {
	double seconds;
	uint64_t blocks, likely, clean, block_pages;
	int view_err;
	uint64_t anon, pages, huge;
	int soft_err;
};

/**
 * cost_begin - forget what was accessed before
 * @c: filled in
 * @pid: the process
 * @soft: with soft-dirty bits of the kernel's, for memory that is no arena's
 *
 * Return: 0 or a negative errno; -EBUSY if somebody else needs these bits.
 */
int cost_begin(struct cost *c, pid_t pid, bool soft);

/* Count; 0 or a negative errno. */
int cost_end(struct cost *c, pid_t pid, double seconds);

json_t *cost_json(const struct cost *c, pid_t pid);
void cost_print(const struct cost *c);

#endif
