/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory control groups (cgroup2), mounted if nobody has yet.
 */
#ifndef SELFTESTS_LIB_MEMCG_H
#define SELFTESTS_LIB_MEMCG_H

struct memcg {
	char path[192];
};

/* Make an empty group called @name; 0, or -1 and errno. */
int memcg_make(struct memcg *m, const char *name);

/* Kill all its processes and remove it; 0, or -1 and errno. */
int memcg_drop(struct memcg *m);

/* Move this process into the group, or back to the root. */
int memcg_enter(const struct memcg *m);
int memcg_leave(void);

/* A file that holds one number; -1 if it cannot be read. */
long long memcg_read(const struct memcg *m, const char *file);
int memcg_write(const struct memcg *m, const char *file, long long value);

/* "key number" of a flat file such as memory.events; -1 if not there. */
long long memcg_key(const struct memcg *m, const char *file, const char *key);

#endif
