// SPDX-License-Identifier: GPL-2.0-only
/*
 * shim_prof_text: a heap profile from a file.
 *
 *	heap profile: 3: 96 [9: 288] @ heap_v2/524288
 *	2: 64 [5: 160] @ 0x55d0c0f0 0x55d0c100
 *	MAPPED_LIBRARIES:
 *	55d0c000-55d0d000 r-xp 00000000 08:01 99 /usr/bin/program
 *
 * Of each stack "objects: bytes [objects: bytes]", in use and ever, as sampled.
 * Called by cmd_profile.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim_prof.h"

#define COUNTS	"%" SCNu64 ": %" SCNu64 " [%" SCNu64 ": %" SCNu64 "] @ %n"

/* A stack's line; false if it is none. */
static bool record_parse(const char *line, struct prof_stack *s)
{
	char *end;
	int at = 0;

	memset(s, 0, sizeof(*s));
	if (sscanf(line, " " COUNTS, &s->live.objects, &s->live.bytes,
		   &s->total.objects, &s->total.bytes, &at) != 4 || !at)
		return false;
	for (line += at; s->nframes < PROF_FRAMES; line = end) {
		uint64_t addr = strtoull(line, &end, 16);

		if (end == line)
			break;
		s->frame[s->nframes++] = (void *)(uintptr_t)addr;
	}
	return true;
}

static int record_add(struct prof *prof, size_t *room,
		      const struct prof_stack *s)
{
	struct prof_stack *more;

	if (prof->n == *room) {
		*room = *room ? 2 * *room : 256;
		more = realloc(prof->stack, *room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		prof->stack = more;
	}
	prof->stack[prof->n++] = *s;
	prof->samples += s->total.objects;
	return 0;
}

/* The rest of a file. */
static int rest_read(FILE *f, char **text, size_t *len)
{
	size_t room = 65536;
	char *more;

	*len = 0;
	*text = malloc(room);
	while (*text) {
		*len += fread(*text + *len, 1, room - *len, f);
		if (*len < room)
			return ferror(f) ? -EIO : 0;
		room *= 2;
		more = realloc(*text, room);
		if (!more)
			free(*text);
		*text = more;
	}
	return -ENOMEM;
}

int prof_load(FILE *f, struct prof *prof, char **maps, size_t *len)
{
	char *line = NULL;
	size_t size = 0, room = 0;
	bool begun = false;
	int err = 0, at = 0;

	memset(prof, 0, sizeof(*prof));
	*maps = NULL;
	while (!err && getline(&line, &size, f) > 0) {
		struct prof_stack s;

		if (!begun) {
			if (sscanf(line, "heap profile: %*u: %*u [ %*u: %*u] "
				   "@ heap_v2/%" SCNu64 "%n", &prof->rate,
				   &at) != 1 || !at)
				err = -EINVAL;
			begun = true;
		} else if (!strncmp(line, "MAPPED_LIBRARIES:", 17)) {
			err = rest_read(f, maps, len);
			break;
		} else if (record_parse(line, &s)) {
			err = record_add(prof, &room, &s);
		}
	}
	free(line);
	if (!err && !*maps)
		err = -EINVAL;
	if (err) {
		free(*maps);
		*maps = NULL;
		prof_free(prof);
	}
	return err;
}
