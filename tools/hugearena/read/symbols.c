// SPDX-License-Identifier: GPL-2.0-only
/*
 * symbols: where a symbol of a mapped file is in a process.  The file is read by
 * libelf.  Called by coroutines,
 * collector and shim.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"

static int file_open(pid_t pid, const struct map *m)
{
	char path[512];
	int fd;

	/* the very file, even if its name is gone or another's; needs root */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool table_find(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh,
		       const char *name, uint64_t *value)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	const char *its;
	GElf_Sym sym;
	int i;

	for (i = 0; data && gelf_getsym(data, i, &sym); i++) {
		if (sym.st_shndx == SHN_UNDEF || !sym.st_value)
			continue;
		its = elf_strptr(elf, sh->sh_link, sym.st_name);
		if (its && !strcmp(its, name)) {
			*value = sym.st_value;
			return true;
		}
	}
	return false;
}

int symbol_find(pid_t pid, const struct map *m, const char *name,
		uint64_t *addr)
{
	Elf_Scn *scn = NULL;
	int fd = file_open(pid, m), err = -ENOENT;
	GElf_Ehdr eh;
	GElf_Shdr sh;
	uint64_t value;
	Elf *elf;

	if (fd < 0)
		return fd;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && gelf_getehdr(elf, &eh)) {
		while (err && (scn = elf_nextscn(elf, scn)) &&
		       gelf_getshdr(scn, &sh)) {
			if ((sh.sh_type != SHT_DYNSYM &&
			     sh.sh_type != SHT_SYMTAB) ||
			    !table_find(elf, scn, &sh, name, &value))
				continue;
			/* ET_EXEC says where it is; ET_DYN counts from its start */
			*addr = value + (eh.e_type == ET_DYN ? m->start : 0);
			err = 0;
		}
	}
	elf_end(elf);
	close(fd);
	return err;
}

int symbol_find_in(pid_t pid, const char *library, const char *name,
		   uint64_t *addr)
{
	struct maps maps;
	int err = proc_maps(pid, &maps, false);
	const char *base;
	size_t i;

	if (err)
		return err;
	err = -ENOENT;
	for (i = 0; i < maps.n && err; i++) {
		base = strrchr(maps.v[i].name, '/');
		if (maps.v[i].offset || !base)
			continue;
		if (!strncmp(base + 1, library, strlen(library)) ||
		    maps.v[i].kind == KIND_PROGRAM)
			err = symbol_find(pid, &maps.v[i], name, addr);
	}
	proc_maps_free(&maps);
	return err ? -ENOENT : 0;
}
