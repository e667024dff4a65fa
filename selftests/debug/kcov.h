/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coverage of the module by what this thread does (the debug kernel's module
 * is compiled with it).  See Documentation/dev-tools/kcov.rst of the kernel.
 */
#ifndef SELFTESTS_DEBUG_KCOV_H
#define SELFTESTS_DEBUG_KCOV_H

/* Begin; 0, or -1 where the kernel has no coverage.  For one thread. */
int kcov_begin(void);

/* In a child: it is its parent's. */
void kcov_forget(void);

/* How many places were reached for the first time since the last call. */
unsigned int kcov_new(void);

/* How many places were reached so far. */
unsigned int kcov_total(void);

#endif
