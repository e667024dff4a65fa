// SPDX-License-Identifier: GPL-2.0-only
/* slab: stacks that are resized beside each other, against arrays. */
#include <string.h>

#include "input.h"
#include "cache/percpu_slab.h"

#define DEPTH	300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union {
		struct percpu_slab slab;
		char bytes[PERCPU_SLAB_BYTES];
	} u __attribute__((aligned(4096)));
	static void *model[SIZECLASS_COUNT + 1][DEPTH];
	unsigned int count[SIZECLASS_COUNT + 1] = { 0 };
	struct input in = { data, size };
	struct percpu_slab *slab = &u.slab;
	uintptr_t next = 16;
	unsigned int ops = 0;
	void *objs[64];

	memset(&u, 0, sizeof(u));
	slab_init(slab, PERCPU_SLAB_BYTES);
	while (in.left) {
		unsigned int op = input_byte(&in);
		unsigned int cls = input_byte(&in) % SIZECLASS_COUNT + 1;
		unsigned int n = input_byte(&in) % 64 + 1;
		unsigned int i;

		if (op < 60) {
			unsigned int cap = n * 4 + op % 4 - 4;

			if (slab_resize(slab, cls, cap))
				FUZZ_CHECK(slab->cap[cls] == cap &&
					   cap >= count[cls]);
			else
				FUZZ_CHECK(cap < count[cls] || slab->used +
					   cap > PERCPU_SLAB_SLOTS);
		} else if (op < 160) {
			for (i = 0; i < n; i++)
				objs[i] = (void *)(next += 16);
			n = slab_push(slab, cls, objs, n);
			FUZZ_CHECK(count[cls] + n <= slab->cap[cls]);
			memcpy(model[cls] + count[cls], objs,
			       n * sizeof(*objs));
			count[cls] += n;
		} else {
			n = slab_pop(slab, cls, objs, n);
			for (i = 0; i < n; i++)
				FUZZ_CHECK(objs[i] ==
					   model[cls][--count[cls]]);
		}
		FUZZ_CHECK(slab_count(slab, cls) == count[cls]);
		FUZZ_CHECK(++ops % VALID_EACH || slab_is_valid(slab));
	}
	FUZZ_CHECK(slab_is_valid(slab));
	return 0;
}
