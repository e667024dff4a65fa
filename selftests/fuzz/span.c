// SPDX-License-Identifier: GPL-2.0-only
/* span: objects taken and put, good and bad pointers, against a bit map. */
#include <string.h>

#include "fake_pageheap.h"
#include "input.h"
#include "base/sizeclass.h"
#include "span/span.h"

/* One object. */
static enum span_error put(struct span *s, void *p)
{
	enum span_error err;

	span_put(s, &p, 1, &err);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int cls = input_byte(&in) % SIZECLASS_COUNT + 1;
	unsigned int live = 0, ops = 0, i, n;
	bool taken[512] = { false };
	void *objs[32];
	struct span *s;
	size_t each;

	fake_pageheap.shorter = input_byte(&in) & 1;
	s = span_make(cls);
	each = span_size(s);
	while (in.left) {
		unsigned int op = input_byte(&in);

		if (op < 100) {
			n = span_take(s, objs, op % 32 + 1);
			FUZZ_CHECK(n == op % 32 + 1 || live + n == s->nobjs);
			live += n;
			for (i = 0; i < n; i++) {
				size_t off = (uintptr_t)objs[i] - s->start;

				FUZZ_CHECK(off % each == 0);
				FUZZ_CHECK(!taken[off / each]);
				taken[off / each] = true;
			}
		} else {
			size_t off = input_word(&in) %
				     (s->npages * PAGE_SIZE + 100);
			size_t idx = off / each;
			enum span_error err;

			if (op < 230)
				off = idx * each;
			err = put(s, (void *)(s->start + off));
			if (off >= s->npages * PAGE_SIZE)
				FUZZ_CHECK(err == SPAN_FOREIGN);
			else if (idx >= s->nobjs || off % each)
				FUZZ_CHECK(err == SPAN_INTERIOR);
			else
				FUZZ_CHECK(err == (taken[idx] ? SPAN_OK :
							       SPAN_DOUBLE));
			if (err == SPAN_OK) {
				taken[idx] = false;
				live--;
			}
		}
		FUZZ_CHECK(s->nfree == s->nobjs - live);
		FUZZ_CHECK(++ops % VALID_EACH || span_is_valid(s));
	}
	FUZZ_CHECK(span_is_valid(s));
	for (i = 0; i < s->nobjs; i++)
		if (taken[i])
			put(s, (void *)(s->start + i * each));
	span_destroy(s);
	FUZZ_CHECK(!fake_pageheap.spans && !fake_pageheap.bad);
	return 0;
}
