// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry: the whole library, by the malloc family.  Every object is filled with a
 * pattern of its own and must still have it when it goes.
 */
#include <malloc.h>
#include <string.h>

#include "input.h"

#define SLOTS	64

struct object {
	unsigned char *p;
	size_t size;
	unsigned char mark;
};

static void object_check(const struct object *o, size_t size)
{
	size_t i, step = size / 64 + 1;

	for (i = 0; i < size; i += step)
		FUZZ_CHECK(o->p[i] == o->mark);
	if (size)
		FUZZ_CHECK(o->p[size - 1] == o->mark);
}

static void object_fill(struct object *o, unsigned int mark)
{
	FUZZ_CHECK(o->p);
	FUZZ_CHECK((uintptr_t)o->p % 16 == 0);
	FUZZ_CHECK(malloc_usable_size(o->p) >= o->size);
	o->mark = (unsigned char)mark;
	memset(o->p, o->mark, o->size);
}

/* Mostly small, as in programs, up to 4 MiB. */
static size_t size_of(struct input *in)
{
	size_t n = input_word(in);

	switch (input_byte(in) % 8) {
	case 0 ... 4:
		return n % 1100;
	case 5 ... 6:
		return n;
	default:
		return n << 6;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
