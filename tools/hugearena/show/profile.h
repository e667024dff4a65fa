/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * profile: what the files of the subcommand share.
 *
 *   cmd_profile.c     the command line, getting the samples
 *   profile.c         scaling them, and text
 *   profile_proto.c   profile.proto
 */
#ifndef TOOLS_PROFILE_H
#define TOOLS_PROFILE_H

#include "read/shim_prof.h"
#include "read/stacks.h"

enum profile_what {
	PROFILE_LIVE,		/* allocated and not freed */
	PROFILE_PEAK,		/* live when the most was */
	PROFILE_TOTAL,		/* allocated ever */
	PROFILE_GROWTH,		/* live now, less live before */
};

enum profile_format {
	PROFILE_TABLE,
	PROFILE_HEAP,
	PROFILE_PROTO,
	PROFILE_FOLDED,
};

/**
 * struct profile_line - one call stack, all sizes
 * @record: a record of it, for its frames
 * @objects: allocations they stand for
 * @bytes: bytes they stand for
 * @before: bytes of these that were there before, negative
 * @variance: of @bytes, as it is chance what became a sample
 * @ever_objects: with @go: those allocated ever, freed or not
 * @ever_bytes: the same
 */
struct profile_line {
	const struct prof_stack *record;
	double objects, bytes, before, variance;
	double ever_objects, ever_bytes;
};

/**
 * struct profile - a profile to be written
 * @what: which
 * @prof: the samples
 * @before: what is subtracted, with addresses of @stacks; empty for nothing
 * @go: profile.proto as Go's: what is in use and what was allocated ever
 * @seconds: with @go: how long a growth was watched
 * @top: lines of a table
 * @stacks: names
 * @line: by profile_make(), most bytes first
 * @n: how many
 * @objects: sum over all
 * @bytes: the same
 * @variance: the same
 */
struct profile {
	enum profile_what what;
	const struct prof *prof, *before;
	bool go;
	unsigned int seconds, top;
	struct stacks stacks;
	struct profile_line *line;
	size_t n;
	double objects, bytes, variance;
};

/* Each returns 0 or a negative errno. */
int profile_make(struct profile *p);
int profile_write(struct profile *p, enum profile_format format, FILE *f);
int profile_json(struct profile *p, FILE *f);
int profile_proto(struct profile *p, FILE *f);
void profile_free(struct profile *p);

#endif
