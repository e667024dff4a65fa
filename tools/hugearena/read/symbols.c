// SPDX-License-Identifier: GPL-2.0-only
/*
 * symbols: the symbols of a file that a process has mapped.  Nothing in the file is
 * believed before it was compared with the file's size.  Called by coroutines, shim and
 * stacks.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols.h"

int elf_open(struct elf *elf, pid_t pid, const struct map *m)
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

void elf_close(struct elf *elf)
{
	munmap((void *)elf->data, elf->size);
}

/* Is [@at, @at + @len) inside the file? */
static bool elf_has(const struct elf *elf, uint64_t at, uint64_t len)
{
	return at <= elf->size && len <= elf->size - at;
}

/* What is done with each symbol; true to stop. */
struct visit {
	bool (*fn)(const Elf64_Sym *sym, const char *name, struct visit *v);
	const char *want;
	uint64_t value, bias;
	void (*user)(uint64_t addr, uint64_t size, const char *name, void *arg);
	void *arg;
};

static bool table_visit(const struct elf *elf, const Elf64_Shdr *sh,
			const Elf64_Shdr *str, struct visit *v)
{
	const Elf64_Sym *sym;
	uint64_t i, n = sh->sh_size / sizeof(*sym);

	if (!elf_has(elf, sh->sh_offset, sh->sh_size) ||
	    !elf_has(elf, str->sh_offset, str->sh_size) || !str->sh_size ||
	    elf->data[str->sh_offset + str->sh_size - 1])
		return false;
	sym = (const void *)(elf->data + sh->sh_offset);
	for (i = 0; i < n; i++)
		if (sym[i].st_shndx != SHN_UNDEF && sym[i].st_value &&
		    sym[i].st_name < str->sh_size &&
		    v->fn(&sym[i], elf->data + str->sh_offset +
			  sym[i].st_name, v))
			return true;
	return false;
}

static void visit(const struct elf *elf, uint64_t base, struct visit *v)
{
	const Elf64_Ehdr *eh = (const void *)elf->data;
	const Elf64_Shdr *sh;
	unsigned int i;

	if (elf->size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_shentsize != sizeof(*sh) ||
	    !elf_has(elf, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(*sh)))
		return;
	/* ET_EXEC says where it is; ET_DYN counts from its first byte */
	v->bias = eh->e_type == ET_DYN ? base : 0;
	sh = (const void *)(elf->data + eh->e_shoff);
	for (i = 0; i < eh->e_shnum; i++)
		if ((sh[i].sh_type == SHT_DYNSYM ||
		     sh[i].sh_type == SHT_SYMTAB) &&
		    sh[i].sh_link < eh->e_shnum &&
		    table_visit(elf, &sh[i], &sh[sh[i].sh_link], v))
			return;
}

static bool match(const Elf64_Sym *sym, const char *name, struct visit *v)
{
	if (strcmp(name, v->want))
		return false;
	v->value = sym->st_value + v->bias;
	return true;
}

uint64_t elf_find(const struct elf *elf, uint64_t base, const char *name)
{
	struct visit v = { .fn = match, .want = name };

	visit(elf, base, &v);
	return v.value;
}

static bool hand_on(const Elf64_Sym *sym, const char *name, struct visit *v)
{
	unsigned char type = ELF64_ST_TYPE(sym->st_info);

	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		v->user(sym->st_value + v->bias, sym->st_size, name, v->arg);
	return false;
}

void elf_functions(const struct elf *elf, uint64_t base,
		   void (*fn)(uint64_t addr, uint64_t size, const char *name,
			      void *arg), void *arg)
{
	struct visit v = { .fn = hand_on, .user = fn, .arg = arg };

	visit(elf, base, &v);
}
