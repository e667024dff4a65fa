// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry: the whole library, by the malloc family.  Every object has a mark of
 * its own in its first bytes, its last ones and once every 4 KiB between them,
 * and must still have it when it is freed.
 */
#include <malloc.h>
#include <string.h>

#include "input.h"

#define SLOTS	64
#define HEAD	128u
#define STEP	4096u

struct object {
	unsigned char *p;
	size_t size;
	unsigned char mark;
};

static void object_check(const struct object *o, size_t size)
{
	size_t i;

	for (i = 0; i < size && i < HEAD; i++)
		FUZZ_CHECK(o->p[i] == o->mark);
	for (i = STEP; i < size; i += STEP)
		FUZZ_CHECK(o->p[i] == o->mark);
	if (size == o->size && size)
		FUZZ_CHECK(o->p[size - 1] == o->mark);
}

static void object_fill(struct object *o, unsigned int mark)
{
	size_t i;

	FUZZ_CHECK(o->p);
	FUZZ_CHECK((uintptr_t)o->p % 16 == 0);
	FUZZ_CHECK(malloc_usable_size(o->p) >= o->size);
	o->mark = (unsigned char)mark;
	memset(o->p, o->mark, o->size < HEAD ? o->size : HEAD);
	for (i = STEP; i < o->size; i += STEP)
		o->p[i] = o->mark;
	if (o->size)
		o->p[o->size - 1] = o->mark;
}

/* Mostly small, as in programs, up to 1 MiB. */
static size_t size_of(struct input *in)
{
	size_t n = input_word(in);

	switch (input_byte(in) % 8) {
	case 0 ... 4:
		return n % 1100;
	case 5 ... 6:
		return n;
	default:
		return n << 4;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int trims;
	struct object slot[SLOTS] = { { 0 } };
	struct input in = { data, size };
	unsigned int i, nr = 0;

	while (in.left) {
		unsigned int op = input_byte(&in);
		struct object *o = &slot[input_byte(&in) % SLOTS];
		size_t want = size_of(&in), align;

		nr++;
		if (o->p && op < 60) {
			size_t keep = o->size < want ? o->size : want;

			if (!want)
				want = 1;
			object_check(o, o->size);
			o->p = realloc(o->p, want);
			FUZZ_CHECK(o->p);
			object_check(o, keep < want ? keep : want);
			o->size = want;
			object_fill(o, nr);
			continue;
		}
		if (o->p) {
			object_check(o, o->size);
			free(o->p);
			o->p = NULL;
		}
		o->size = want;
		if (op < 120) {
			o->p = malloc(want);
		} else if (op < 160) {
			o->p = calloc(want, 1);
			o->mark = 0;
			FUZZ_CHECK(o->p);
			object_check(o, want);
		} else if (op < 200) {
			align = (size_t)16 << op % 13;
			o->p = aligned_alloc(align, want);
			FUZZ_CHECK((uintptr_t)o->p % align == 0);
		} else if (op == 255) {
			/* rare, since what follows must clear whole blocks */
			if (++trims % 64 == 0)
				malloc_trim(0);
			continue;
		} else {
			continue;
		}
		object_fill(o, nr);
	}
	for (i = 0; i < SLOTS; i++) {
		if (slot[i].p)
			object_check(&slot[i], slot[i].size);
		free(slot[i].p);
	}
	return 0;
}
