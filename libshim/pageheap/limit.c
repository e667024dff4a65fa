// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * limit: how much memory the process may have, and how close it is to that.
 *
 * Keeps true: the pressure is the highest that any limit demands.  Control
 * group files are opened anew each time, because the process may be moved to
 * another group and the application may close a descriptor that is kept open.
 *
 * Nothing is read at start: most processes end before a limit could matter to
 * them.  A process without limits reads only the names of its groups, and one that
 * has entered a sandbox (entry/seccomp.c) reads nothing.
 *
 * A lock of its own admits one reader at a time; a second one returns instead
 * of waiting.  Called by pageheap and scavenger.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/conf.h"
#include "limit.h"
#include "base/lock.h"
#include "base/sys.h"

#define PATH_ROOM	1024
#define STAT_ROOM	6144	/* 60 lines of 30 bytes today, with room for more */

/* Texts, not pointers to them: those the dynamic linker would set in each process. */
struct cgroup {
	char mount[24];		/* where its files may be */
	char limit[2][28];	/* files with limits, of which the lowest counts */
	char usage[24];
	char files[24];		/* in memory.stat: file pages that the kernel can drop */
};

static const struct cgroup cgroups[] = {
	{ "/sys/fs/cgroup", { "memory.high", "memory.max" },
	  "memory.current", "\ninactive_file " },
	{ "/sys/fs/cgroup/unified", { "memory.high", "memory.max" },
	  "memory.current", "\ninactive_file " },
	{ "/sys/fs/cgroup/memory",
	  { "memory.limit_in_bytes", "memory.soft_limit_in_bytes" },
	  "memory.usage_in_bytes", "\ntotal_inactive_file " },
};

const char *limit_root = "";

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_BACKEND);
uint32_t limit_level;	/* the results; atomic, so that readers need no lock */
size_t limit_lowest;
static size_t nearest;		/* bytes left below it; SIZE_MAX: no limit */
static size_t exceeded;
static uint32_t worst;		/* the ones being computed, guarded by lock */
static size_t smallest, left, over;
static bool stale;		/* the limits are those of before a fork */
static bool blind;		/* no file may be opened */
/* hash of /proc/self/cgroup, 0 until it is read; written under lock */
static uint64_t groups;

/*
 * Read a small file.  The kernel makes each of them in one piece, so one call has
 * all that there is room for: every process that starts reads some ten of them.
 *
 * Return: its length, 0 if it cannot be read.
 */
static size_t file_read(const char *path, char *buf, size_t room)
{
	size_t len;
	long fd, n;

	fd = sys_call6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC,
		       0, 0, 0);
	if (sys_failed(fd))
		return 0;
	n = sys_call3(SYS_read, fd, (long)buf, (long)(room - 1));
	sys_call3(SYS_close, fd, 0, 0);
	len = n > 0 ? (size_t)n : 0;
	buf[len] = '\0';
	return len;
}

/* A number of bytes, or 0 for "max", no number, or one too large to matter. */
static size_t number(const char *s)
{
	size_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (n > SIZE_MAX / 16)
			return 0;
		n = n * 10 + (size_t)(*s - '0');
	}
	return n >> 62 ? 0 : n;
}

/* The first @c of a text, or its end. */
static char *character(char *s, char c)
{
	while (*s && *s != c)
		s++;
	return s;
}

/* root + mount + dir + "/" + file; false if it does not fit. */
static bool path_make(char *path, const char *mount, const char *dir,
		      size_t dirlen, const char *file)
{
	size_t r = strlen(limit_root), m = strlen(mount), f = strlen(file);

	if (r + m + dirlen + 1 + f + 1 > PATH_ROOM)
		return false;
	memcpy(path, limit_root, r);
	path += r;
	memcpy(path, mount, m);
	path += m;
	memcpy(path, dir, dirlen);
	path += dirlen;
	*path++ = '/';
	memcpy(path, file, f + 1);
	return true;
}

static size_t file_number(const char *mount, const char *dir, size_t dirlen,
			  const char *file)
{
	char path[PATH_ROOM], text[32];

	if (!path_make(path, mount, dir, dirlen, file) ||
	    !file_read(path, text, sizeof(text)))
		return 0;
	return number(text);
}

static enum limit_pressure judge(size_t used, size_t limit)
{
	if (!limit)
		return LIMIT_FAR;
	if (used > limit - limit / 32)
		return LIMIT_OVER;
	return used > limit - limit / 8 ? LIMIT_NEAR : LIMIT_FAR;
}

static void note(size_t used, size_t limit)
{
	enum limit_pressure p = judge(used, limit);

	if (!limit)
		return;
	if (!smallest || limit < smallest)
		smallest = limit;
	if (p > worst)
		worst = p;
	if (used > limit) {
		if (used - limit > over)
			over = used - limit;
		used = limit;
	}
	if (limit - used < left)
		left = limit - used;
}

/*
 * What a group uses.  Near its limit, file pages that have not been used lately
 * do not count: the kernel drops these before it makes a process wait, or kills
 * one.
 */
static size_t group_usage(const struct cgroup *c, const char *dir, size_t len,
			  size_t limit)
{
	/*
	 * guarded by lock; too large for the stack of a thread that has 16 KiB
	 */
	static char text[STAT_ROOM] SHIM_BSS_LARGE;
	char path[PATH_ROOM];
	size_t used = file_number(c->mount, dir, len, c->usage), files;
	const char *at;

	if (judge(used, limit) == LIMIT_FAR ||
	    !path_make(path, c->mount, dir, len, "memory.stat") ||
	    !file_read(path, text, sizeof(text)))
		return used;
	at = strstr(text, c->files);
	files = at ? number(at + strlen(c->files)) : 0;
	return used > files ? used - files : 0;
}

