// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * seccomp: who enters a sandbox is not killed for files that we open.
 *
 * Limits of control groups are read from files, and a seccomp filter may kill a
 * process that opens one; nobody can ask beforehand.  A process enters a filter
 * by prctl(), or gives up new privileges by it first, which an unprivileged one
 * must.  So the call is ours: it does what the C library's does, and from then
 * on no file is opened, see limit_blind().  A filter that is there when the
 * program starts is a different matter: what it allows is seen then.
 *
 * Called by the application.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "base/sys.h"
#include "base/prof.h"
#include "entry.h"
#include "pageheap/limit.h"

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
	/* before, because a thread may open one during the call */
	if (option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS) {
		limit_blind();
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
