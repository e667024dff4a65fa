// SPDX-License-Identifier: GPL-2.0-only
/*
 * pageheap: spans of any size and alignment, resized, given back, trimmed, with
 * a backend that fails when the input says so, against a list.
 *
 * Each span has its number in its first and last word; where zeroes were
 * promised, these two are checked.
 */
#include <string.h>

#include "fake_backend.h"
#include "input.h"
#include "pageheap/pageheap.h"

#define SLOTS	32u

struct slot {
	struct span *s;
	uint64_t id;
};

static uint64_t *first(const struct slot *t)
{
	return (uint64_t *)t->s->start;
}

static uint64_t *last(const struct slot *t)
{
	return (uint64_t *)(t->s->start + t->s->npages * PAGE_SIZE) - 1;
}

static void publish(struct slot *t)
{
	*first(t) = t->id;
	*last(t) = ~t->id;
	pagemap_set(t->s, t->s->npages > 4 ? PAGEMAP_LARGE : 7);
}

/* @size: of objects, for which a shorter span will do; or 0 */
static void take(struct slot *t, size_t npages, size_t align, unsigned int size)
{
	size_t bytes;

	t->s = size ? pageheap_alloc_short(npages, size) :
		      pageheap_alloc(npages, align);
	FUZZ_CHECK(t->s || fake.fail_after == 0);
	if (!t->s)
		return;
	bytes = t->s->npages * PAGE_SIZE;
	FUZZ_CHECK(t->s->npages == npages ||
		   (size && t->s->npages < npages && bytes >= size &&
		    bytes % size <= bytes / 8));
	FUZZ_CHECK(t->s->state == SPAN_INUSE);
	FUZZ_CHECK(t->s->start % (align * PAGE_SIZE) == 0);
	if (t->s->flags & SPAN_ZERO)
		FUZZ_CHECK(!*first(t) && !*last(t));
	publish(t);
}

static void give(struct slot *t)
{
	FUZZ_CHECK(*first(t) == t->id && *last(t) == ~t->id);
	pagemap_clear(t->s);
	pageheap_free(t->s);
	t->s = NULL;
}

static void resize(struct slot *t, size_t npages, bool may_move)
{
	size_t old = t->s->npages;
	bool done;

	FUZZ_CHECK(*last(t) == ~t->id);
	pagemap_clear(t->s);
	done = pageheap_resize(t->s, npages);
	FUZZ_CHECK(done || npages > old);
	if (!done && may_move)
		done = pageheap_remap_grow(t->s, npages);
	FUZZ_CHECK(t->s->npages == (done ? npages : old));
	FUZZ_CHECK(*first(t) == t->id);
	if (npages > old && done && t->s->flags & SPAN_ZERO)
		FUZZ_CHECK(!*last(t));
	publish(t);
}

static void check_sums(const struct slot *slots)
{
	struct pageheap_stat st;
	size_t inuse = 0, spans = 0;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (slots[i].s) {
			inuse += slots[i].s->npages * PAGE_SIZE;
			spans++;
		}
	pageheap_get_stat(&st);
	FUZZ_CHECK(st.inuse == inuse && st.spans == spans);
	FUZZ_CHECK(st.mapped == st.inuse + st.free + st.returned);
	FUZZ_CHECK(!fake.bad);
}

/* Small ones mostly; up to four blocks. */
static size_t length(struct input *in)
{
	unsigned int n = input_byte(in);

	return n < 200 ? n % 40 + 1 : (n - 199) * 19;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t ids;
	static unsigned int ops, inputs;
	struct slot slots[SLOTS] = { { NULL, 0 } };
	struct input in = { data, size };
	unsigned int i, flags = input_byte(&in);

	fake.first = flags & 1 ? BACKEND_KMOD : BACKEND_THP;
	fake.jump = flags & 2;
	while (in.left) {
		unsigned int op = input_byte(&in);
		struct slot *t = &slots[op % SLOTS];

		if (op >= 240)
			switch (op % 4) {
			case 0:
				pageheap_trim((size_t)input_byte(&in) << 16);
				break;
			case 1:
				fake.fail_after = (int)input_byte(&in) % 16 - 1;
				break;
			case 2:
				fake.refuse_release = input_byte(&in) & 1;
				fake.refuse_join = !fake.refuse_release;
				break;
			case 3:
				check_sums(slots);
				break;
			}
		else if (!t->s) {
			size_t npages = length(&in);

			t->id = ++ids * 0x9e3779b97f4a7c15ull;
			if (op < 64 && npages <= 40)
				take(t, npages, 1, (op + 1) * PAGE_SIZE / 16);
			else
				take(t, npages, op < 160 ? 1 : 1u << op % 10, 0);
		} else if (op < 128) {
			give(t);
		} else if (op < 192) {
			size_t npages = length(&in);

			/* seldom, since most of the time goes into copying */
			resize(t, npages, npages % 8 == 3);
		} else if (t->s->npages * (PAGE_SIZE / 4096) <= 32) {
			/* all but the first and the last page */
			size_t n = t->s->npages * (PAGE_SIZE / 4096);

			pageheap_purge(t->s, n < 3 ? 0 : (1u << (n - 1)) - 2);
		}
		/* looks at every block that there ever was */
		FUZZ_CHECK(++ops % (VALID_EACH * 1024) || pageheap_is_valid());
	}
	fake.fail_after = -1;
	fake.refuse_release = false;
	fake.refuse_join = false;
	for (i = 0; i < SLOTS; i++)
		if (slots[i].s)
			give(&slots[i]);
	if (++inputs % 16 == 0)
		pageheap_trim(0);
	check_sums(slots);
	return 0;
}
