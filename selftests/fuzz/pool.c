// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool: objects got, put, and their memory given back, against a table of which are
 * out.  A free object stays constructed, and none is out twice.
 */
#include <errno.h>
#include <string.h>

#include "input.h"
#include "shim_pool.h"

#define OBJS	256
#define MARK	0x6c6f6f70u

struct thing {
	uint32_t mark;		/* by the constructor */
	uint32_t owner;		/* by its user, else 0 */
};

static long made, refused;
static unsigned int refuse_each;

static int make(void *p, void *arg)
{
	struct thing *t = p;

	FUZZ_CHECK(arg == &made);
	if (refuse_each && ++refused % refuse_each == 0) {
		errno = EAGAIN;
		return -1;
	}
	t->mark = MARK;
	t->owner = 0;
	made++;
	return 0;
}

static void undo(void *p, void *arg)
{
	struct thing *t = p;

	FUZZ_CHECK(arg == &made && t->mark == MARK);
	t->mark = 0;
	made--;
}

static void check(struct shim_pool *pool, long live)
{
	struct shim_pool_stat st;

	FUZZ_CHECK(shim_pool_is_valid(pool));
	shim_pool_get_stat(pool, &st);
	FUZZ_CHECK((long)st.live >= live && st.made >= st.live);
	FUZZ_CHECK(st.bytes >= st.made * st.size);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* small, so that slabs and magazines run full */
	return setenv("SHIM_DEBUG_REGION", "0", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct shim_pool_ops ops = { make, undo, &made };
	static struct thing *obj[OBJS];
	struct input in = { data, size };
	unsigned int each = sizeof(struct thing) + input_byte(&in) * 8;
	size_t align = (size_t)1 << input_byte(&in) % 13;
	unsigned int nr_ops = 0, i;
	struct shim_pool *pool;
	long live = 0;

	memset(obj, 0, sizeof(obj));
	refused = 0;
	refuse_each = input_byte(&in) % 16;
	if (align < 4)
		align = 0;
	pool = shim_pool_new(each, align, &ops);
	FUZZ_CHECK(pool);
	while (in.left) {
		unsigned int op = input_byte(&in);
		unsigned int n = op < 192 ? 1 : op % 24, k;

		i = input_byte(&in);
		if (op >= 250) {
			shim_pool_shrink(pool);
			continue;
		}
		/* several in a row, as in a burst */
		for (k = 0; k < n; k++, i = (i + 1) % OBJS) {
			struct thing *t = obj[i];

			if (t) {
				FUZZ_CHECK(t->mark == MARK && t->owner == i + 1);
				t->owner = 0;
				shim_pool_put(pool, t);
				obj[i] = NULL;
				live--;
				continue;
			}
			errno = 0;
			t = shim_pool_get(pool);
			FUZZ_CHECK(t || (errno == EAGAIN && refuse_each));
			if (!t)
				continue;
			FUZZ_CHECK(!align || (uintptr_t)t % align == 0);
			FUZZ_CHECK(t->mark == MARK && !t->owner);
			t->owner = i + 1;
			obj[i] = t;
			live++;
		}
		FUZZ_CHECK(made >= live);
		if (++nr_ops % VALID_EACH == 0)
			check(pool, live);
	}
	check(pool, live);
	/* objects that are out are destroyed with the pool, too */
	shim_pool_free(pool);
	FUZZ_CHECK(!made);
	return 0;
}
