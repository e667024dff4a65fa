// SPDX-License-Identifier: GPL-2.0-only
/* central: batches of several classes, and memory that runs out. */
#include <string.h>

#include "span/central.h"
#include "fake_pageheap.h"
#include "input.h"
#include "base/pagemap.h"
#include "base/sizeclass.h"

#define CLASSES	4
#define KEEP	1000

static void *objs[CLASSES][KEEP];
static unsigned int have[CLASSES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int classes[CLASSES] = {
		1, 16, 40, SIZECLASS_COUNT
	};
	struct input in = { data, size };
	static unsigned int inputs;
	unsigned int c, i, n, got;

	while (in.left) {
		unsigned int op = input_byte(&in);

		c = op % CLASSES;
		n = input_byte(&in) % 32 + 1;
		if (op >= 250) {
			fake_pageheap.fail_after = op - 250;
		} else if (op < 128) {
			if (have[c] + n > KEEP)
				continue;
			got = central_get(classes[c], objs[c] + have[c], n);
			FUZZ_CHECK(got <= n);
			FUZZ_CHECK(got == n || !fake_pageheap.fail_after);
			have[c] += got;
			fake_pageheap.fail_after = -1;
		} else {
			/* free at random, so that spans drain unevenly */
			for (i = 0; i < n && have[c]; i++) {
				unsigned int k = input_byte(&in) % have[c];

				central_put(classes[c], &objs[c][k], 1);
				objs[c][k] = objs[c][--have[c]];
			}
		}
	}
	fake_pageheap.fail_after = -1;
	inputs++;
	for (c = 0; c < CLASSES; c++) {
		FUZZ_CHECK(inputs % VALID_EACH ||
			   central_is_valid(classes[c]));
		central_put(classes[c], objs[c], have[c]);
		have[c] = 0;
	}
	FUZZ_CHECK(!fake_pageheap.spans && !fake_pageheap.bad);
	return 0;
}