/* A group and its ancestors: the limit of each counts. */
static void group_note(const struct cgroup *c, const char *dir, size_t len)
{
	unsigned int i;

	if (len == 1)
		len = 0;	/* "/" */
	for (;;) {
		for (i = 0; i < 2; i++) {
			size_t limit = file_number(c->mount, dir, len,
						   c->limit[i]);

			if (limit)
				note(group_usage(c, dir, len, limit), limit);
		}
		if (!len)
			return;
		while (dir[--len] != '/')
			;
	}
}

/* as in group_usage(); a line for each of version 1's groups; guarded by lock */
static char groups_text[STAT_ROOM] SHIM_BSS_LARGE;

/* Read /proc/self/cgroup. Return: its hash (FNV-1a), 0 if it cannot be read. */
static uint64_t groups_read(void)
{
	uint64_t hash = 0xcbf29ce484222325u;
	char path[PATH_ROOM];
	const char *p;

	if (__atomic_load_n(&blind, __ATOMIC_RELAXED) ||
	    !path_make(path, "/proc/self", "", 0, "cgroup") ||
	    !file_read(path, groups_text, sizeof(groups_text)))
		return 0;
	for (p = groups_text; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
	return hash;
}

/* Where version 2 is: in a folder of its own beside version 1, or alone. */
static const struct cgroup *unified(void)
{
	char path[PATH_ROOM];
	long fd;

	if (!path_make(path, cgroups[1].mount, "", 0, ""))
		return &cgroups[0];
	fd = sys_open(path, O_PATH | O_CLOEXEC);
	if (sys_failed(fd))
		return &cgroups[0];
	sys_call3(SYS_close, fd, 0, 0);
	return &cgroups[1];
}

/* Lines of /proc/self/cgroup: "0::/path" or "4:memory:/path". */
static bool groups_note(void)
{
	char *line, *next, *colon;
	uint64_t hash = groups_read();

	if (!hash)
		return false;
	__atomic_store_n(&groups, hash, __ATOMIC_RELAXED);
	for (line = groups_text; *line; line = next) {
		size_t len;

		next = character(line, '\n');
		if (!*next)
			break;		/* the last line is cut off */
		*next++ = '\0';
		colon = character(line, ':');
		if (!*colon || colon[1] == '\0')
			continue;
		if (!strncmp(line, "0::/", 4)) {
			len = strlen(line + 3);
			group_note(unified(), line + 3, len);
		} else if (!strncmp(colon, ":memory:/", 9)) {
			group_note(&cgroups[2], colon + 8, strlen(colon + 8));
		}
	}
	return true;
}

void limit_update(size_t heap)
{
	/* its holder is already reading the limits */
	if (!shim_lock_try(&lock))
		return;
	smallest = 0;
	left = SIZE_MAX;
	over = 0;
	worst = LIMIT_FAR;
	note(heap, shim_conf.limit);
	/*
	 * a sandbox refuses it: the limit stays in force, but the use of it is
	 * unknown
	 */
	if (!groups_note())
		note(heap, limit_lowest);
	__atomic_store_n(&limit_lowest, smallest, __ATOMIC_RELAXED);
	__atomic_store_n(&nearest, left, __ATOMIC_RELAXED);
	__atomic_store_n(&exceeded, over, __ATOMIC_RELAXED);
	__atomic_store_n(&limit_level, worst, __ATOMIC_RELAXED);
	__atomic_store_n(&stale, false, __ATOMIC_RELAXED);
	shim_lock_release(&lock);
}

bool limit_moved(void)
{
	uint64_t hash;
	bool moved;

	if (!shim_lock_try(&lock))
		return false;
	hash = groups_read();
	moved = hash && hash != groups;
	shim_lock_release(&lock);
	return moved;
}

void limit_blind(size_t heap)
{
	if (!__atomic_load_n(&groups, __ATOMIC_RELAXED) &&
	    !__atomic_load_n(&blind, __ATOMIC_RELAXED))
		limit_update(heap);
	__atomic_store_n(&blind, true, __ATOMIC_RELAXED);
}

bool limit_wanted(void)
{
	return __atomic_load_n(&stale, __ATOMIC_RELAXED) || limit_bytes() ||
	       shim_conf.limit;
}

void limit_fork_plain(void)
{
	/*
	 * the child may be moved to another group; what was never read is not
	 * stale, and a store would copy a page
	 */
	if (groups && !stale)
		stale = true;
}

void limit_fork_child(void)
{
	limit_fork_plain();
	shim_lock_init(&lock, SHIM_RANK_BACKEND);
}

size_t limit_room(void)
{
	size_t room = __atomic_load_n(&nearest, __ATOMIC_RELAXED);

	return limit_bytes() ? room : SIZE_MAX;
}

size_t limit_over(void)
{
	return __atomic_load_n(&exceeded, __ATOMIC_RELAXED);
}

size_t limit_bytes(void)
{
	return __atomic_load_n(&limit_lowest, __ATOMIC_RELAXED);
}

bool limit_allows(size_t heap, size_t more)
{
	if (!shim_conf.limit || !shim_conf.limit_hard)
		return true;
	return heap <= shim_conf.limit && more <= shim_conf.limit - heap;
}
