// SPDX-License-Identifier: GPL-2.0-only
/*
 * proc: processes as /proc has them.  Called by the subcommands.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmod.h"
#include "proc.h"

FILE *proc_open(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

bool proc_exists(pid_t pid)
{
	return !kill(pid, 0) || errno == EPERM;
}

void proc_comm(pid_t pid, char *buf, size_t size)
{
	FILE *f = proc_open(pid, "comm");

	snprintf(buf, size, "?");
	if (!f)
		return;
	if (fgets(buf, (int)size, f))
		buf[strcspn(buf, "\n")] = '\0';
	fclose(f);
}

/* "Key: N kB" in a stream, which is closed. */
static long long key_read(FILE *f, const char *key)
{
	size_t len = strlen(key);
	long long value = -1;
	char line[256];

	while (f && value < 0 && fgets(line, sizeof(line), f)) {
		char *end;

		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		value = strtoll(line + len + 1, &end, 10);
		if (strstr(end, "kB"))
			value <<= 10;
	}
	if (f)
		fclose(f);
	return value;
}

long long proc_status(pid_t pid, const char *key)
{
	return key_read(proc_open(pid, "status"), key);
}

long long proc_meminfo(const char *path, const char *key)
{
	return key_read(fopen(path, "re"), key);
}

int proc_faults(pid_t pid, uint64_t *minor, uint64_t *major)
{
	FILE *f = proc_open(pid, "stat");
	char line[1024], *at;
	int n = 0;

	if (!f)
		return -errno;
	/* the command's name may contain anything, ')' included */
	if (fgets(line, sizeof(line), f)) {
		at = strrchr(line, ')');
		if (at)
			n = sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %"
				   SCNu64 " %*u %" SCNu64, minor, major);
	}
	fclose(f);
	return n == 2 ? 0 : -ESRCH;
}

uint64_t proc_cpu(pid_t pid)
{
	FILE *f = proc_open(pid, "stat");
	uint64_t user = 0, system = 0;
	char line[1024], *at;

	if (!f)
		return 0;
	at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
			  "%*u %" SCNu64 " %" SCNu64, &user, &system) != 2)
		return 0;
	return (user + system) * (1000000000ULL /
				  (uint64_t)sysconf(_SC_CLK_TCK));
}

void proc_cgroup(pid_t pid, char *buf, size_t size)
{
	FILE *f = proc_open(pid, "cgroup");
	char line[1024];

	snprintf(buf, size, "%s", "");
	while (f && fgets(line, sizeof(line), f)) {
		/* "0::/path", or "7:memory:/path" with version 1 */
		char *path = strchr(line, ':');

		path = path ? strchr(path + 1, ':') : NULL;
		if (!path)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3) || strstr(line, ":memory:"))
			snprintf(buf, size, "%s", path + 1);
		if (strstr(line, ":memory:"))
			break;
	}
	if (f)
		fclose(f);
}

void proc_unit(const char *cgroup, char *buf, size_t size)
{
	static const char *const kinds[] = { ".service", ".scope" };
	const char *part = cgroup;

	snprintf(buf, size, "%s", "");
	while (*part) {
		size_t len, i, k;

		part += strspn(part, "/");
		len = strcspn(part, "/");
		for (i = 0; i < 2; i++) {
			k = strlen(kinds[i]);
			if (len > k && !strncmp(part + len - k, kinds[i], k))
				snprintf(buf, size, "%.*s", (int)len, part);
		}
		part += len;
	}
}

/*
 * systemd's names have the UID as "kubepods-burstable-pod1234_5678.slice", those of
 * the kubelet's own making as "kubepods/burstable/pod1234-5678".
 */
void proc_pod(const char *cgroup, char *buf, size_t size)
{
	const size_t uid = 36;
	const char *at = strstr(cgroup, "kubepods");
	char *c;

	snprintf(buf, size, "%s", "");
	for (at = at ? strstr(at + 8, "pod") : NULL; at;
	     at = strstr(at + 3, "pod")) {
		if ((at[-1] != '-' && at[-1] != '/') ||
		    strspn(at + 3, "0123456789abcdef_-") != uid)
			continue;
		snprintf(buf, size, "%.*s", (int)uid, at + 3);
		for (c = buf; *c; c++)
			if (*c == '_')
				*c = '-';
		return;
	}
}

