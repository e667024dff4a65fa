// SPDX-License-Identifier: GPL-2.0-only
/*
 * throws: operator new as real C++ has it, with libstdc++: handlers that throw.
 */
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

static volatile std::size_t huge = (std::size_t)1 << 62;
static int calls;
static int failures;
static int tests;

static void check(bool ok, const char *what)
{
	std::printf("%sok %d %s\n", ok ? "" : "not ", ++tests, what);
	failures += !ok;
}

static void throw_no_memory()
{
	calls++;
	throw std::bad_alloc();
}

static void throw_a_number()
{
	calls++;
	throw 42;
}

static void give_up_later()
{
	if (++calls == 3)
		std::set_new_handler(nullptr);
}

struct big {
	char bytes[64];
};

struct alignas(128) aligned {
	char bytes[128];
};

template<class T> static bool nothrow_is_null(void (*handler)(), int times)
{
	bool null;

	calls = 0;
	std::set_new_handler(handler);
	try {
		null = !new(std::nothrow) T[huge / sizeof(T)];
	} catch (...) {
		null = false;
	}
	std::set_new_handler(nullptr);
	return null && calls == times;
}

template<class T, class E> static bool throws(void (*handler)(), int times)
{
	bool caught = false;

	calls = 0;
	std::set_new_handler(handler);
	try {
		delete[] new T[huge / sizeof(T)];
	} catch (const E &) {
		caught = true;
	}
	std::set_new_handler(nullptr);
	return caught && calls == times;
}

int main()
{
	std::printf("TAP version 13\n1..9\n");
	check(nothrow_is_null<big>(throw_no_memory, 1), "nothrow, handler throws");
	check(nothrow_is_null<big>(throw_a_number, 1), "nothrow, throws a number");
	check(nothrow_is_null<aligned>(throw_no_memory, 1), "nothrow, aligned");
	check(nothrow_is_null<big>(give_up_later, 3), "nothrow, gives up");
	check(nothrow_is_null<big>(nullptr, 0), "nothrow, no handler");
	check(throws<big, std::bad_alloc>(nullptr, 0), "throws");
	check(throws<aligned, std::bad_alloc>(nullptr, 0), "throws, aligned");
	check(throws<big, int>(throw_a_number, 1), "the handler's passes");
	check(throws<big, std::bad_alloc>(give_up_later, 3), "throws in the end");
	return failures != 0;
}
