// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * clock: the time, without a system call.
 *
 * Keeps true: the vDSO's function is looked up once; two threads that do so at
 * the same time find the same one, so no lock is needed.  Called by percpu,
 * percpu_idle, large, central_mesh, scavenger, entry_size, guard and prof.
 */
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "clock.h"
#include "sys.h"

#if defined(__x86_64__)
#define VDSO_NAME	"__vdso_clock_gettime"
#else
#define VDSO_NAME	"__kernel_clock_gettime"
#endif

typedef long (*gettime)(clockid_t clock, struct timespec *ts);

/* The fallback without a vDSO: the system call, with the vDSO's signature. */
static long by_kernel(clockid_t clock, struct timespec *ts)
{
	return sys_call3(SYS_clock_gettime, clock, (long)ts, 0);
}

/*
 * The vDSO is a shared object: its dynamic section leads to the symbols, and
 * the string table begins where they end.
 */
static gettime vdso_find(uintptr_t base)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)base;
	const Elf64_Phdr *phdr = (const Elf64_Phdr *)(base + eh->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	const Elf64_Sym *sym = NULL, *end;
	const char *names = NULL;
	uintptr_t bias = 0;
	unsigned int i;

	for (i = eh->e_phnum; i-- > 0;) {
		if (phdr[i].p_type == PT_LOAD)
			bias = base + phdr[i].p_offset - phdr[i].p_vaddr;
		else if (phdr[i].p_type == PT_DYNAMIC)
			dyn = (const Elf64_Dyn *)(base + phdr[i].p_offset);
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_SYMTAB)
			sym = (const Elf64_Sym *)(bias + dyn->d_un.d_ptr);
		else if (dyn->d_tag == DT_STRTAB)
			names = (const char *)(bias + dyn->d_un.d_ptr);
	}
	if (!sym || (const char *)sym >= names)
		return NULL;
	end = sym + (names - (const char *)sym) / sizeof(*sym);
	for (; sym < end; sym++)
		if (sym->st_value && !strcmp(names + sym->st_name, VDSO_NAME))
			return (gettime)(bias + sym->st_value);
	return NULL;
}

uint64_t clock_coarse(void)
{
	static gettime known;
	gettime fn = __atomic_load_n(&known, __ATOMIC_RELAXED);
	struct timespec ts = { 0, 0 };

	if (__builtin_expect(!fn, 0)) {
		uintptr_t base = getauxval(AT_SYSINFO_EHDR);

		fn = base ? vdso_find(base) : NULL;
		if (!fn)
			fn = by_kernel;
		__atomic_store_n(&known, fn, __ATOMIC_RELAXED);
	}
	if (fn(CLOCK_MONOTONIC_COARSE, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
