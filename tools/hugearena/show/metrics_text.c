// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics: the whole text, in memory.
 */
#include <stdlib.h>

#include "metrics.h"

char *metrics_text(bool open, unsigned int procs, size_t *len)
{
	struct metrics m = { .open = open };
	char *text = NULL;

	m.f = open_memstream(&text, len);
	if (!m.f)
		return NULL;
	metrics_module(&m);
	if (procs)
		metrics_procs(&m, procs);
	metrics_end(&m);
	if (fclose(m.f)) {
		free(text);
		return NULL;
	}
	return text;
}
