// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: the list of findings.
 */
#include <stdarg.h>
#include <stdio.h>

#include "doctor.h"

void doctor_add(struct doctor *d, enum doctor_level level, const char *id,
		const char *fix, const char *fmt, ...)
{
	struct finding *f;
	va_list ap;

	if (d->n == DOCTOR_MAX)
		return;
	f = &d->v[d->n++];
	f->level = level;
	f->id = id;
	snprintf(f->fix, sizeof(f->fix), "%s", fix ? fix : "");
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}
