/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * proc: processes as /proc has them.
 */
#ifndef TOOLS_PROC_H
#define TOOLS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum map_kind {
	KIND_PROGRAM,		/* text, data and bss of the executable */
	KIND_BRK,		/* [heap] */
	KIND_ARENA,		/* an arena of hugearena.ko */
	KIND_HEAP,		/* libshim's heap, from whatever backend */
	KIND_ANON,
	KIND_LIBRARY,
	KIND_FILE,
	KIND_STACK,
	KIND_KERNEL,		/* vdso, vvar, vsyscall */
	KIND_NR,
};

/**
 * struct map - one mapping, sizes in bytes
 * @referenced: resident and accessed since clear_refs
 * @pmd: resident through 2 MiB entries
 * @pud: resident through 1 GiB entries
 * @arena: id of the arena it maps, 0 for none
 */
struct map {
	uint64_t start, end, offset, inode;
	char perms[8], dev[16];
	char name[256];
	enum map_kind kind;
	uint64_t rss, pss, referenced, dirty, swap, pmd, pud;
	uint64_t arena;
};

struct maps {
	struct map *v;
	size_t n;
};

/**
 * struct rollup - /proc/PID/smaps_rollup, in bytes
 * @pmd: resident through 2 MiB entries
 */
struct rollup {
	uint64_t rss, pss, anon, swap, pmd;
};

/* Open /proc/PID/NAME for reading; NULL and errno. */
FILE *proc_open(pid_t pid, const char *name);

/* Does the process exist? */
bool proc_exists(pid_t pid);

/* Its command name, "?" if it is gone.  @size at least 17. */
void proc_comm(pid_t pid, char *buf, size_t size);

/* A field of /proc/PID/status, in bytes for kB; -1 if it is not there. */
long long proc_status(pid_t pid, const char *key);

/* Page faults since it began: 0 or a negative errno. */
int proc_faults(pid_t pid, uint64_t *minor, uint64_t *major);

/* CPU time since it began, in ns; 0 if it is gone. */
uint64_t proc_cpu(pid_t pid);

/*
 * The control group it is in, of version 2 or the one of version 1 that limits
 * memory, as "/system.slice/redis.service"; "" if that is not known.  And the
 * last part of that which is a unit of systemd's, "" if none is.
 */
void proc_cgroup(pid_t pid, char *buf, size_t size);
void proc_unit(const char *cgroup, char *buf, size_t size);

/* The UID of the pod of Kubernetes whose control group this is, "" if of none. */
void proc_pod(const char *cgroup, char *buf, size_t size);

/* May this command look into processes of others? */
bool proc_may_look(void);

/* What it lacks if not, for a message: root may lack it, too. */
const char *proc_lacks(void);

/* All processes; the list ends with 0 and is malloc()ed.  NULL and errno. */
pid_t *proc_list(void);

/* A line "Key:  N kB" of a file such as /proc/meminfo, in bytes; -1. */
long long proc_meminfo(const char *path, const char *key);

/**
 * proc_maps - a process's mappings with what is resident in them
 * @pid: the process
 * @maps: filled in; proc_maps_free() it
 * @smaps: false to read maps instead: cheap, but no sizes
 *
 * Return: 0 or a negative errno.
 */
int proc_maps(pid_t pid, struct maps *maps, bool smaps);

/* The same of a text as /proc/PID/maps has it, of a process that is gone. */
int proc_maps_text(FILE *f, struct maps *maps);
void proc_maps_free(struct maps *maps);

/* smaps_rollup; 0 or a negative errno. */
int proc_rollup(pid_t pid, struct rollup *r);

/* The name of a kind: "libraries" and so on. */
const char *map_kind_name(enum map_kind kind);

#endif
