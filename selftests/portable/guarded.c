// SPDX-License-Identifier: GPL-2.0-only
/*
 * guarded: preloaded beside libshim on arm64, makes its code guarded pages, and
 * that of the libraries above: from then on the processor ends the program at an
 * indirect branch to anything but a landing pad.  The C library would do so where
 * all of the system is built for it, which Debian 12 is not.
 *
 * Before that it sees that guarding works at all: a branch into the middle of
 * malloc() has to be a SIGILL.
 */
#define _GNU_SOURCE
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUARDED		0x10	/* PROT_BTI, which older headers have not */

static unsigned int guarded;

static int guard(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start, end;
	int i;

	(void)size;
	if (!strstr(info->dlpi_name, "/libshim"))
		return 0;
	for (i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_LOAD ||
		    !(info->dlpi_phdr[i].p_flags & PF_X))
			continue;
		start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		end = start + info->dlpi_phdr[i].p_memsz;
		start &= -page;
		if (mprotect((void *)start, end - start,
			     PROT_READ | PROT_EXEC | *(int *)arg)) {
			perror("guarded: mprotect");
			_exit(1);
		}
		guarded++;
	}
	return 0;
}

static void odd_branch(void)
{
	/* behind its first instruction, which is a landing pad */
	void (*volatile inside)(void) = (void (*)(void))((uintptr_t)malloc + 4);
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		signal(SIGILL, SIG_DFL);
		inside();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid ||
	    !WIFSIGNALED(status) || WTERMSIG(status) != SIGILL) {
		fprintf(stderr, "guarded: a branch into malloc() is no SIGILL\n");
		_exit(1);
	}
}

/* The start files of the libraries above, which end them, have no landing pads. */
static __attribute__((destructor)) void guard_none(void)
{
	int prot = 0;

	dl_iterate_phdr(guard, &prot);
}

static __attribute__((constructor)) void guard_all(void)
{
	int prot = GUARDED;

	dl_iterate_phdr(guard, &prot);
	if (!guarded) {
		fprintf(stderr, "guarded: no libshim here\n");
		_exit(1);
	}
	odd_branch();
}
