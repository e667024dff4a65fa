// SPDX-License-Identifier: GPL-2.0-only
/*
 * new: C++'s operators by their mangled names, with the two functions of the C++
 * library that they call supplied here.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"
#include "shim.h"

#define NEW(name, mangled, ...) \
	void *name(size_t size, ##__VA_ARGS__) __asm__(mangled)
#define DELETE(name, mangled, ...) \
	void name(void *p, ##__VA_ARGS__) __asm__(mangled)

NEW(new_, "_Znwm");
NEW(new_a, "_Znam");
NEW(new_n, "_ZnwmRKSt9nothrow_t", void *);
NEW(new_an, "_ZnamRKSt9nothrow_t", void *);
NEW(new_l, "_ZnwmSt11align_val_t", size_t);
NEW(new_al, "_ZnamSt11align_val_t", size_t);
NEW(new_ln, "_ZnwmSt11align_val_tRKSt9nothrow_t", size_t, void *);
NEW(new_aln, "_ZnamSt11align_val_tRKSt9nothrow_t", size_t, void *);
DELETE(del, "_ZdlPv");
DELETE(del_a, "_ZdaPv");
DELETE(del_n, "_ZdlPvRKSt9nothrow_t", void *);
DELETE(del_an, "_ZdaPvRKSt9nothrow_t", void *);
DELETE(del_s, "_ZdlPvm", size_t);
DELETE(del_as, "_ZdaPvm", size_t);
DELETE(del_l, "_ZdlPvSt11align_val_t", size_t);
DELETE(del_al, "_ZdaPvSt11align_val_t", size_t);
DELETE(del_sl, "_ZdlPvmSt11align_val_t", size_t, size_t);
DELETE(del_asl, "_ZdaPvmSt11align_val_t", size_t, size_t);
DELETE(del_ln, "_ZdlPvSt11align_val_tRKSt9nothrow_t", size_t, void *);
DELETE(del_aln, "_ZdaPvSt11align_val_tRKSt9nothrow_t", size_t, void *);

typedef void (*new_handler)(void);
new_handler get_new_handler(void) __asm__("_ZSt15get_new_handlerv");
void throw_bad_alloc(void) __asm__("_ZSt17__throw_bad_allocv");

static new_handler handler;
static unsigned int handled;
static jmp_buf thrown;

new_handler get_new_handler(void)
{
	return handler;
}

void throw_bad_alloc(void)
{
	longjmp(thrown, 1);
}

/* As a handler may do: give up at the third time. */
static void handle(void)
{
	if (++handled == 3)
		handler = NULL;
}

static volatile size_t huge = SIZE_MAX - 100;

/* The forms of new, each as one function, and a delete for each. */
static void *by_new_l(size_t size, size_t align)
{
	return new_l(size, align);
}

static void *by_new_al(size_t size, size_t align)
{
	return new_al(size, align);
}

static void *by_new_ln(size_t size, size_t align)
{
	return new_ln(size, align, NULL);
}

static void *by_new_aln(size_t size, size_t align)
{
	return new_aln(size, align, NULL);
}

static void *by_new(size_t size, size_t align)
{
	(void)align;
	return new_(size);
}

static void *by_new_a(size_t size, size_t align)
{
	(void)align;
	return new_a(size);
}

static void *by_new_n(size_t size, size_t align)
{
	(void)align;
	return new_n(size, NULL);
}

static void *by_new_an(size_t size, size_t align)
{
	(void)align;
	return new_an(size, NULL);
}

static void by_del(void *p, size_t size, size_t align)
{
	(void)size;
	(void)align;
	del(p);
}

static void by_del_a(void *p, size_t size, size_t align)
{
	(void)size;
	(void)align;
	del_a(p);
}

static void by_del_n(void *p, size_t size, size_t align)
{
	(void)size;
	(void)align;
	del_n(p, NULL);
}

static void by_del_an(void *p, size_t size, size_t align)
{
	(void)size;
	(void)align;
	del_an(p, NULL);
}

static void by_del_s(void *p, size_t size, size_t align)
{
	(void)align;
	del_s(p, size);
}

static void by_del_as(void *p, size_t size, size_t align)
{
	(void)align;
	del_as(p, size);
}

static void by_del_l(void *p, size_t size, size_t align)
{
	(void)size;
	del_l(p, align);
}

static void by_del_al(void *p, size_t size, size_t align)
{
	(void)size;
	del_al(p, align);
}

static void by_del_sl(void *p, size_t size, size_t align)
{
	del_sl(p, size, align);
}

static void by_del_asl(void *p, size_t size, size_t align)
{
	del_asl(p, size, align);
}

static void by_del_ln(void *p, size_t size, size_t align)
{
	(void)size;
	del_ln(p, align, NULL);
}

