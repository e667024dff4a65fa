// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * new: C++'s operator new, every form, without libstdc++.  Operator delete is
 * free() by other names, see entry.c.
 *
 * The functions have their mangled names.  What a failing new must do (call the
 * new handler, throw std::bad_alloc) is in libstdc++, which is found by weak
 * references: a program that calls operator new has it.  The file is built with
 * -fexceptions, so that an exception of the handler passes through.
 *
 * Called by the application.
 */
#include <errno.h>
#include <stdlib.h>

#include "entry.h"
#include "base/error.h"

typedef void (*new_handler)(void);

extern new_handler get_new_handler(void)
	__asm__("_ZSt15get_new_handlerv") __attribute__((weak));
extern void throw_bad_alloc(void)
	__asm__("_ZSt17__throw_bad_allocv") __attribute__((weak, noreturn));

/**
 * new_catch - call a new handler for a form of new that must not throw
 * @handler: the handler
 *
 * Return: whether it threw something.
 */
bool new_catch(new_handler handler);

#define NEW(name, mangled) \
	SHIM_EXPORT void *name __asm__(mangled)

static void *new_try(size_t size, size_t align)
{
	if (align <= 16)
		return entry_alloc(size);
	if (align & (align - 1))
		return NULL;
	return entry_alloc_aligned(size, align);
}

/* Call the new handler until there is memory; fail if there is no handler. */
static void *new_slow(size_t size, size_t align, int throws)
{
	void *p;

	while (!(p = new_try(size, align))) {
		new_handler handler = NULL;

		if (&get_new_handler)
			handler = get_new_handler();
		if (handler && throws) {
			handler();
			continue;
		}
		if (handler) {
			if (new_catch(handler))
				return NULL;
			continue;
		}
		if (!throws)
			return NULL;
		if (&throw_bad_alloc)
			throw_bad_alloc();
		shim_bug("operator new: no memory, and no C++ library to throw bad_alloc",
			 (void *)size);
	}
	return p;
}

static inline void *new_fast(size_t size, int throws)
{
	void *p = entry_alloc_fast(size);

	return likely(p) ? p : new_slow(size, 0, throws);
}

NEW(new_plain(size_t size), "_Znwm");
NEW(new_array(size_t size), "_Znam");
NEW(new_nothrow(size_t size, void *tag), "_ZnwmRKSt9nothrow_t");
NEW(new_array_nothrow(size_t size, void *tag), "_ZnamRKSt9nothrow_t");
NEW(new_aligned(size_t size, size_t align), "_ZnwmSt11align_val_t");
NEW(new_array_aligned(size_t size, size_t align), "_ZnamSt11align_val_t");
NEW(new_aligned_nothrow(size_t size, size_t align, void *tag),
    "_ZnwmSt11align_val_tRKSt9nothrow_t");
NEW(new_array_aligned_nothrow(size_t size, size_t align, void *tag),
    "_ZnamSt11align_val_tRKSt9nothrow_t");

void *new_plain(size_t size)
{
	return new_fast(size, 1);
}

void *new_array(size_t size)
{
	return new_fast(size, 1);
}

/*
 * A nothrow new catches what the handler throws, as C++ requires, and returns
 * NULL.
 */
void *new_nothrow(size_t size, void *tag)
{
	(void)tag;
	return new_fast(size, 0);
}

void *new_array_nothrow(size_t size, void *tag)
{
	(void)tag;
	return new_fast(size, 0);
}

void *new_aligned(size_t size, size_t align)
{
	return new_slow(size, align, 1);
}

void *new_array_aligned(size_t size, size_t align)
{
	return new_slow(size, align, 1);
}

void *new_aligned_nothrow(size_t size, size_t align, void *tag)
{
	(void)tag;
	return new_slow(size, align, 0);
}

void *new_array_aligned_nothrow(size_t size, size_t align, void *tag)
{
	(void)tag;
	return new_slow(size, align, 0);
}
