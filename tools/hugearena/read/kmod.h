/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kmod: what the module reports, read.
 *
 * From /proc/hugearena, or from the directory that HUGEARENA_PROC names (a copy
 * taken on another machine, say).
 */
#ifndef TOOLS_KMOD_H
#define TOOLS_KMOD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../../kmod/uapi/hugearena.h"

#define KMOD_BLOCK_SIZE		((uint64_t)2 << 20)
#define KMOD_SOURCES		6
#define KMOD_BUCKETS		32
#define KMOD_STAT_MAX		64

/**
 * struct kmod_stat - /proc/hugearena/stat
 * @n: lines
 * @key: "Arenas" and so on
 * @value: numbers; bytes where the file has kB
 * @bytes: it has
 */
struct kmod_stat {
	size_t n;
	char key[KMOD_STAT_MAX][24];
	uint64_t value[KMOD_STAT_MAX];
	bool bytes[KMOD_STAT_MAX];
};

/**
 * struct kmod_arena - a line of /proc/hugearena/arenas, sizes in bytes
 */
struct kmod_arena {
	uint64_t id;
	pid_t pid;
	char name[HUGEARENA_NAME_LEN];
	uint64_t size, resident, blocks, split, shared, lost;
	uint64_t f_reserve, f_pool, f_demand, f_small, f_map;
	uint64_t cow_pages, cow_blocks, released, joined, reserve, forks, inode;
};

/**
 * struct kmod_pool - a line of /proc/hugearena/pool, in blocks
 */
struct kmod_pool {
	int node;
	uint64_t clean, dirty, target, floor, out, failed;
};

/**
 * struct kmod_latency - a line of /proc/hugearena/latency
 * @source: "reserve" and so on
 * @bucket: faults shorter than 2^n ns and not shorter than 2^(n-1)
 */
struct kmod_latency {
	char source[16];
	uint64_t bucket[KMOD_BUCKETS];
};

/* Is there something to read? */
bool kmod_present(void);

/* Complain that a subcommand needs the module.  Return: CMD_NO_MODULE. */
int kmod_missing(void);

/* Each returns 0 or a negative errno; lists are malloc()ed. */
int kmod_stat_read(struct kmod_stat *st);
int kmod_arenas_read(struct kmod_arena **arenas, size_t *n);
int kmod_pool_read(struct kmod_pool **nodes, size_t *n);
int kmod_latency_read(struct kmod_latency lat[KMOD_SOURCES], size_t *n);

/* A number of kmod_stat_read() by its name; 0 if there is none. */
uint64_t kmod_stat_get(const struct kmod_stat *st, const char *key);

/* An arena's numbers as members of an object, without its process. */
void kmod_arena_json(const struct kmod_arena *a, json_t *obj);
json_t *kmod_pool_json(const struct kmod_pool *nodes, size_t n);
json_t *kmod_latency_json(const struct kmod_latency *lat, size_t n);

/* A parameter of the loaded module; a negative errno if it has none. */
long long kmod_param_read(const char *name);
int kmod_param_write(const char *name, unsigned long long value);

/* HUGEARENA_IOC_INFO; 0 or a negative errno. */
int kmod_info(struct hugearena_info *info);

/* Another process's arena: a file for BLOCKS and STAT, or a negative errno. */
int kmod_view(uint64_t id);

/**
 * kmod_blocks - every block of a part of an arena
 * @fd: from kmod_view()
 * @offset: byte offset into the arena, a multiple of the block size
 * @vec: filled in
 * @nr: how many
 * @clear: forget that they were accessed, too
 *
 * Return: how many were filled in, or a negative errno.
 */
long kmod_blocks(int fd, uint64_t offset, struct hugearena_block *vec,
		 size_t nr, bool clear);

/**
 * kmod_blocks_read - every block of a part of another process's arena
 * @id: the arena
 * @offset: byte offset into it
 * @len: bytes
 * @clear: forget that they were accessed, too
 * @vec: filled in with a list to be freed
 *
 * Return: how many, or a negative errno with no list.
 */
long kmod_blocks_read(uint64_t id, uint64_t offset, uint64_t len, bool clear,
		      struct hugearena_block **vec);

/* The bound below which @part in 100 of a histogram's faults were, in ns. */
uint64_t kmod_latency_quantile(const struct kmod_latency *lat, double part);

#endif
