// SPDX-License-Identifier: GPL-2.0-only
/*
 * shim: finding libshim in a process, and reading its memory.
 *
 * The heap itself is shim_heap.c's.  Called by the subcommands.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

/* A file of the process, mapped to read its symbols. */
struct elf {
	const char *data;
	size_t size;
};

static int elf_open(struct elf *elf, pid_t pid, const struct map *m)
{
	char path[512];
	struct stat st;
	void *data;
	int fd;

	/* the very file, even if its name is gone or another's; needs root */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !st.st_size) {
		close(fd);
		return -ENOENT;
	}
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return -errno;
	elf->data = data;
	elf->size = (size_t)st.st_size;
	return 0;
}

static void elf_close(struct elf *elf)
{
	munmap((void *)elf->data, elf->size);
}

/* Is [@at, @at + @len) inside the file? */
static bool elf_has(const struct elf *elf, uint64_t at, uint64_t len)
{
	return at <= elf->size && len <= elf->size - at;
}

/* The value of a symbol in one table; 0 if it is not there. */
static uint64_t table_find(const struct elf *elf, const Elf64_Shdr *sh,
			   const Elf64_Shdr *str, const char *name)
{
	const Elf64_Sym *sym;
	uint64_t i, n = sh->sh_size / sizeof(*sym);

	if (!elf_has(elf, sh->sh_offset, sh->sh_size) ||
	    !elf_has(elf, str->sh_offset, str->sh_size) || !str->sh_size ||
	    elf->data[str->sh_offset + str->sh_size - 1])
		return 0;
	sym = (const void *)(elf->data + sh->sh_offset);
	for (i = 0; i < n; i++)
		if (sym[i].st_shndx != SHN_UNDEF &&
		    sym[i].st_name < str->sh_size &&
		    !strcmp(elf->data + str->sh_offset + sym[i].st_name, name))
			return sym[i].st_value;
	return 0;
}

/* Where a symbol is, @base being where the file's first byte is mapped. */
static uint64_t elf_find(const struct elf *elf, uint64_t base,
			 const char *name)
{
	const Elf64_Ehdr *eh = (const void *)elf->data;
	const Elf64_Shdr *sh;
	uint64_t value = 0;
	unsigned int i;

	if (elf->size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_shentsize != sizeof(*sh) ||
	    !elf_has(elf, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(*sh)))
		return 0;
	sh = (const void *)(elf->data + eh->e_shoff);
	for (i = 0; i < eh->e_shnum && !value; i++)
		if ((sh[i].sh_type == SHT_DYNSYM ||
		     sh[i].sh_type == SHT_SYMTAB) && sh[i].sh_link < eh->e_shnum)
			value = table_find(elf, &sh[i], &sh[sh[i].sh_link],
					   name);
	/* ET_EXEC says where it is; ET_DYN counts from its first byte */
	return value ? value + (eh->e_type == ET_DYN ? base : 0) : 0;
}

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
	char path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", s->pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, buf, len, (off_t)addr) != (ssize_t)len)
		err = -errno;
	close(fd);
	return err;
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
	struct elf elf;
	int err = elf_open(&elf, s->pid, m);

	if (err)
		return -ENOENT;
	s->addr = elf_find(&elf, m->start, "shim_inspect");
	elf_close(&elf);
	snprintf(s->path, sizeof(s->path), "%s", m->name);
	return s->addr ? 0 : -ENOENT;
}

static int find(struct shim *s)
{
	struct maps maps;
	int err = proc_maps(s->pid, &maps, false);
	size_t i;

	if (err)
		return err;
	err = -ENOENT;
	/* a library by its name, else the program that it is linked into */
	for (i = 0; i < maps.n && err; i++) {
		const char *base = strrchr(maps.v[i].name, '/');

		if (!maps.v[i].offset && base &&
		    !strncmp(base, "/libshim", 8))
			err = map_try(s, &maps.v[i]);
	}
	for (i = 0; i < maps.n && err; i++)
		if (!maps.v[i].offset && maps.v[i].kind == KIND_PROGRAM &&
		    maps.v[i].name[0]) {
			err = map_try(s, &maps.v[i]);
			break;
		}
	proc_maps_free(&maps);
	return err;
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
	s->mem = open(path, O_RDONLY | O_CLOEXEC);
	if (s->mem < 0)
		return -errno;
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
		return "its libshim is of another version than this command";
	case EPERM:
	case EACCES:
		return "reading another's memory needs CAP_SYS_PTRACE";
	case ESRCH:
		return "there is no such process";
	}
	return strerror(-err);
}
