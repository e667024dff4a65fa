/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process expects to find in an arena, page by page: content and
 * protection.  It is ordinary memory, so that fork() gives the child the model
 * along with the arena, and both must hold in both processes ever after.
 */
#ifndef SELFTESTS_DEBUG_MODEL_H
#define SELFTESTS_DEBUG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include "arena.h"

#define MODEL_BLOCKS	4
#define MODEL_PAGES	(MODEL_BLOCKS * BLOCK_PAGES)

/**
 * struct model - an arena and what is in it
 * @fd: the arena file
 * @base: its home address
 * @maker: this process made it, and may map it again
 * @seed: what was written to a page; 0: it reads as zero
 * @prot: PROT_* of a page, MODEL_UNMAPPED where nothing is mapped
 * @lane: 0, or that page's content is in its eighth @lane - 1 only, so that it
 *	can be meshed with pages whose content is in others
 * @group: of a page with a lane: pages of one group may have one memory
 * @groups: the last group
 */
struct model {
	int fd;
	char *base;
	bool maker;
	__u32 seed[MODEL_PAGES];
	__u8 prot[MODEL_PAGES];
	__u8 lane[MODEL_PAGES];
	__u32 group[MODEL_PAGES];
	__u32 groups;
};

#define MODEL_UNMAPPED	0x80
#define MODEL_LANES	8
#define MODEL_LANE_LEN	(OS_PAGE / MODEL_LANES)

/* Create the arena and map all of it. */
int model_make(struct model *m);

/* Pages [first, first + n) are all mapped with the protection of the first. */
bool model_uniform(const struct model *m, size_t first, size_t n);

/* Write pages where they can be written; 0, or -1 after saying why. */
int model_write(struct model *m, size_t first, size_t n, __u32 seed);

/* The same through the kernel, which faults for us. */
int model_write_remote(struct model *m, size_t first, size_t n, __u32 seed);

/* Look at pages that can be read; all of each, or a few words. */
int model_check(struct model *m, size_t first, size_t n, bool all);

/*
 * Write a page that can be written, and from now on only the bytes of @lane (1
 * to MODEL_LANES): the others may be anything.  It is the only one of its group.
 */
int model_lane(struct model *m, size_t page, unsigned int lane, __u32 seed);

/* Pages lose their content, and with it their lane; their protection. */
void model_zero(struct model *m, size_t first, size_t n);
void model_protect(struct model *m, size_t first, size_t n, int prot);

/* What cannot be accessed raises SIGSEGV. */
int model_forbidden(struct model *m, size_t page);

#endif
