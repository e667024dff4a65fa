// SPDX-License-Identifier: GPL-2.0-only
/*
 * profile_proto: a profile as profile.proto, what pprof of Go reads.
 *
 * A message is fields, each a key (number and kind) and a value; here only
 * varints and lengths of bytes occur.  Locations have names, files and lines, so
 * that it can be read where the programs are not, and mappings with build ids, so
 * that a store of symbols finds the rest.  The whole is compressed, as Go does.
 *
 * By choice its values are those of Go's heap profile, by their names, so that
 * what scrapes Go's programs takes it for one.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "profile.h"

/* Field numbers of profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1, PROFILE_SAMPLE = 2, PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4, PROFILE_FUNCTION = 5, PROFILE_STRINGS = 6,
	PROFILE_TIME_NS = 9, PROFILE_DURATION_NS = 10,
	PROFILE_PERIOD_TYPE = 11, PROFILE_PERIOD = 12,
	PROFILE_DEFAULT_TYPE = 14,
	TYPE_TYPE = 1, TYPE_UNIT = 2,
	SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2,
	MAPPING_ID = 1, MAPPING_START = 2, MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4, MAPPING_FILE = 5, MAPPING_BUILD_ID = 6,
	MAPPING_HAS_FUNCTIONS = 7,
	LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3,
	LOCATION_LINE = 4,
	LINE_FUNCTION = 1, LINE_LINE = 2,
	FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_FILE = 4,
};

/* Strings every profile has; 0 must be "". */
static const char *const fixed[] = {
	"", "objects", "count", "space", "bytes",
	"alloc_objects", "alloc_space", "inuse_objects", "inuse_space",
};

#define NR_FIXED	(sizeof(fixed) / sizeof(fixed[0]))

struct message {
	unsigned char *data;
	size_t len, room;
	bool failed;
};

/**
 * struct proto - a profile that is being written
 * @m: the profile's message so far
 * @strings: those behind the fixed ones
 * @nr: how many strings there are in all
 * @functions: how many functions there are
 */
struct proto {
	struct message m, strings;
	uint64_t nr, functions;
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

static void put_value(struct message *m, double value)
{
	put_number(m, SAMPLE_VALUE, (uint64_t)llround(value));
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
		if (p->go) {
			put_value(&inner, p->line[i].ever_objects);
			put_value(&inner, p->line[i].ever_bytes);
		}
		put_value(&inner, p->line[i].objects);
		put_value(&inner, p->line[i].bytes);
		put_message(m, PROFILE_SAMPLE, &inner);
	}
	free(inner.data);
}

/* The number of a string, put behind the others. */
static uint64_t put_string(struct proto *o, const char *text)
{
	put_bytes(&o->strings, PROFILE_STRINGS, text, strlen(text));
	return o->nr++;
}

/* The number of the mapping that an address is in, from 1; 0 for none. */
static uint64_t mapping_of(const struct stacks *st, uintptr_t addr)
{
	size_t i;

	for (i = 0; i < st->maps.n; i++)
		if (addr >= st->maps.v[i].start && addr < st->maps.v[i].end)
			return i + 1;
	return 0;
}

/* Of mappings that an address is in. */
static void mappings_put(struct proto *o, const struct stacks *st,
			 const uintptr_t *list, size_t n)
{
	struct message inner = { 0 };
	const unsigned char *bits;
	char hex[2 * 64 + 1];
	uint64_t last = 0, id;
	Dwfl_Module *mod;
	GElf_Addr addr;
	int len, k;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct map *m;

		id = mapping_of(st, list[i] - 1);
		if (!id || id == last)
			continue;
		last = id;
		m = &st->maps.v[id - 1];
		mod = dwfl_addrmodule(st->dwfl, m->start);
		len = mod ? dwfl_module_build_id(mod, &bits, &addr) : 0;
		hex[0] = '\0';
		for (k = 0; k < len && k < 64; k++)
			sprintf(hex + 2 * k, "%02x", bits[k]);
		put_number(&inner, MAPPING_ID, id);
		put_number(&inner, MAPPING_START, m->start);
		put_number(&inner, MAPPING_LIMIT, m->end);
		put_number(&inner, MAPPING_OFFSET, m->offset);
		put_number(&inner, MAPPING_FILE, put_string(o, m->name));
		put_number(&inner, MAPPING_BUILD_ID, put_string(o, hex));
		put_number(&inner, MAPPING_HAS_FUNCTIONS, 1);
		put_message(&o->m, PROFILE_MAPPING, &inner);
	}
	free(inner.data);
}