bool proc_may_look(void)
{
	FILE *f = proc_open(getpid(), "status");
	unsigned long long caps = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps >> CAP_SYS_PTRACE & 1;
}

const char *proc_lacks(void)
{
	if (proc_may_look())
		return "a security module forbids it, or a namespace of users";
	return geteuid() ? "needs CAP_SYS_PTRACE" :
	       "needs CAP_SYS_PTRACE, which this root user lacks: in a container?";
}

pid_t *proc_list(void)
{
	DIR *dir = opendir("/proc");
	size_t n = 0, room = 256;
	struct dirent *d;
	pid_t *list;

	if (!dir)
		return NULL;
	list = malloc(room * sizeof(*list));
	while (list && (d = readdir(dir))) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		if (n + 1 == room) {
			pid_t *more = realloc(list, 2 * room * sizeof(*list));

			if (!more)
				break;
			list = more;
			room *= 2;
		}
		list[n++] = atoi(d->d_name);
	}
	closedir(dir);
	if (list)
		list[n] = 0;
	return list;
}

static const char *const kind_names[KIND_NR] = {
	[KIND_PROGRAM] = "program",
	[KIND_BRK] = "brk heap",
	[KIND_ARENA] = "arenas",
	[KIND_HEAP] = "libshim heap",
	[KIND_ANON] = "anonymous",
	[KIND_LIBRARY] = "libraries",
	[KIND_FILE] = "files",
	[KIND_STACK] = "stack",
	[KIND_KERNEL] = "kernel",
};

const char *map_kind_name(enum map_kind kind)
{
	return kind_names[kind];
}

/* libc.so.6, ld-linux-x86-64.so.2, libfoo-1.so */
static bool is_library(const char *path)
{
	const char *base = strrchr(path, '/');
	const char *so = strstr(base ? base : path, ".so");

	return so && (!so[3] || so[3] == '.');
}

static enum map_kind map_kind(const struct map *m, const struct map *before,
			      const char *exe)
{
	if (!strcmp(m->name, "[heap]"))
		return KIND_BRK;
	if (!strncmp(m->name, "[stack", 6))
		return KIND_STACK;
	if (!strcmp(m->name, "[vdso]") || !strcmp(m->name, "[vvar]") ||
	    !strcmp(m->name, "[vsyscall]") ||
	    !strncmp(m->name, "[vvar_", 6))
		return KIND_KERNEL;
	if (*exe && !strcmp(m->name, exe))
		return KIND_PROGRAM;
	if (!m->name[0]) {
		/* bss follows what the file has of the data */
		if (before && before->end == m->start &&
		    m->perms[1] == 'w' &&
		    (before->kind == KIND_PROGRAM ||
		     before->kind == KIND_LIBRARY) && before->name[0])
			return before->kind;
		return KIND_ANON;
	}
	if (m->name[0] == '[')
		return KIND_ANON;
	return is_library(m->name) ? KIND_LIBRARY : KIND_FILE;
}

static bool header_parse(const char *line, struct map *m)
{
	int used = 0;

	memset(m, 0, sizeof(*m));
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %15s %"
		   SCNu64 " %n", &m->start, &m->end, m->perms, &m->offset,
		   m->dev, &m->inode, &used) < 6)
		return false;
	snprintf(m->name, sizeof(m->name), "%s", line + used);
	m->name[strcspn(m->name, "\n")] = '\0';
	return true;
}

static void field_parse(const char *line, struct map *m, uint64_t *page)
{
	uint64_t value;
	char key[32];

	if (sscanf(line, "%31[^:]: %" SCNu64, key, &value) != 2)
		return;
	value <<= 10;
	if (!strcmp(key, "Rss")) {
		m->rss = value;
	} else if (!strcmp(key, "Pss")) {
		m->pss = value;
	} else if (!strcmp(key, "Referenced")) {
		m->referenced = value;
	} else if (!strcmp(key, "KernelPageSize")) {
		*page = value;
	} else if (!strcmp(key, "Swap")) {
		m->swap = value;
	} else if (!strcmp(key, "Private_Dirty") ||
		   !strcmp(key, "Shared_Dirty")) {
		m->dirty += value;
	} else if (!strcmp(key, "AnonHugePages") ||
		   !strcmp(key, "ShmemPmdMapped") ||
		   !strcmp(key, "FilePmdMapped")) {
		m->pmd += value;
	} else if (!strcmp(key, "Shared_Hugetlb") ||
		   !strcmp(key, "Private_Hugetlb")) {
		/* the kernel does not count them in Rss */
		m->rss += value;
		m->pss += value;
		if (*page == (uint64_t)1 << 30)
			m->pud += value;
		else if (*page == KMOD_BLOCK_SIZE)
			m->pmd += value;
	}
}