static void by_del_aln(void *p, size_t size, size_t align)
{
	(void)size;
	del_aln(p, align, NULL);
}

static const struct form {
	void *(*get)(size_t size, size_t align);
	void (*put)(void *p, size_t size, size_t align);
	bool aligned, throws;
} forms[] = {
	{ by_new, by_del, false, true },
	{ by_new_a, by_del_a, false, true },
	{ by_new_n, by_del_n, false, false },
	{ by_new_an, by_del_an, false, false },
	{ by_new, by_del_s, false, true },
	{ by_new_a, by_del_as, false, true },
	{ by_new_l, by_del_l, true, true },
	{ by_new_al, by_del_al, true, true },
	{ by_new_ln, by_del_ln, true, false },
	{ by_new_aln, by_del_aln, true, false },
	{ by_new_l, by_del_sl, true, true },
	{ by_new_al, by_del_asl, true, true },
};

#define MANY	200u

/*
 * Many objects of a form at a time: whole, apart, aligned, and free for the
 * next.
 */
static void form_works(struct __test_metadata *_metadata, const struct form *f,
		       size_t size, size_t align)
{
	unsigned char *p[MANY];
	unsigned int i;
	size_t k;

	for (i = 0; i < MANY; i++) {
		p[i] = f->get(size, align);
		ASSERT_NE(NULL, p[i]);
		ASSERT_EQ(0, (uintptr_t)p[i] % (f->aligned ? align : 16));
		ASSERT_LE(size, malloc_usable_size(p[i]));
		memset(p[i], (int)i + 1, size);
	}
	for (i = 0; i < MANY; i++) {
		for (k = 0; k < size; k++)
			ASSERT_EQ((unsigned char)(i + 1), p[i][k]);
		f->put(p[i], size, align);
	}
}

/* The bytes in use, with the caches empty. */
static size_t allocated(void)
{
	size_t len = sizeof(uint64_t);
	uint64_t n = 0;

	malloc_trim(0);
	shim_ctl("allocated", &n, &len, NULL, 0);
	return n;
}

TEST(every_form)
{
	size_t size, align, before = allocated();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(forms); i++)
		for (align = 16; align <= 4096; align *= 4)
			for (size = 0; size < 40000; size = size * 3 + 1)
				form_works(_metadata, &forms[i], size, align);
	/* every delete freed its object */
	EXPECT_EQ(before, allocated());
	del(NULL);
	del_a(NULL);
	del_n(NULL, NULL);
	del_s(NULL, 8);
	del_l(NULL, 64);
	del_aln(NULL, 64, NULL);
}

TEST(objects_are_good)
{
	char *p[100];
	size_t i;

	for (i = 0; i < 100; i++) {
		p[i] = new_l(i * 3 + 1, (size_t)16 << i % 8);
		ASSERT_NE(NULL, p[i]);
		ASSERT_EQ(0, (uintptr_t)p[i] % ((size_t)16 << i % 8));
		memset(p[i], (int)i, i * 3 + 1);
	}
	for (i = 0; i < 100; i++) {
		ASSERT_EQ((char)i, p[i][i * 3]);
		del_l(p[i], (size_t)16 << i % 8);
	}
	EXPECT_NE(NULL, p[0] = new_(0));
	del(p[0]);
}

/* Each form throws, or returns NULL without throwing. */
TEST(failure_throws)
{
	void *const none = (void *)&huge;
	void *volatile p;
	volatile bool threw;
	volatile unsigned int i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		p = none;
		threw = true;
		if (!setjmp(thrown)) {
			p = forms[i].get(huge, 64);
			threw = false;
		}
		EXPECT_EQ(forms[i].throws, threw);
		EXPECT_EQ(forms[i].throws ? none : NULL, p);
	}
}

/* An invalid alignment: nothing can be aligned to it. */
TEST(bad_alignment_fails)
{
	void *const none = (void *)&huge;
	void *volatile p = none;

	if (!setjmp(thrown))
		p = new_l(100, 48);
	EXPECT_EQ(none, p);
	EXPECT_EQ(NULL, new_ln(100, 48, NULL));
}

TEST(handler_is_called_until_it_gives_up)
{
	bool threw = false;

	handler = handle;
	handled = 0;
	if (!setjmp(thrown))
		new_(huge);
	else
		threw = true;
	EXPECT_TRUE(threw);
	EXPECT_EQ(3, handled);
	handler = handle;
	handled = 0;
	EXPECT_EQ(NULL, new_n(huge, NULL));
	EXPECT_EQ(3, handled);
	handler = handle;
	handled = 0;
	EXPECT_EQ(NULL, new_aln(huge, 64, NULL));
	EXPECT_EQ(3, handled);
}

TEST_HARNESS_MAIN
