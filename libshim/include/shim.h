/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim.h: what libshim offers beyond the malloc family.
 *
 * A program need not include this: linking or preloading libshim is enough for
 * malloc().  To work without libshim as well, declare shim_ctl() weak.
 */
#ifndef SHIM_H
#define SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * shim_ctl - read a statistic, read or change a setting, or run a command
 * @name: its name; "names" lists all of them, one on each line
 * @oldp: where to store its value, or NULL
 * @oldlenp: on entry the size of the buffer @oldp, on return the size of the
 *	value; may be NULL if @oldp is
 * @newp: the new value, or NULL
 * @newlen: its size
 *
 * A number is a uint64_t, a text ends in NUL.  If a text does not fit, the call
 * fails with ENOMEM and stores the size that it needs in @oldlenp.  A command
 * is run by writing to it.
 *
 * Return: 0, or -1 with errno ENOENT (no such name), EINVAL (wrong size, or
 * value), EPERM (cannot be written, or not read) or ENOMEM.
 */
int shim_ctl(const char *name, void *oldp, size_t *oldlenp, const void *newp,
	     size_t newlen);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_H */
