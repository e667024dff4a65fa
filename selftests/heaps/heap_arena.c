// SPDX-License-Identifier: GPL-2.0-only
/*
 * heap_file.h on a shared arena.  The arena is one block, which
 * heap_file_stir() splits into pages and joins again while the processes use
 * it, the heap's lock included.
 */
#include <errno.h>
#include <unistd.h>

#include "arena.h"
#include "heap_file.h"

int heap_file_make(void)
{
	struct hugearena_create c = {
		.size = HEAP_FILE_LEN,
		.kind = HUGEARENA_KIND_BLOCKS,
		.flags = HUGEARENA_CREATE_SHARED,
		.node = HUGEARENA_NODE_LOCAL,
		.name = "heap_shared",
	};
	int dev = device_open(), fd;

	if (dev < 0)
		return -1;
	fd = arena_create_on(dev, &c);
	close(dev);
	return fd;
}

int heap_file_stir(int fd)
{
	struct arena a = { .fd = fd, .size = HEAP_FILE_LEN };
	struct hugearena_join join;
	struct hugearena_block block;

	/* release a page, so that the block consists of pages */
	if (arena_punch(&a, HEAP_LEN, HEAP_FILE_LEN - HEAP_LEN) ||
	    arena_block(&a, 0, &block))
		return -1;
	if (block.state != HUGEARENA_BLOCK_SPLIT) {
		errno = EPROTO;
		return -1;
	}
	/* it may be busy: that is no error */
	return arena_join(&a, 0, HEAP_FILE_LEN, &join);
}
