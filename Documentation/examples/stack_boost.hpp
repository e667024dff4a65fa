/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_boost.hpp: Boost.Context on libshim-co's stacks.
 *
 *	boost::context::fiber f(std::allocator_arg, shim_boost_stack(), fn);
 *
 * Guarded without a mapping each, committed by page fault, cached a thread;
 * Boost.Context's own protected stacks end at half of vm.max_map_count.
 */
#ifndef STACK_BOOST_HPP
#define STACK_BOOST_HPP

#include <boost/context/stack_context.hpp>
#include <new>
#include <shim_stack.h>

class shim_boost_stack {
	unsigned int order;

public:
	explicit shim_boost_stack(std::size_t size = 60 << 10)
		: order(shim_stack_order(size)) {}

	boost::context::stack_context allocate()
	{
		boost::context::stack_context sctx;
		void *stack = order ? shim_stack_get(order) : nullptr;

		if (!stack)
			throw std::bad_alloc();
		sctx.size = shim_stack_size(stack);
		sctx.sp = shim_stack_top(stack);
		return sctx;
	}

	void deallocate(boost::context::stack_context &sctx) noexcept
	{
		shim_stack_put(static_cast<char *>(sctx.sp) - sctx.size);
	}
};

#endif
