// SPDX-License-Identifier: GPL-2.0-only
/*
 * profile_proto: a profile as profile.proto, what pprof of Go reads.
 *
 * A message is fields, each a key (number and kind) and a value; here only
 * varints and lengths of bytes occur.  Locations have names, so that it can be
 * read where the programs are not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

/* Field numbers of profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1, PROFILE_SAMPLE = 2, PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5, PROFILE_STRINGS = 6, PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	TYPE_TYPE = 1, TYPE_UNIT = 2,
	SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2,
	LOCATION_ID = 1, LOCATION_ADDRESS = 3, LOCATION_LINE = 4,
	LINE_FUNCTION = 1,
	FUNCTION_ID = 1, FUNCTION_NAME = 2,
};

/* Strings every profile has; 0 must be "". */
static const char *const fixed[] = {
	"", "objects", "count", "space", "bytes",
};

#define NR_FIXED	(sizeof(fixed) / sizeof(fixed[0]))

struct message {
	unsigned char *data;
	size_t len, room;
	bool failed;
};

static void put_byte(struct message *m, unsigned char byte)
{
	if (m->len == m->room) {
		size_t want = m->room ? 2 * m->room : 256;
		unsigned char *data = realloc(m->data, want);

		if (!data) {
			m->failed = true;
			return;
		}
		m->data = data;
		m->room = want;
	}
	m->data[m->len++] = byte;
}

static void put_varint(struct message *m, uint64_t value)
{
	while (value >= 0x80) {
		put_byte(m, (unsigned char)(value | 0x80));
		value >>= 7;
	}
	put_byte(m, (unsigned char)value);
}

static void put_number(struct message *m, int field, uint64_t value)
{
	put_varint(m, (uint64_t)field << 3);
	put_varint(m, value);
}

static void put_bytes(struct message *m, int field, const void *data,
		      size_t len)
{
	size_t i;

	put_varint(m, (uint64_t)field << 3 | 2);
	put_varint(m, len);
	for (i = 0; i < len; i++)
		put_byte(m, ((const unsigned char *)data)[i]);
}

/* Put a message into another and make it empty again. */
static void put_message(struct message *m, int field, struct message *inner)
{
	put_bytes(m, field, inner->data, inner->len);
	m->failed |= inner->failed;
	inner->len = 0;
}

static void put_type(struct message *m, int field, uint64_t type,
		     uint64_t unit)
{
	struct message inner = { 0 };

	put_number(&inner, TYPE_TYPE, type);
	put_number(&inner, TYPE_UNIT, unit);
	put_message(m, field, &inner);
	free(inner.data);
}

/* Every address, once, in order: its index and 1 is its location's id. */
static int by_value(const void *a, const void *b)
{
	const uintptr_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static size_t addresses_collect(const struct profile *p, uintptr_t **list)
{
	size_t n = 0, kept = 0, i;
	unsigned int k;

	*list = malloc((p->n * PROF_FRAMES + 1) * sizeof(**list));
	if (!*list)
		return 0;
	for (i = 0; i < p->n; i++)
		for (k = 0; k < p->line[i].record->nframes; k++)
			(*list)[n++] = (uintptr_t)p->line[i].record->frame[k];
	qsort(*list, n, sizeof(**list), by_value);
	for (i = 0; i < n; i++)
		if (!kept || (*list)[kept - 1] != (*list)[i])
			(*list)[kept++] = (*list)[i];
	return kept;
}

static void samples_put(struct message *m, struct profile *p,
			const uintptr_t *list, size_t n)
{
	struct message inner = { 0 };
	size_t i;

	for (i = 0; i < p->n; i++) {
		const struct prof_stack *s = p->line[i].record;
		unsigned int k = stacks_own(&p->stacks, s->frame, s->nframes);

		for (; k < s->nframes; k++) {
			uintptr_t addr = (uintptr_t)s->frame[k];
			const uintptr_t *at = bsearch(&addr, list, n,
						      sizeof(addr), by_value);

			put_number(&inner, SAMPLE_LOCATION,
				   (uint64_t)(at - list) + 1);
		}
		put_number(&inner, SAMPLE_VALUE,
			   (uint64_t)(int64_t)p->line[i].objects);
		put_number(&inner, SAMPLE_VALUE,
			   (uint64_t)(int64_t)p->line[i].bytes);
		put_message(m, PROFILE_SAMPLE, &inner);
	}
	free(inner.data);
}

/* A location and a function for each address; its name is a string. */
static void locations_put(struct message *m, const uintptr_t *list, size_t n)
{
	struct message inner = { 0 }, line = { 0 };
	size_t i;

	for (i = 0; i < n; i++) {
		put_number(&line, LINE_FUNCTION, i + 1);
		put_number(&inner, LOCATION_ID, i + 1);
		put_number(&inner, LOCATION_ADDRESS, list[i]);
		put_message(&inner, LOCATION_LINE, &line);
		put_message(m, PROFILE_LOCATION, &inner);
		put_number(&inner, FUNCTION_ID, i + 1);
		put_number(&inner, FUNCTION_NAME, NR_FIXED + i);
		put_message(m, PROFILE_FUNCTION, &inner);
	}
	free(inner.data);
	free(line.data);
}

int profile_proto(struct profile *p, FILE *f)
{
	struct message m = { 0 };
	uintptr_t *list;
	size_t n, i;
	int err = 0;

	n = addresses_collect(p, &list);
	if (!list)
		return -ENOMEM;
	put_type(&m, PROFILE_SAMPLE_TYPE, 1, 2);	/* objects, count */
	put_type(&m, PROFILE_SAMPLE_TYPE, 3, 4);	/* space, bytes */
	samples_put(&m, p, list, n);
	locations_put(&m, list, n);
	for (i = 0; i < NR_FIXED; i++)
		put_bytes(&m, PROFILE_STRINGS, fixed[i], strlen(fixed[i]));
	for (i = 0; i < n; i++) {
		const char *name = stacks_name(&p->stacks,
					       (const void *)list[i]);

		put_bytes(&m, PROFILE_STRINGS, name, strlen(name));
	}
	put_type(&m, PROFILE_PERIOD_TYPE, 3, 4);
	put_number(&m, PROFILE_PERIOD, p->prof->rate);
	if (m.failed)
		err = -ENOMEM;
	else if (fwrite(m.data, 1, m.len, f) != m.len || fflush(f))
		err = -errno;
	free(m.data);
	free(list);
	return err;
}
