/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says in text: /proc/hugearena, smaps, sysfs parameters.
 */
#ifndef SELFTESTS_LIB_REPORT_H
#define SELFTESTS_LIB_REPORT_H

#include <stddef.h>
#include <sys/types.h>

#define PROC_STAT	"/proc/hugearena/stat"
#define PROC_ARENAS	"/proc/hugearena/arenas"
#define PROC_POOL	"/proc/hugearena/pool"
#define PROC_LATENCY	"/proc/hugearena/latency"

/*
 * struct arena_line - a line of /proc/hugearena/arenas, in its order
 */
struct arena_line {
	unsigned long long id;
	int pid;
	char name[64];
	unsigned long long size_kb, resident_kb, blocks, split, shared, lost,
		f_reserve, f_pool, f_demand, f_small, f_map, cow_pages,
		cow_blocks, released_kb, joined, reserve, forks, inode;
	char kind[16];
	unsigned long long meshed_kb;
	char mode[16];
};

/*
 * struct pool_line - a line of /proc/hugearena/pool, in its order
 */
struct pool_line {
	int node;
	unsigned long long clean, dirty, target, floor, out, failed, lent, bad;
};

/* The number after "@key:" at the start of a line of @path; -1 if none. */
long long file_key(const char *path, const char *key);

/* A file's only number; -1 if it cannot be read. */
long long file_number(const char *path);

/* Write @text to @path in one call; 0, or -1 and errno. */
int file_write(const char *path, const char *text);

/* The whole of a small file in @buf, terminated; its length or -1. */
ssize_t file_read(const char *path, char *buf, size_t size);

/* A counter of /proc/hugearena/stat; -1 if it is not there. */
long long stat_read(const char *key);

/* A field of /proc/self/status; -1 if it is not there. */
long long status_read(const char *key);

/* A field of /proc/meminfo; -1 if it is not there. */
long long meminfo_read(const char *key);

/*
 * Free memory in kB.  MemFree leaves out what the page allocator keeps on each
 * CPU, which since 6.7 may be an eighth of all memory, with 2 MiB pages among
 * it.
 */
long long memfree_read(void);

/* A field, in kB, of the mapping that contains @addr; -1 if none. */
long long smaps_read(const void *addr, const char *key);

/* The mapping that contains @addr has @flag, two letters, in VmFlags. */
int smaps_flag(const void *addr, const char *flag);

/* ShmemPmdMapped plus FilePmdMapped of the mapping that contains @addr. */
long long smaps_pmd_mapped(const void *addr);

/* How many mappings of this process touch @len bytes at @addr. */
int maps_count(const void *addr, size_t len);

/* The line of arena @id; 0, or -1 if there is none. */
int arena_line_read(unsigned long long id, struct arena_line *line);

/* The line of a node's pool; 0, or -1 if there is none. */
int pool_line_read(int node, struct pool_line *line);

/* All nodes' pools added up; 0, or -1. */
int pool_sum_read(struct pool_line *sum);

/*
 * Set the pool's target, in MiB, and wait up to a minute until that much of it
 * is zeroed; 0, or -1.
 */
int pool_fill(int mb);

/* A module parameter, a list of numbers added up; -1 if it is not there. */
long long param_read(const char *name);
int param_write(const char *name, long long value);

/*
 * Reset every run-time parameter to what insmod without arguments sets, except
 * for reserve_max, which becomes 0 so that a test counts blocks without a
 * worker in between, and max_mb, which becomes no limit.  The pool is empty
 * then.
 */
int params_reset(void);

/* Wait up to a minute for "@read() == @want"; the last value read. */
#define wait_for(read, want) ({						\
	long long __seen;						\
	int __try;							\
									\
	for (__try = 0; __try < 1200; __try++) {			\
		__seen = (read);					\
		if (__seen == (want))					\
			break;						\
		usleep(50000);						\
	}								\
	__seen;								\
})

#endif
