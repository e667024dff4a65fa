// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcmeta: memory for the collector's own records.
 *
 * Small records are cut from chunks of 256 KiB, one after the other.  The lock
 * guards the chunk; mappings need none.
 */
#include "gcmeta.h"
#include "base/lock.h"
#include "base/sys.h"

/*
 * Room for some 1,000 span descriptors, the most frequent record, for each
 * system call.
 */
#define CHUNK	((size_t)256 << 10)
#define LINE	64

static struct shim_lock chunk_lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static uintptr_t chunk_cur, chunk_end;
static size_t mapped;

void *gcmeta_map(size_t len)
{
	long p = sys_mmap(0, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sys_failed(p))
		return NULL;
	__atomic_add_fetch(&mapped, len, __ATOMIC_RELAXED);
	return (void *)p;
}

void gcmeta_unmap(void *p, size_t len)
{
	if (!p)
		return;
	sys_munmap((uintptr_t)p, len);
	__atomic_sub_fetch(&mapped, len, __ATOMIC_RELAXED);
}

void *gcmeta_grow(void *p, size_t len, size_t newlen)
{
	long q;

	if (!p)
		return gcmeta_map(newlen);
	q = sys_mremap((uintptr_t)p, len, newlen, MREMAP_MAYMOVE, 0);
	if (sys_failed(q))
		return NULL;
	__atomic_add_fetch(&mapped, newlen - len, __ATOMIC_RELAXED);
	return (void *)q;
}

void *gcmeta_alloc(size_t size)
{
	size_t align = size >= LINE ? LINE : 16;
	uintptr_t p;

	size = (size + align - 1) & ~(align - 1);
	if (size > CHUNK / 4)
		return gcmeta_map(size);
	shim_lock_acquire(&chunk_lock);
	p = (chunk_cur + align - 1) & ~(uintptr_t)(align - 1);
	if (!p || p + size > chunk_end) {
		p = (uintptr_t)gcmeta_map(CHUNK);
		if (p)
			chunk_end = p + CHUNK;
	}
	if (p)
		chunk_cur = p + size;
	shim_lock_release(&chunk_lock);
	return (void *)p;
}

size_t gcmeta_bytes(void)
{
	return __atomic_load_n(&mapped, __ATOMIC_RELAXED);
}

void gcmeta_fork_prepare(void)
{
	shim_lock_acquire(&chunk_lock);
}

void gcmeta_fork_done(void)
{
	shim_lock_release(&chunk_lock);
}
