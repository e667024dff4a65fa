// SPDX-License-Identifier: GPL-2.0-only
/*
 * vec: slices of elements of any size, and windows onto them, against arrays of
 * fixed length.
 */
#include <string.h>

#include "input.h"
#include "shim_vec.h"

#define BYTES	((size_t)1 << 16)
#define SLICES	4

/* As SHIM_SLICE() makes them, but with the element's size as a number. */
struct slice {
	char *p;
	size_t len;
	size_t cap;
};

static struct slice s[SLICES];
static uint8_t model[SLICES][BYTES];
static size_t elem;
static uint8_t next;

static void check(unsigned int i)
{
	FUZZ_CHECK(!s[i].cap || s[i].len <= s[i].cap);
	FUZZ_CHECK(!s[i].len || !memcmp(s[i].p, model[i], s[i].len * elem));
}

static void extend(unsigned int i, unsigned int n)
{
	uint8_t from[256 * 4];
	size_t k, had = s[i].cap;

	if (n * elem > sizeof(from))
		n = (unsigned int)(sizeof(from) / elem);
	if ((s[i].len + n) * elem > BYTES)
		return;
	for (k = 0; k < n * elem; k++)
		from[k] = next++;
	memcpy(model[i] + s[i].len * elem, from, n * elem);
	FUZZ_CHECK(!shim_vec_extend(&s[i], elem, from, n));
	/* at most twice as much, and what malloc() rounds up */
	FUZZ_CHECK(s[i].cap == had || !n || s[i].cap * elem <=
		   shim_good_size((2 * s[i].len + (s[i].len == n)) * elem));
}

/* Append a part of the vector to itself. */
static void repeat(unsigned int i, size_t at, size_t n)
{
	at = s[i].len ? at % s[i].len : 0;
	if (n > s[i].len - at)
		n = s[i].len - at;
	if ((s[i].len + n) * elem > BYTES)
		return;
	memcpy(model[i] + s[i].len * elem, model[i] + at * elem, n * elem);
	FUZZ_CHECK(!shim_vec_extend(&s[i], elem, s[i].p ? s[i].p + at * elem :
				    NULL, n));
}

static void drop(unsigned int i)
{
	shim_vec_free(&s[i]);
	FUZZ_CHECK(!s[i].p && !s[i].len && !s[i].cap);
}

/* Make @i a copy of a part of @of, by extending a window. */
static void window(unsigned int i, unsigned int of, size_t lo, size_t n)
{
	uint8_t one[256];
	size_t len = s[of].len;

	if (i == of || elem > sizeof(one))
		return;
	drop(i);
	lo = len ? lo % len : 0;
	if (n > len - lo)
		n = len - lo;
	if ((n + 1) * elem > BYTES)
		return;
	s[i].p = s[of].p ? s[of].p + lo * elem : NULL;
	s[i].len = n;
	memset(one, next, elem);
	memcpy(model[i], model[of] + lo * elem, n * elem);
	memset(model[i] + n * elem, next++, elem);
	FUZZ_CHECK(!shim_vec_extend(&s[i], elem, one, 1));
	FUZZ_CHECK(s[i].cap && s[i].p != s[of].p);
	check(of);
}

static void step(struct input *in)
{
	unsigned int op = input_byte(in), i = input_byte(in) % SLICES;
	unsigned int n = input_byte(in);
	size_t cap = s[i].cap;

	if (op < 140) {
		extend(i, op < 100 ? 1 : n);
	} else if (op < 170) {
		repeat(i, n, input_byte(in));
	} else if (op < 190) {
		FUZZ_CHECK(!shim_vec_reserve_exactly(&s[i], elem, n));
		FUZZ_CHECK(s[i].cap >= n && s[i].cap >= cap);
	} else if (op < 210) {
		FUZZ_CHECK(!shim_vec_fit(&s[i], elem));
		FUZZ_CHECK(s[i].cap * elem <= shim_good_size(s[i].len * elem));
	} else if (op < 235) {
		s[i].len = s[i].len ? n % s[i].len : 0;
	} else if (op < 248) {
		window(i, n % SLICES, input_byte(in), input_byte(in));
	} else {
		drop(i);
	}
	check(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int i;

	elem = (size_t)input_byte(&in) + 1;
	next = 1;
	while (in.left)
		step(&in);
	for (i = 0; i < SLICES; i++)
		drop(i);
	return 0;
}
