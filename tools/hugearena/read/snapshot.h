/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot: the memory of a process at one moment, kept by a fork of it.
 */
#ifndef TOOLS_SNAPSHOT_H
#define TOOLS_SNAPSHOT_H

#include <sys/types.h>

#include "stop.h"

/**
 * snapshot_refused - why a process should not be made to fork
 * @pid: the process
 *
 * Asked before it is stopped.
 *
 * Return: a message, or NULL if nothing speaks against it.
 */
const char *snapshot_refused(pid_t pid);

/**
 * snapshot_take - make a process fork
 * @stop: its threads, all of which stand
 * @pid: the process
 * @copy: filled in: the fork, which stands and never runs
 *
 * The fork shares the table of open files, so that what the process closes is
 * closed; it is no child of the process, gets no signal and sends none.  Its
 * memory is shared until the process writes to it.  It dies with this command.
 * The process is as it was when this returns, whatever is returned, and still
 * stands.
 *
 * Return: 0 or a negative errno.
 */
int snapshot_take(const struct stop *stop, pid_t pid, pid_t *copy);

/* End the fork. */
void snapshot_end(pid_t copy);

#endif
