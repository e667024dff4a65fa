// SPDX-License-Identifier: LGPL-2.1-or-later
//
// shim_box.hpp: regions and heaps for C++17.
//
//	shim::region r;
//	std::pmr::vector<int> v(r.resource());
//
//	shim::heap h;
//	std::vector<int, shim::heap_allocator<int>> w(h.get());
//
// A memory_resource does not own its region or heap; shim::region and shim::heap
// do, and free it with all that is in it.  No memory is std::bad_alloc.
//
#ifndef SHIM_BOX_HPP
#define SHIM_BOX_HPP

#include <cstddef>
#include <memory_resource>
#include <new>

#include "shim_heap.h"
#include "shim_region.h"

namespace shim {

// From a region: deallocation does nothing.
class region_resource : public std::pmr::memory_resource {
public:
	explicit region_resource(struct shim_region *r) noexcept : r_(r) {}
	struct shim_region *get() const noexcept { return r_; }

private:
	void *do_allocate(std::size_t bytes, std::size_t align) override
	{
		void *p = align <= SHIM_REGION_ALIGN ?
			shim_region_alloc(r_, bytes) :
			shim_region_alloc_aligned(r_, bytes, align);

		if (!p)
			throw std::bad_alloc();
		return p;
	}

	void do_deallocate(void *, std::size_t, std::size_t) override {}

	bool do_is_equal(const std::pmr::memory_resource &other)
		const noexcept override
	{
#ifdef __cpp_rtti
		auto *o = dynamic_cast<const region_resource *>(&other);

		return o && o->r_ == r_;
#else
		// without RTTI a second resource of one region counts as another
		return this == &other;
#endif
	}

	struct shim_region *r_;
};

// From a heap.
class heap_resource : public std::pmr::memory_resource {
public:
	explicit heap_resource(struct shim_heap *h) noexcept : h_(h) {}
	struct shim_heap *get() const noexcept { return h_; }

private:
	void *do_allocate(std::size_t bytes, std::size_t align) override
	{
		void *p = align <= 16 ? shim_heap_alloc(h_, bytes) :
					shim_heap_aligned(h_, align, bytes);

		if (!p)
			throw std::bad_alloc();
		return p;
	}

	void do_deallocate(void *p, std::size_t, std::size_t) override
	{
		shim_heap_free(h_, p);
	}

	bool do_is_equal(const std::pmr::memory_resource &other)
		const noexcept override
	{
#ifdef __cpp_rtti
		auto *o = dynamic_cast<const heap_resource *>(&other);

		return o && o->h_ == h_;
#else
		return this == &other;
#endif
	}

	struct shim_heap *h_;
};

// A region that goes with its variable.
class region {
public:
	explicit region(std::size_t first = 0, unsigned int flags = 0)
		: resource_(shim_region_new(first, flags))
	{
		if (!resource_.get())
			throw std::bad_alloc();
	}

	~region() { shim_region_free(resource_.get()); }
	region(const region &) = delete;
	region &operator=(const region &) = delete;
	struct shim_region *get() const noexcept { return resource_.get(); }
	std::pmr::memory_resource *resource() noexcept { return &resource_; }
	void reset() noexcept { shim_region_reset(resource_.get()); }

private:
	region_resource resource_;
};

// A heap that goes with its variable.
class heap {
public:
	explicit heap(unsigned int flags = 0)
		: resource_(shim_heap_new(flags))
	{
		if (!resource_.get())
			throw std::bad_alloc();
	}

	~heap() { shim_heap_destroy(resource_.get()); }
	heap(const heap &) = delete;
	heap &operator=(const heap &) = delete;
	struct shim_heap *get() const noexcept { return resource_.get(); }
	std::pmr::memory_resource *resource() noexcept { return &resource_; }

private:
	heap_resource resource_;
};

// STL allocators; two are equal if they have the same region or heap.
template <class T> class region_allocator {
public:
	using value_type = T;

	region_allocator(struct shim_region *r) noexcept : r_(r) {}
	template <class U>
	region_allocator(const region_allocator<U> &o) noexcept : r_(o.get()) {}
	struct shim_region *get() const noexcept { return r_; }

	T *allocate(std::size_t n)
	{
		void *p = nullptr;

		if (n <= PTRDIFF_MAX / sizeof(T))
			p = shim_region_alloc_aligned(r_, n * sizeof(T),
						      alignof(T));
		if (!p)
			throw std::bad_alloc();
		return static_cast<T *>(p);
	}

	void deallocate(T *, std::size_t) noexcept {}

private:
	struct shim_region *r_;
};

template <class T> class heap_allocator {
public:
	using value_type = T;

	heap_allocator(struct shim_heap *h) noexcept : h_(h) {}
	template <class U>
	heap_allocator(const heap_allocator<U> &o) noexcept : h_(o.get()) {}
	struct shim_heap *get() const noexcept { return h_; }

	T *allocate(std::size_t n)
	{
		void *p = nullptr;

		if (n <= PTRDIFF_MAX / sizeof(T))
			p = shim_heap_aligned(h_, alignof(T) < 16 ? 16 :
					      alignof(T), n * sizeof(T));
		if (!p)
			throw std::bad_alloc();
		return static_cast<T *>(p);
	}

	void deallocate(T *p, std::size_t) noexcept { shim_heap_free(h_, p); }

private:
	struct shim_heap *h_;
};

template <class T, class U>
bool operator==(const region_allocator<T> &a, const region_allocator<U> &b)
	noexcept
{
	return a.get() == b.get();
}

template <class T, class U>
bool operator!=(const region_allocator<T> &a, const region_allocator<U> &b)
	noexcept
{
	return a.get() != b.get();
}

template <class T, class U>
bool operator==(const heap_allocator<T> &a, const heap_allocator<U> &b)
	noexcept
{
	return a.get() == b.get();
}

template <class T, class U>
bool operator!=(const heap_allocator<T> &a, const heap_allocator<U> &b)
	noexcept
{
	return a.get() != b.get();
}

} // namespace shim

#endif // SHIM_BOX_HPP
