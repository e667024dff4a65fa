// SPDX-License-Identifier: GPL-2.0-only
/*
 * heap: every policy, in spans and in the caller's memory: what is handed out keeps
 * what is written there; a heap of boundary tags gives each request the block that a
 * list of blocks gives it; a shared one is made whole again out of the sizes of its
 * blocks alone.
 */
#include "blocks.h"
#include "box/heap_tree.h"
#include "object.h"

#define OBJS	64
#define LEN	((size_t)64 << 10)

static struct object objs[OBJS];
static size_t live, limit;

static size_t size_in(struct input *in)
{
	unsigned int n = input_byte(in);

	if (n < 128)
		return n;
	if (n < 224)
		return input_word(in) % 4096;
	return (size_t)input_word(in) * 4;
}

static void check_new(struct shim_heap *heap, struct object *o, void *p,
		      size_t size, size_t align)
{
	if (!p)
		return;
	FUZZ_CHECK((uintptr_t)p % align == 0);
	FUZZ_CHECK(shim_heap_usable(heap, p) >= size);
	object_fill(o, p, size, (uint8_t)(o - objs + size));
	live++;
}

static void drop(struct shim_heap *heap, struct object *o)
{
	FUZZ_CHECK(object_is_good(o, o->size));
	shim_heap_free(heap, o->p);
	o->p = NULL;
	live--;
}

static void resize(struct shim_heap *heap, struct object *o, size_t size)
{
	void *p = shim_heap_realloc(heap, o->p, size);

	if (!p) {
		FUZZ_CHECK(object_is_good(o, o->size));
		return;
	}
	o->p = p;
	FUZZ_CHECK(object_is_good(o, size));
	object_fill(o, p, size, o->seed);
}

static int count(void *p, size_t size, void *arg)
{
	unsigned int i;

	for (i = 0; i < OBJS; i++)
		if (objs[i].p == p) {
			FUZZ_CHECK(size >= objs[i].size);
			++*(size_t *)arg;
			return 0;
		}
	return 1;
}

static void check(struct shim_heap *heap, bool mine)
{
	struct shim_heap_stat st;
	size_t n = 0, bytes = 0;
	unsigned int i;

	FUZZ_CHECK(shim_heap_is_valid(heap));
	FUZZ_CHECK(!shim_heap_walk(heap, count, &n) && n == live);
	shim_heap_get_stat(heap, &st);
	for (i = 0; i < OBJS; i++) {
		if (!objs[i].p)
			continue;
		FUZZ_CHECK(object_is_good(&objs[i], objs[i].size));
		FUZZ_CHECK(shim_heap_owner(objs[i].p) == (mine ? heap : NULL));
		bytes += shim_heap_usable(heap, objs[i].p);
	}
	FUZZ_CHECK(st.objects == live && st.used == bytes);
	FUZZ_CHECK(st.held >= st.used);
}

/*
 * As after a death: only the sizes of the blocks can be relied on, and a block
 * may have been taken and not handed out.
 */
static void die_in(struct shim_heap *heap, struct input *in)
{
	struct fit *f = &heap->fit;
	struct object *o = &objs[input_byte(in) % OBJS];
	struct tag *t = &segment_at(f, f->segments)->first;
	struct node *n;

	f->pending = 0;
	if (o->p && input_byte(in) & 1) {
		f->pending = off_of(f, o->p - TAG);
		o->p = NULL;
		live--;
	}
	f->root = input_word(in);
	heap->used = input_word(in);
	heap->objects = input_word(in);
	for (; size_of(t); t = after(t)) {
		t->before = input_byte(in);
		if (t->size & USED)
			continue;
		n = (struct node *)(t + 1);
		n->left = input_byte(in);
		n->right = input_byte(in);
		n->max = input_byte(in);
	}
	fit_recover(heap);
}

/* One operation on an object. */
static void step(struct shim_heap *heap, struct input *in, bool shared)
{
	struct object *o = &objs[input_byte(in) % OBJS];
	unsigned int op = input_byte(in);
	size_t size = size_in(in), align;
	void *p;

	if (op >= 250) {
		limit = size * 16;
		shim_heap_set_limit(heap, limit);
	} else if (op >= 240) {
		if (shared)
			die_in(heap, in);
	} else if (o->p) {
		if (op < 160)
			drop(heap, o);
		else
			resize(heap, o, size + !size);
	} else if (op < 160) {
		check_new(heap, o, shim_heap_alloc(heap, size), size, 16);
	} else if (op < 200) {
		align = (size_t)1 << op % 16;
		p = shim_heap_aligned(heap, align, size);
		check_new(heap, o, p, size, align);
	} else {
		p = shim_heap_calloc(heap, size, op % 8);
		size *= op % 8;
		FUZZ_CHECK(!p || !size || !*(char *)p);
		FUZZ_CHECK(!p || !size || !memcmp(p, (char *)p + 1, size - 1));
		check_new(heap, o, p, size, 16);
	}
}

static void by_content(struct shim_heap *heap, struct input *in, bool mine,
		       bool shared)
{
	unsigned int ops = 0, i;

	while (in->left) {
		step(heap, in, shared);
		if (++ops % VALID_EACH == 0)
			check(heap, mine);
	}
	check(heap, mine);
	/* an empty heap, or one that is destroyed with its objects */
	for (i = 0; ops % 2 && i < OBJS; i++)
		if (objs[i].p)
			drop(heap, &objs[i]);
	if (ops % 2)
		check(heap, mine);
}

static void by_blocks(struct shim_heap *heap, struct input *in, char *mem)
{
	static struct blocks b;
	char *base = NULL, *p;
	unsigned int ops = 0;
	long at;

	blocks_init(&b, heap->flags & SHIM_HEAP_POLICY);
	while (in->left) {
		struct object *o = &objs[input_byte(in) % OBJS];
		size_t size = size_in(in);

		if (o->p) {
			FUZZ_CHECK(blocks_free(&b, (char *)o->p - base));
			drop(heap, o);
		} else {
			p = shim_heap_alloc(heap, size);
			if (!base) {
				base = mem + sizeof(*heap) +
				       sizeof(struct segment);
				blocks_space(&b, (size_t)(mem + LEN - base));
			}
			at = blocks_alloc(&b, size);
			FUZZ_CHECK(p ? p - base == at : at < 0);
			check_new(heap, o, p, size, 16);
		}
		FUZZ_CHECK(++ops % VALID_EACH || shim_heap_is_valid(heap));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char mem[LEN] __attribute__((aligned(16)));
	struct input in = { data, size };
	unsigned int how = input_byte(&in);
	unsigned int policy = how & SHIM_HEAP_POLICY;
	bool at = how & 4 && policy, shared = at && how & 8;
	struct shim_heap *heap;

	memset(objs, 0, sizeof(objs));
	live = 0;
	heap = at ? shim_heap_at(mem, LEN, policy |
				 (shared ? SHIM_HEAP_SHARED : 0)) :
		    shim_heap_new(policy);
	FUZZ_CHECK(heap);
	if (shared)
		FUZZ_CHECK(shim_heap_open(mem, LEN) == heap);
	if (at && how & 16)
		by_blocks(heap, &in, mem);
	else
		by_content(heap, &in, !at, shared);
	shim_heap_destroy(heap);
	return 0;
}
