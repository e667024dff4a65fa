/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * heap_file: what heap_shared's heaps lie in: a memfd (heap_memfd.c), or a shared
 * arena of the module's (../heaps/heap_arena.c).
 */
#ifndef SELFTESTS_BOX_HEAP_FILE_H
#define SELFTESTS_BOX_HEAP_FILE_H

#include <stddef.h>

#define HEAP_FILE_LEN	((size_t)2 << 20)	/* an arena's smallest size */
/*
 * The last page belongs to no heap: heap_file_stir() may do anything with it.
 */
#define HEAP_LEN	(HEAP_FILE_LEN - 4096)

/* A file of HEAP_FILE_LEN bytes that processes can map; -1 and errno. */
int heap_file_make(void);

/*
 * Change what the heap's memory is made of, while processes use it, if the file has
 * a way to; 0, or -1 and errno.
 */
int heap_file_stir(int fd);

#endif
