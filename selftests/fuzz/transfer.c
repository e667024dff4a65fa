// SPDX-License-Identifier: GPL-2.0-only
/* transfer: batches in and out, plundered, flushed, limited. */
#include "fake_central.h"
#include "input.h"
#include "base/sizeclass.h"
#include "cache/transfer.h"

#define KEEP	2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int cls = input_byte(&in) % SIZECLASS_COUNT + 1;
	unsigned int batch = sizeclass_info[cls].batch;
	static void *objs[KEEP];
	unsigned int have = 0, ops = 0;
	struct transfer_stat st;

	transfer_set_limit(SIZE_MAX);
	while (in.left) {
		unsigned int op = input_byte(&in);
		unsigned int n = input_byte(&in) % batch + 1;

		if (op < 110) {
			if (have + n <= KEEP)
				have += transfer_get(cls, objs + have, n);
		} else if (op < 220) {
			n = n < have ? n : have;
			have -= n;
			if (n)
				transfer_put(cls, objs + have, n);
		} else if (op < 240) {
			transfer_plunder();
		} else if (op < 250) {
			transfer_flush();
		} else {
			transfer_set_limit((size_t)n << 12);
		}
		transfer_get_stat(cls, &st);
		FUZZ_CHECK(fake_central.out == (long)(have + st.objs));
		FUZZ_CHECK(++ops % VALID_EACH || transfer_is_valid(cls));
	}
	FUZZ_CHECK(transfer_is_valid(cls));
	if (have)
		transfer_put(cls, objs, have);
	transfer_flush();
	FUZZ_CHECK(!fake_central.out && !fake_central.bad);
	return 0;
}
