// SPDX-License-Identifier: GPL-2.0-only
/*
 * boost: Boost.Context's fibers on our stacks, and C++ exceptions within a
 * coroutine's own frames.  TAP by hand: the harness is C.
 */
#include <boost/context/fiber.hpp>
#include <cstdio>
#include <exception>
#include <shim_co.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "stack_boost.hpp"

namespace ctx = boost::context;

static int number, failed;

static void result(bool ok, const char *what)
{
	printf("%sok %d %s\n", ok ? "" : "not ", ++number, what);
	failed += !ok;
}

static uint64_t in_use()
{
	shim_stack_stat st;

	shim_stack_get_stat(&st);
	return st.used;
}

static void fibers()
{
	std::vector<ctx::fiber> all;
	int sum = 0;

	for (int i = 0; i < 1000; i++)
		all.push_back(ctx::fiber(std::allocator_arg, shim_boost_stack(),
					 [&sum, i](ctx::fiber &&caller) {
			sum += i;
			caller = std::move(caller).resume();
			sum += i;
			return std::move(caller);
		}).resume());
	result(sum == 499500 && in_use() == 1000, "a thousand fibers suspend");
	for (auto &f : all)
		f = std::move(f).resume();
	result(sum == 2 * 499500, "and end");
	all.clear();
	result(in_use() == 0, "their stacks come back");
	all.push_back(ctx::fiber(std::allocator_arg, shim_boost_stack(1 << 20),
				 [](ctx::fiber &&caller) {
		return std::move(std::move(caller).resume());
	}).resume());
	all.clear();
	result(in_use() == 0, "one that is destroyed while suspended, too");
	try {
		shim_boost_stack(size_t(4) << 30).allocate();
		result(false, "a stack that is too large throws");
	} catch (const std::bad_alloc &) {
		result(true, "a stack that is too large throws");
	}
}

struct counted {
	int *n;
	explicit counted(int *n) : n(n) {}
	~counted() { ++*n; }
};

static int destroyed;

static void *throws(void *)
{
	std::string said;

	for (int i = 0; i < 3; i++) {
		try {
			counted c(&destroyed);

			shim_co_yield(nullptr);
			throw std::runtime_error("thrown " + std::to_string(i));
		} catch (const std::exception &e) {
			/* other coroutines throw, and catch, in the meantime */
			said += e.what();
			shim_co_yield(nullptr);
			if (std::uncaught_exceptions())
				return (void *)1;
			try {
				throw;
			} catch (const std::exception &again) {
				if (again.what() != "thrown " + std::to_string(i))
					return (void *)2;
			}
		}
	}
	return said == "thrown 0thrown 1thrown 2" ? nullptr : (void *)3;
}

static void exceptions()
{
	shim_co_attr attr = {};
	shim_co *co[5];
	bool good = true;

	attr.flags = SHIM_CO_EXCEPTIONS;
	for (auto &c : co)
		c = shim_co_new(throws, nullptr, &attr);
	/* out of step, so that catch blocks are left in another order */
	for (int turn = 0; turn < 12; turn++)
		for (int i = 0; i < 5; i++)
			if (shim_co_state(co[(i * 3 + turn) % 5]) !=
			    SHIM_CO_DONE)
				good &= !shim_co_resume(co[(i * 3 + turn) % 5],
							nullptr);
	for (auto &c : co) {
		good &= shim_co_state(c) == SHIM_CO_DONE;
		shim_co_free(c);
	}
	result(good && destroyed == 15, "exceptions across yields");
}

static void *holds(void *)
{
	counted a(&destroyed);
	std::string s(100, 'x');

	try {
		counted b(&destroyed);

		shim_co_yield(nullptr);
	} catch (const std::exception &) {
		destroyed = 100;
	}
	destroyed = 200;
	return nullptr;
}

static void cancel()
{
	shim_co *co = shim_co_new(holds, nullptr, nullptr);

	destroyed = 0;
	shim_co_resume(co, nullptr);
	result(!shim_co_cancel(co) && destroyed == 2,
	       "cancellation runs destructors, and no handler");
	shim_co_free(co);
}

int main()
{
	printf("TAP version 13\n1..7\n");
	fibers();
	exceptions();
	cancel();
	return failed != 0;
}
