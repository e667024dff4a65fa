// SPDX-License-Identifier: GPL-2.0-only
/*
 * new: C++'s operators by their mangled names, with the two functions of the C++
 * library that they call supplied here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"

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

/* As a handler may: give up after the third time. */
static void handle(void)
{
	if (++handled == 3)
		handler = NULL;
}

static volatile size_t huge = SIZE_MAX - 100;

TEST(every_form)
{
	size_t size;

	for (size = 0; size < 100000; size = size * 2 + 1) {
		del(new_(size));
		del_a(new_a(size));
		del_n(new_n(size, NULL), NULL);
		del_an(new_an(size, NULL), NULL);
		del_s(new_(size), size);
		del_as(new_a(size), size);
		del_l(new_l(size, 64), 64);
		del_al(new_al(size, 64), 64);
		del_sl(new_l(size, 256), size, 256);
		del_asl(new_al(size, 4096), size, 4096);
		del_ln(new_ln(size, 32, NULL), 32, NULL);
		del_aln(new_aln(size, 32, NULL), 32, NULL);
	}
	del(NULL);
	del_s(NULL, 8);
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

TEST(failure_throws)
{
	void *volatile p = NULL;

	if (!setjmp(thrown))
		p = new_(huge);
	EXPECT_EQ(NULL, p);
	if (!setjmp(thrown))
		p = new_al(huge, 64);
	EXPECT_EQ(NULL, p);
}

TEST(nothrow_returns_null)
{
	if (setjmp(thrown))
		ASSERT_TRUE(false);
	EXPECT_EQ(NULL, new_n(huge, NULL));
	EXPECT_EQ(NULL, new_an(huge, NULL));
	EXPECT_EQ(NULL, new_ln(huge, 64, NULL));
	EXPECT_EQ(NULL, new_aln(huge, 64, NULL));
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
}

TEST_HARNESS_MAIN