/*
 * By process and by the file that is mapped.  Another file system may have a
 * file of the same number, but not of this name.
 */
static bool is_of(const struct map *m, const struct kmod_arena *a, pid_t pid)
{
	const char *base = m->name[0] == '/' ? m->name + 1 : m->name;
	size_t len = strlen(a->name);

	return a->pid == pid && a->inode == m->inode &&
	       !strncmp(m->dev, "00:", 3) && !strncmp(base, a->name, len) &&
	       (!base[len] || !strcmp(base + len, " (deleted)"));
}

/* Which mappings are which arenas. */
static void arenas_mark(pid_t pid, struct maps *maps)
{
	struct kmod_arena *arenas;
	size_t n, i, k;

	if (kmod_arenas_read(&arenas, &n))
		return;
	for (i = 0; i < maps->n; i++) {
		struct map *m = &maps->v[i];

		for (k = 0; k < n; k++) {
			if (!is_of(m, &arenas[k], pid))
				continue;
			m->kind = KIND_ARENA;
			m->arena = arenas[k].id;
		}
	}
	free(arenas);
}

/* "" for @exe: the program is the first file that is mapped. */
static int maps_parse(FILE *f, const char *exe, struct maps *maps)
{
	struct map *m = NULL, next;
	char line[4096];
	uint64_t page = 0;
	size_t room = 0;

	memset(maps, 0, sizeof(*maps));
	errno = 0;
	while (fgets(line, sizeof(line), f)) {
		if (!header_parse(line, &next)) {
			if (m)
				field_parse(line, m, &page);
			continue;
		}
		if (maps->n == room) {
			size_t want = room ? 2 * room : 128;

			m = realloc(maps->v, want * sizeof(*m));
			if (!m)
				return -ENOMEM;
			maps->v = m;
			room = want;
		}
		m = &maps->v[maps->n++];
		*m = next;
		m->kind = map_kind(m, maps->n > 1 ? m - 1 : NULL, *exe ? exe :
				   maps->v[0].name);
	}
	return ferror(f) ? (errno ? -errno : -EIO) : 0;
}

int proc_maps(pid_t pid, struct maps *maps, bool smaps)
{
	FILE *f = proc_open(pid, smaps ? "smaps" : "maps");
	char path[64], exe[256] = "?";
	ssize_t len;
	int err;

	memset(maps, 0, sizeof(*maps));
	if (!f)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	if (len > 0)
		exe[len] = '\0';
	err = maps_parse(f, exe, maps);
	fclose(f);
	if (err)
		proc_maps_free(maps);
	else
		arenas_mark(pid, maps);
	return err;
}

int proc_maps_text(FILE *f, struct maps *maps)
{
	int err = maps_parse(f, "", maps);

	if (err)
		proc_maps_free(maps);
	return err;
}

void proc_maps_free(struct maps *maps)
{
	free(maps->v);
	memset(maps, 0, sizeof(*maps));
}

int proc_rollup(pid_t pid, struct rollup *r)
{
	FILE *f = proc_open(pid, "smaps_rollup");
	char line[256], key[32];
	uint64_t value;
	bool any = false;

	memset(r, 0, sizeof(*r));
	if (!f)
		return -errno;
	errno = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31[^:]: %" SCNu64 " kB", key, &value) != 2)
			continue;
		value <<= 10;
		any = true;
		if (!strcmp(key, "Rss"))
			r->rss = value;
		else if (!strcmp(key, "Pss"))
			r->pss = value;
		else if (!strcmp(key, "Anonymous"))
			r->anon = value;
		else if (!strcmp(key, "Swap"))
			r->swap = value;
		else if (!strcmp(key, "AnonHugePages") ||
			 !strcmp(key, "ShmemPmdMapped") ||
			 !strcmp(key, "FilePmdMapped"))
			r->pmd += value;
	}
	if (!any && !errno)
		errno = ESRCH;	/* a kernel thread, or gone */
	fclose(f);
	return any ? 0 : -errno;
}
