/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unwind: backtrace() and backtrace_symbols_fd() where the C library has none.
 *
 * glibc has <execinfo.h>.  musl does not: there the compiler's unwinder is used
 * if it is loaded, as it is in every C++ program; otherwise the list of frames
 * is empty.  Each line has an address, for addr2line, instead of a name.
 */
#ifndef SHIM_UNWIND_H
#define SHIM_UNWIND_H

#ifdef __GLIBC__
#include <execinfo.h>
#else
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <unwind.h>

#pragma weak _Unwind_Backtrace
#pragma weak _Unwind_GetIP

struct unwind_frames {
	void **frame;
	int n, max;
};

static inline _Unwind_Reason_Code unwind_frame(struct _Unwind_Context *c,
					       void *arg)
{
	struct unwind_frames *f = arg;
	uintptr_t ip = _Unwind_GetIP(c);

	/* like backtrace(), begin with the caller */
	if (f->n == f->max || !ip)
		return _URC_END_OF_STACK;
	f->frame[f->n++] = (void *)ip;
	return _URC_NO_REASON;
}

static inline int backtrace(void **frame, int max)
{
	struct unwind_frames f = { .frame = frame, .max = max };

	if (_Unwind_Backtrace && _Unwind_GetIP)
		_Unwind_Backtrace(unwind_frame, &f);
	return f.n;
}

static inline void backtrace_symbols_fd(void *const *frame, int n, int fd)
{
	char line[24];
	int i, len;

	for (i = 0; i < n; i++) {
		len = snprintf(line, sizeof(line), "[%p]\n", frame[i]);
		if (write(fd, line, (size_t)len) != len)
			return;
	}
}
#endif

#endif /* SHIM_UNWIND_H */
