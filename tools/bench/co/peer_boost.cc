// SPDX-License-Identifier: GPL-2.0-only
/*
 * peer_boost: Boost.Context's fibers.  With -DSTACK=..., on its protected stacks
 * (a mapping each), its plain ones, or ours.
 */
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <utility>
#include <vector>

#include "bench_co.h"
#ifdef SHIM
#include "stack_boost.hpp"
#endif

namespace ctx = boost::context;

static const size_t size = 65536 - 4096;

static ctx::fiber loops(ctx::fiber &&caller)
{
	for (;;)
		caller = std::move(caller).resume();
	return std::move(caller);
}

static ctx::fiber ends(ctx::fiber &&caller)
{
	return std::move(caller);
}

static long suspend(long n)
{
	/* the handles are a part of what a coroutine takes */
	auto *all = new std::vector<ctx::fiber>;
	long i = 0;

	try {
		for (; i < n; i++)
			all->push_back(ctx::fiber(std::allocator_arg,
						  STACK(size), loops).resume());
	} catch (...) {
	}
	return i;
}

static void pingpong(long n)
{
	static ctx::fiber f(std::allocator_arg, STACK(size), loops);

	while (n--)
		f = std::move(f).resume();
}

static void create(long n)
{
	while (n--) {
		ctx::fiber f(std::allocator_arg, STACK(size), ends);

		f = std::move(f).resume();
	}
}

int main(int argc, char **argv)
{
	static const struct peer peer = { suspend, NULL, pingpong, create };

	return peer_main(&peer, argc, argv);
}
