/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * input: a fuzzer's bytes as numbers; zeroes when they run out.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct input {
	const uint8_t *p;
	size_t left;
};

static inline unsigned int input_byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static inline unsigned int input_word(struct input *in)
{
	unsigned int low = input_byte(in);

	return low | input_byte(in) << 8;
}

/* The model and the library disagree: stop here, so that the input is kept. */
#define FUZZ_CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		abort();						\
	}								\
} while (0)

/* Invariants are checked after this many operations, and at the end. */
#define VALID_EACH	16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
