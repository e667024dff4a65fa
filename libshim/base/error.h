/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error: messages on standard error, and how the library ends the process.
 *
 * Everything here writes to standard error with write(2) only, takes none of
 * our locks and allocates nothing.  Callers hold no lock when they end the
 * process, so that a handler of SIGABRT may still use malloc().
 */
#ifndef SHIM_ERROR_H
#define SHIM_ERROR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* What was wrong with a pointer. */
enum shim_die {
	SHIM_DIE_FOREIGN,	/* never handed out, or its span has been freed */
	SHIM_DIE_INTERIOR,	/* points into an object */
	SHIM_DIE_DOUBLE,	/* already free */
	SHIM_DIE_FREE,		/* in free memory of the heap */
	SHIM_DIE_SIZE,		/* freed with a wrong size or alignment */
	SHIM_DIE_OWNED,		/* in a span of a layer above, not of malloc() */
};

/**
 * shim_die - report a bad pointer with a backtrace and abort
 * @why: what is wrong with it
 * @p: the pointer
 * @cls: its size class if it is known, else 0
 */
void shim_die(enum shim_die why, const void *p, unsigned int cls)
	__attribute__((noreturn, cold));

/**
 * shim_bug - report a broken invariant of our own and abort
 * @what: which
 * @p: what it is about
 */
void shim_bug(const char *what, const void *p)
	__attribute__((noreturn, cold));

/**
 * shim_stuck - say that a call can never end, and abort
 * @what: why
 */
void shim_stuck(const char *what) __attribute__((noreturn, cold));

/**
 * shim_say - write one line, prefixed by "libshim: ", to standard error
 * @fmt: conversions %s %u (unsigned int) %zu %p and %x (uintptr_t)
 */
void shim_say(const char *fmt, ...) __attribute__((cold));

/**
 * shim_format - the formatter behind shim_say()
 * @buf: where to
 * @len: its length, not 0; the text is cut there and always ends in NUL
 * @fmt: as for shim_say()
 * @ap: the arguments
 *
 * Return: bytes written, without the NUL.
 */
size_t shim_format(char *buf, size_t len, const char *fmt, va_list ap);

/**
 * shim_backtrace - write the caller's stack to standard error
 * @skip: frames to leave out
 */
void shim_backtrace(unsigned int skip);

/**
 * shim_is_dying - has this thread begun a report
 *
 * The unwinder may allocate: entry then serves it from a small buffer.
 */
int shim_is_dying(void);

#endif /* SHIM_ERROR_H */
