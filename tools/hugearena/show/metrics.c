// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics: families and samples, in either dialect of Prometheus's text.
 *
 * The two differ in the name of a counter in its TYPE line, in UNIT, and in
 * the last line; samples are the same.  Called by the other files of the noun.
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "metrics.h"

static const char *const types[] = {
	[METRICS_GAUGE] = "gauge",
	[METRICS_COUNTER] = "counter",
	[METRICS_HISTOGRAM] = "histogram",
};

void metrics_family(struct metrics *m, const char *name,
		    enum metrics_type type, const char *unit,
		    const char *help)
{
	const char *total = type == METRICS_COUNTER && !m->open ? "_total" : "";

	fprintf(m->f, "# HELP %s%s %s\n", name, total, help);
	fprintf(m->f, "# TYPE %s%s %s\n", name, total, types[type]);
	if (m->open && unit)
		fprintf(m->f, "# UNIT %s %s\n", name, unit);
}

static void label_value(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\\' || c == '"')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c < ' ' || c >= 0x7f)	/* a name need not be UTF-8 */
			fputc('?', f);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

void metrics_sample(struct metrics *m, const char *name, double value, ...)
{
	const char *label;
	char before = '{';
	va_list ap;

	fputs(name, m->f);
	va_start(ap, value);
	while ((label = va_arg(ap, const char *))) {
		fprintf(m->f, "%c%s=", before, label);
		label_value(m->f, va_arg(ap, const char *));
		before = ',';
	}
	va_end(ap);
	if (before == ',')
		fputc('}', m->f);
	if (value == floor(value) && fabs(value) < 9e15)
		fprintf(m->f, " %.0f\n", value);
	else
		fprintf(m->f, " %.9g\n", value);
}

void metrics_end(struct metrics *m)
{
	if (m->open)
		fputs("# EOF\n", m->f);
}
