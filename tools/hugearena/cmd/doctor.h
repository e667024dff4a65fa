/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * doctor: what is wrong, and the command that fixes it.
 *
 *   cmd_doctor.c      the command line, and how findings are shown
 *   doctor.c          the list of findings
 *   doctor_machine.c  the module, its device and limits, huge pages
 *   doctor_process.c  one process: is libshim its malloc, where are its blocks
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <sys/types.h>

#include "read/unit.h"

enum doctor_level {
	DOCTOR_OK,		/* as it should be */
	DOCTOR_NOTE,		/* worth knowing, nothing to fix */
	DOCTOR_BAD,		/* keeps memory from blocks */
};

/* Room for more findings than there are checks. */
#define DOCTOR_MAX	40

/**
 * struct finding - what one check says
 * @level: how bad
 * @id: one word for scripts, the same in every release
 * @text: a sentence for people
 * @fix: what mends it, "" if nothing does or need be
 */
struct finding {
	enum doctor_level level;
	const char *id;
	char text[320];
	char fix[320];
};

struct doctor {
	struct finding v[DOCTOR_MAX];
	unsigned int n;
};

/* Add a finding.  @fix may be NULL. */
void doctor_add(struct doctor *d, enum doctor_level level, const char *id,
		const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The module, its device, its limits; huge pages. */
void doctor_machine(struct doctor *d);

/**
 * doctor_process - why a process's memory is not on blocks
 * @d: findings are added here; those of the machine are there already
 * @pid: the process
 * @unit: the service it is of, or NULL
 *
 * Return: 0; -ESRCH if there is no such process; -EACCES without the right to
 * look at it.
 */
int doctor_process(struct doctor *d, pid_t pid, const struct unit *unit);

/* What a service's unit would keep from it, before it runs. */
void doctor_unit(struct doctor *d, const struct unit *unit);

#endif
