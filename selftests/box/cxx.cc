// SPDX-License-Identifier: GPL-2.0-only
// cxx: containers on regions and heaps.  Exits with 0 if all is as it should be.
#include <cstdio>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "shim_box.hpp"
#include "shim_pool.h"
#include "shim_rc.h"
#include "shim_vec.h"

#define CHECK(x) do {							\
	if (!(x)) {							\
		std::fprintf(stderr, "cxx.cc:%d: %s\n", __LINE__, #x);	\
		return 1;						\
	}								\
} while (0)

struct alignas(64) line {
	int n;
};

int main()
{
	shim::region r;
	shim::heap h, other;
	struct shim_heap_stat st;

	{
		std::pmr::vector<int> v(r.resource());
		std::pmr::map<std::pmr::string, int> m(h.resource());

		for (int i = 0; i < 10000; i++) {
			v.push_back(i);
			m[std::pmr::string("a key that is too long for the object ",
					   h.resource()) +
			  std::to_string(i).c_str()] = i;
		}
		CHECK(v[9999] == 9999 && m.size() == 10000);
		CHECK(shim_heap_owner(&m.begin()->second) == h.get());
		shim_heap_get_stat(h.get(), &st);
		CHECK(st.objects >= 20000);
	}
	shim_heap_get_stat(h.get(), &st);
	CHECK(st.objects == 0);
	CHECK(shim_heap_is_valid(h.get()) && shim_region_is_valid(r.get()));
	r.reset();
	{
		std::vector<line, shim::heap_allocator<line>> v(h.get());
		std::list<int, shim::region_allocator<int>> l(r.get());

		for (int i = 0; i < 1000; i++) {
			v.push_back({ i });
			l.push_back(i);
		}
		CHECK(reinterpret_cast<std::uintptr_t>(v.data()) % 64 == 0);
		CHECK(l.back() == 999);
	}
	CHECK(shim::heap_allocator<int>(h.get()) ==
	      shim::heap_allocator<char>(h.get()));
	CHECK(shim::heap_allocator<int>(h.get()) !=
	      shim::heap_allocator<int>(other.get()));
	CHECK(!h.resource()->is_equal(*other.resource()));
	CHECK(!h.resource()->is_equal(*r.resource()));
	shim_heap_set_limit(h.get(), 1 << 20);
	try {
		std::pmr::vector<char> v(4 << 20, 'x', h.resource());
		CHECK(!"no limit");
	} catch (const std::bad_alloc &) {
	}
	return 0;
}
