// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * seccomp: a program that enters a sandbox is not killed for a file that we
 * open.
 *
 * Limits of control groups are read from files, and a seccomp filter may kill a
 * process that opens one; there is no way to ask beforehand.  A process
 * installs a filter with prctl(), or uses prctl() to set no_new_privs before
 * that, which an unprivileged one must do.  So the call is interposed: it does
 * what the C library's does, and no file is opened from then on, see
 * pageheap_look_last(), which looks before the call if nobody has.  A filter that
 * was installed before the program started is a different matter: the dynamic
 * linker opens files.
 *
 * Called by the application.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "base/sys.h"
#include "base/prof.h"
#include "entry.h"
#include "pageheap/pageheap.h"

static bool entered;

bool seccomp_entered(void)
{
	return __atomic_load_n(&entered, __ATOMIC_RELAXED);
}

SHIM_EXPORT int prctl(int option, ...)
{
	unsigned long arg[4];
	unsigned int i;
	va_list ap;
	long ret;

	va_start(ap, option);
	for (i = 0; i < 4; i++)
		arg[i] = va_arg(ap, unsigned long);
	va_end(ap);
	/* before the call, because another thread may open a file during it */
	if (option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS) {
		__atomic_store_n(&entered, true, __ATOMIC_RELAXED);
		pageheap_look_last();
		prof_dump_blind();
	}
	ret = sys_call6(SYS_prctl, option, (long)arg[0], (long)arg[1],
			(long)arg[2], (long)arg[3], 0);
	if (sys_failed(ret)) {
		errno = (int)-ret;
		return -1;
	}
	return (int)ret;
}
