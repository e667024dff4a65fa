// SPDX-License-Identifier: GPL-2.0-only
/*
 * region: objects, marks, releases, resets and clean-ups, against a stack: what is
 * below a mark stays as it was, and clean-ups run from the last to the first.
 */
#include <string.h>

#include "object.h"
#include "shim_region.h"

#define MOST	256
#define BUF	3000

static struct object objs[MOST];
static struct { size_t objs, ends; struct shim_region_mark mark; } marks[MOST];
static size_t nr_objs, nr_marks, nr_ends, past;

static void at_end(void *arg)
{
	/* the last that was registered */
	FUZZ_CHECK(nr_ends && (size_t)arg == --nr_ends);
}

static size_t size_in(struct input *in)
{
	unsigned int n = input_byte(in);

	if (n < 160)
		return n;
	return n < 240 ? input_word(in) % 3000 : input_word(in) * 3;
}

static void made(void *p, size_t size, size_t align)
{
	FUZZ_CHECK(p && (uintptr_t)p % align == 0);
	object_fill(&objs[nr_objs], p, size, (uint8_t)(nr_objs * 31 + size));
	nr_objs++;
}

/* Its place is encoded in it. */
static void copied(struct shim_region *r, unsigned int how, size_t size)
{
	char text[200];
	char *p;

	size %= sizeof(text);
	memset(text, 'x', sizeof(text));
	text[size] = '\0';
	if (how == 0)
		p = shim_region_strdup(r, text);
	else if (how == 1)
		p = shim_region_strndup(r, text, size);
	else if (how == 2)
		p = shim_region_printf(r, "%s", text);
	else
		p = shim_region_memdup(r, text, size + 1);
	FUZZ_CHECK(p && !strcmp(p, text));
	made(p, size + 1, 1);
}

static void check(struct shim_region *r)
{
	struct shim_region_stat st;
	size_t i;

	FUZZ_CHECK(shim_region_is_valid(r));
	shim_region_get_stat(r, &st);
	FUZZ_CHECK(st.held >= st.used && st.resets == past);
	for (i = 0; i < nr_objs; i++)
		FUZZ_CHECK(object_is_good(&objs[i], objs[i].size));
}

static void release_to(struct shim_region *r, size_t m)
{
	size_t ends = marks[m].ends;

	shim_region_release(r, marks[m].mark);
	FUZZ_CHECK(nr_ends == ends);
	nr_objs = marks[m].objs;
	nr_marks = m;
}

static void reset(struct shim_region *r)
{
	shim_region_reset(r);
	FUZZ_CHECK(!nr_ends);
	nr_objs = 0;
	nr_marks = 0;
	past++;
}

static void step(struct shim_region *r, struct input *in)
{
	unsigned int op = input_byte(in);
	size_t size = size_in(in), n;
	char *p;

	if (nr_objs == MOST || nr_ends == MOST || op >= 246) {
		reset(r);
	} else if (op >= 230) {
		if (nr_marks)
			release_to(r, size % nr_marks);
	} else if (op >= 210) {
		if (nr_marks == MOST)
			return;
		marks[nr_marks].objs = nr_objs;
		marks[nr_marks].ends = nr_ends;
		marks[nr_marks++].mark = shim_region_mark(r);
	} else if (op >= 190) {
		FUZZ_CHECK(!shim_region_on_release(r, at_end,
						   (void *)nr_ends));
		nr_ends++;
	} else if (op >= 160) {
		copied(r, op % 4, size);
	} else if (op >= 140) {
		n = (size_t)1 << op % 14;
		made(shim_region_alloc_aligned(r, size, n), size, n);
	} else if (op >= 120) {
		p = shim_region_calloc(r, size, op % 4);
		for (n = 0; n < size * (op % 4); n++)
			FUZZ_CHECK(p && !p[n]);
		made(p, n, SHIM_REGION_ALIGN);
	} else {
		made(shim_region_alloc(r, size), size, SHIM_REGION_ALIGN);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/*
	 * small, so that chunks run full; with the flag each object is a
	 * malloc() of its own
	 */
	return setenv("SHIM_DEBUG_REGION", "0", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buf[BUF];
	struct input in = { data, size };
	unsigned int how = input_byte(&in), ops = 0;
	struct shim_region *r;

	nr_objs = 0;
	nr_marks = 0;
	nr_ends = 0;
	past = 0;
	r = how & 1 ? shim_region_at(buf + how % 32, BUF - how % 32) :
	    shim_region_new(how * 32, how & 2 ? SHIM_REGION_DEBUG : 0);
	FUZZ_CHECK(r);
	while (in.left) {
		step(r, &in);
		if (++ops % VALID_EACH == 0)
			check(r);
	}
	check(r);
	shim_region_free(r);
	FUZZ_CHECK(!nr_ends);
	return 0;
}