/* One function, and a line of a location that is in it. */
static void function_put(struct proto *o, const struct source *src,
			 struct message *location)
{
	struct message inner = { 0 }, line = { 0 };

	put_number(&inner, FUNCTION_ID, ++o->functions);
	put_number(&inner, FUNCTION_NAME, put_string(o, src->function));
	if (src->file)
		put_number(&inner, FUNCTION_FILE, put_string(o, src->file));
	put_message(&o->m, PROFILE_FUNCTION, &inner);
	put_number(&line, LINE_FUNCTION, o->functions);
	if (src->file)
		put_number(&line, LINE_LINE, (uint64_t)src->line);
	put_message(location, LOCATION_LINE, &line);
	free(inner.data);
	free(line.data);
}

/* A location for each address, with what was inlined there. */
static void locations_put(struct proto *o, struct stacks *st,
			  const uintptr_t *list, size_t n)
{
	struct source src[STACKS_INLINED];
	struct message inner = { 0 };
	unsigned int nr, k;
	size_t i;

	for (i = 0; i < n; i++) {
		put_number(&inner, LOCATION_ID, i + 1);
		put_number(&inner, LOCATION_MAPPING,
			   mapping_of(st, list[i] - 1));
		put_number(&inner, LOCATION_ADDRESS, list[i]);
		nr = stacks_source(st, (const void *)list[i], src);
		for (k = 0; k < nr; k++)
			function_put(o, &src[k], &inner);
		put_message(&o->m, PROFILE_LOCATION, &inner);
	}
	free(inner.data);
}

/* Compressed by gzip's format, to a file. */
static int gzip_write(const struct message *m, FILE *f)
{
	z_stream z = { .next_in = m->data, .avail_in = (uInt)m->len };
	unsigned char buf[16384];
	int err = 0, ret;
	size_t len;

	/* 16 more than the window's bits ask for gzip's header */
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16,
			 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		ret = deflate(&z, Z_FINISH);
		len = sizeof(buf) - z.avail_out;
		if (fwrite(buf, 1, len, f) != len)
			err = -errno;
	} while (ret == Z_OK && !err);
	deflateEnd(&z);
	return err ? err : fflush(f) ? -errno : 0;
}

/* What the values of a sample are, in their order. */
static void types_put(struct message *m, const struct profile *p)
{
	if (!p->go) {
		put_type(m, PROFILE_SAMPLE_TYPE, 1, 2);	/* objects, count */
		put_type(m, PROFILE_SAMPLE_TYPE, 3, 4);	/* space, bytes */
		return;
	}
	put_type(m, PROFILE_SAMPLE_TYPE, 5, 2);	/* alloc_objects, count */
	put_type(m, PROFILE_SAMPLE_TYPE, 6, 4);	/* alloc_space, bytes */
	put_type(m, PROFILE_SAMPLE_TYPE, 7, 2);	/* inuse_objects, count */
	put_type(m, PROFILE_SAMPLE_TYPE, 8, 4);	/* inuse_space, bytes */
	put_number(m, PROFILE_DEFAULT_TYPE, 8);
}

/* When it was taken, and what of. */
static void time_put(struct message *m, const struct profile *p)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	put_number(m, PROFILE_TIME_NS, (uint64_t)now.tv_sec * 1000000000 +
		   (uint64_t)now.tv_nsec);
	if (p->seconds)
		put_number(m, PROFILE_DURATION_NS,
			   (uint64_t)p->seconds * 1000000000);
}

int profile_proto(struct profile *p, FILE *f)
{
	struct proto o = { .nr = NR_FIXED };
	struct message *m = &o.m;
	uintptr_t *list;
	size_t n, i;
	int err;

	n = addresses_collect(p, &list);
	if (!list)
		return -ENOMEM;
	types_put(m, p);
	time_put(m, p);
	samples_put(m, p, list, n);
	mappings_put(&o, &p->stacks, list, n);
	locations_put(&o, &p->stacks, list, n);
	for (i = 0; i < NR_FIXED; i++)
		put_bytes(m, PROFILE_STRINGS, fixed[i], strlen(fixed[i]));
	/* their fields are whole: they only have to come behind the fixed ones */
	for (i = 0; i < o.strings.len; i++)
		put_byte(m, o.strings.data[i]);
	put_type(m, PROFILE_PERIOD_TYPE, 3, 4);
	put_number(m, PROFILE_PERIOD, p->prof->rate);
	err = m->failed || o.strings.failed ? -ENOMEM : gzip_write(m, f);
	free(m->data);
	free(o.strings.data);
	free(list);
	return err;
}
