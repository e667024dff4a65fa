// SPDX-License-Identifier: GPL-2.0-only
/*
 * shim: finding libshim in a process, and reading its memory.
 *
 * The heap itself is read by shim_heap.c.  Called by the subcommands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"
#include "shim.h"

int shim_read(const struct shim *s, uint64_t addr, void *buf, size_t len)
{
	while (len) {
		ssize_t n = pread(s->mem, buf, len, (off_t)addr);

		if (n <= 0)
			return n ? -errno : -ESRCH;
		buf = (char *)buf + n;
		addr += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int shim_write(const struct shim *s, uint64_t addr, const void *buf,
	       size_t len)
{
	ssize_t n = pwrite(s->mem, buf, len, (off_t)addr);

	if (n == (ssize_t)len)
		return 0;
	return n < 0 ? -errno : -ESRCH;
}

int shim_ready(struct shim *s)
{
	bool ready;
	int err = shim_read(s, (uintptr_t)s->at.ready, &ready, sizeof(ready));

	if (err || !ready)
		return err;
	err = shim_read(s, (uintptr_t)s->at.conf, &s->conf, sizeof(s->conf));
	return err ? err : 1;
}

/* Does the process have our kind of table where the file says? */
static int table_check(struct shim *s)
{
	int err = shim_read(s, s->addr, &s->at, sizeof(s->at));

	if (err)
		return err;
	if (memcmp(s->at.magic, INSPECT_MAGIC, sizeof(s->at.magic)) ||
	    s->at.layout != INSPECT_LAYOUT || s->at.size != sizeof(s->at))
		return -EPROTO;
	return shim_read(s, (uintptr_t)s->at.conf, &s->conf, sizeof(s->conf));
}

static int map_try(struct shim *s, const struct map *m)
{
	int err;

	snprintf(s->path, sizeof(s->path), "%s", m->name);
	err = symbol_find(s->pid, m, "shim_inspect", &s->addr);
	return err == -EPERM ? -EACCES : err == -EACCES || !err ? err : -ENOENT;
}

static int find(struct shim *s)
{
	struct maps maps;
	int err = proc_maps(s->pid, &maps, false);
	bool denied = false;
	size_t i;

	if (err)
		return err;
	err = -ENOENT;
	/* a library by its name, else the program that it is linked into */
	for (i = 0; i < maps.n && err; i++) {
		const char *base = strrchr(maps.v[i].name, '/');

		if (!maps.v[i].offset && base &&
		    !strncmp(base, "/libshim", 8)) {
			err = map_try(s, &maps.v[i]);
			denied |= err == -EACCES;
		}
	}
	for (i = 0; i < maps.n && err; i++)
		if (!maps.v[i].offset && maps.v[i].kind == KIND_PROGRAM &&
		    maps.v[i].name[0]) {
			err = map_try(s, &maps.v[i]);
			denied |= err == -EACCES;
			break;
		}
	proc_maps_free(&maps);
	return err && denied ? -EACCES : err;
}

int shim_open(struct shim *s, pid_t pid)
{
	char path[64];
	int err;

	memset(s, 0, sizeof(*s));
	s->pid = pid;
	s->mem = -1;
	err = find(s);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	/* One file for all, since it stays with the program that is there now:
	 * what is written after an exec goes nowhere.
	 */
	s->mem = open(path, O_RDWR | O_CLOEXEC);
	if (s->mem < 0 && (errno == EACCES || errno == EPERM))
		s->mem = open(path, O_RDONLY | O_CLOEXEC);
	if (s->mem < 0)
		return -errno;
	/* the file was found before: is it still the same program? */
	err = table_check(s);
	if (err)
		shim_close(s);
	return err;
}

void shim_close(struct shim *s)
{
	if (s->mem >= 0)
		close(s->mem);
	s->mem = -1;
}

const char *shim_strerror(int err)
{
	switch (-err) {
	case ENOENT:
		return "the process does not run on libshim";
	case EPROTO:
		return "its libshim has another version than this command";
	case EPERM:
	case EACCES:
		if (!geteuid() && !proc_may_look())
			return "reading another process's memory needs CAP_SYS_PTRACE, "
			       "which this root user lacks: in a container?";
		return "reading another process's memory needs CAP_SYS_PTRACE";
	case ESRCH:
		return "there is no such process";
	}
	return strerror(-err);
}
