// SPDX-License-Identifier: GPL-2.0-only
/*
 * central: batches of several classes, memory that runs out, and meshing.  Each
 * object holds its own address, which nobody else may write to.
 */
#include <errno.h>
#include <string.h>

#include "span/central.h"
#include "span/central_compound.h"
#include "span/central_mesh.h"
#include "fake_pageheap.h"
#include "input.h"
#include "base/pagemap.h"
#include "base/sizeclass.h"

#define CLASSES	6
#define KEEP	1000

/* Objects that were ever had from holes of other classes. */
static uint64_t compounds(void)
{
	struct central_compound_stat st;

	central_compound_get_stat(&st);
	return st.objects;
}

static void *objs[CLASSES][KEEP];
static unsigned int have[CLASSES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int classes[CLASSES] = {
		1, 4, 16, 34, 40, SIZECLASS_COUNT
	};
	struct input in = { data, size };
	static unsigned int inputs;
	unsigned int c, i, n, got;
	uint64_t before;

	fake_pageheap.shorter = 3;
	if (!inputs)
		FUZZ_CHECK(!central_mesh_enable(CENTRAL_MESH_PAID));
	while (in.left) {
		unsigned int op = input_byte(&in);

		c = op % CLASSES;
		n = input_byte(&in) % 32 + 1;
		if (op >= 250) {
			fake_pageheap.fail_after = op - 250;
		} else if (op >= 246) {
			/* n says what is refused */
			fake_pageheap.mesh_fail = n % 4;
			fake_pageheap.mesh_errno = n & 16 ? -EBUSY : -ENOMEM;
			fake_pageheap.unmesh_fail = n & 8;
			central_mesh_all();
		} else if (op < 128) {
			if (have[c] + n > KEEP)
				continue;
			before = compounds();
			got = central_get(classes[c], objs[c] + have[c], n);
			FUZZ_CHECK(got <= n);
			/* holes may have fewer */
			FUZZ_CHECK(got == n || !fake_pageheap.fail_after ||
				   (got && compounds() > before));
			for (i = 0; i < got; i++)
				*(void **)objs[c][have[c] + i] =
					objs[c][have[c] + i];
			have[c] += got;
			fake_pageheap.fail_after = -1;
		} else {
			/* free at random, so that spans drain unevenly */
			for (i = 0; i < n && have[c]; i++) {
				unsigned int k = input_byte(&in) % have[c];

				FUZZ_CHECK(*(void **)objs[c][k] == objs[c][k]);
				central_put(classes[c], &objs[c][k], 1);
				objs[c][k] = objs[c][--have[c]];
			}
		}
	}
	fake_pageheap.fail_after = -1;
	fake_pageheap.unmesh_fail = 0;
	inputs++;
	for (c = 0; c < CLASSES; c++) {
		FUZZ_CHECK(inputs % VALID_EACH ||
			   central_is_valid(classes[c]));
		for (i = 0; i < have[c]; i++)
			FUZZ_CHECK(*(void **)objs[c][i] == objs[c][i]);
		central_put(classes[c], objs[c], have[c]);
		have[c] = 0;
	}
	/* aliases that could not leave when they were to */
	central_mesh_all();
	FUZZ_CHECK(!fake_pageheap.meshed);
	FUZZ_CHECK(!fake_pageheap.spans && !fake_pageheap.bad);
	return 0;
}
