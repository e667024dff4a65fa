/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finding: the verdicts of a whole build, from the files that shimcc --shim-json
 * has written, each once, however many units have it.
 */
#ifndef MERGE_FINDING_H
#define MERGE_FINDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct finding {
	json_t *json;		/* as it was read */
	const char *file, *kind, *rule, *function, *text;
	long line, column;
	bool escapes;
	unsigned int units;	/* that have it: a header's is in several */
	double bytes;		/* of the profile, that its function allocated */
};

struct findings {
	struct finding *f;
	size_t n, room;
};

/**
 * findings_read - add a file of JSON, an object a line
 * @all: what there is already
 * @path: the file, or "-" for standard input
 *
 * Return: 0, or -1 with a message on standard error.
 */
int findings_read(struct findings *all, const char *path);

/* Put what is the same together, and sort by place. */
void findings_merge(struct findings *all);

/**
 * findings_weigh - give each object the bytes of a heap profile
 * @all: the findings
 * @path: of what "hugearena profile --json" has written
 *
 * The bytes of a stack count for the innermost function in it that makes an object,
 * and there for each object.  Sorts by bytes, most first.
 *
 * Return: 0, or -1 with a message on standard error.
 */
int findings_weigh(struct findings *all, const char *path);

void findings_free(struct findings *all);

/**
 * sarif_write - write SARIF 2.1.0, which code hosts and editors show
 * @all: the findings
 *
 * To standard output.  Return: 0, or -1.
 */
int sarif_write(const struct findings *all);

#endif /* MERGE_FINDING_H */
