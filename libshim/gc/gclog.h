/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gclog: messages to standard error, from any context.
 */
#ifndef SHIM_GCLOG_H
#define SHIM_GCLOG_H

/**
 * gclog - write a line
 * @fmt: as printf(), %s, %d, %u, %zu, %lu and %p only; no newline
 *
 * Allocates nothing and takes no lock.
 */
void gclog(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * gclog_die - write a line and abort
 * @fmt: as gclog()
 */
void gclog_die(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif /* SHIM_GCLOG_H */
