// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * meta: memory for the allocator's own records.
 *
 * Records are cut from the front of a chunk, those of more than a page from its end,
 * so that small ones share pages, and, once freed, kept on a list of their rounded
 * size.  Nothing is ever unmapped.  One lock, the last in rank
 * order, protects everything here.  Called by every layer that needs a record:
 * spans, blocks, area maps, bitmaps of long spans.
 *
 * A chunk reserves address space; only the pages that are touched cost memory.
 * Huge pages are declined, because an empty process would pay 2 MiB for its
 * first record.
 */
#include <string.h>

#include "lock.h"
#include "meta.h"
#include "pagemap.h"
#include "sys.h"

#define GRAIN		16u
#define LISTED_MAX	4096u
#define CHUNK_MIN	((size_t)1 << 19)	/* a slab, and 64 MiB of heap: 0.5 MiB */
#define CHUNK_MAX	((size_t)1 << 26)

struct freed {
	struct freed *next;
	size_t size;		/* of the records on the list of big ones */
};

static struct {
	struct shim_lock lock;
	struct freed *list[LISTED_MAX / GRAIN + 1];
	struct freed *big;
	uintptr_t at, end;	/* the rest of the chunk */
	struct meta_stat stat;
} meta = { .lock = SHIM_LOCK_INIT(SHIM_RANK_META) };

static size_t record_size(size_t size)
{
	return (size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
}

static void *list_take(struct freed **link, size_t size, size_t align)
{
	struct freed *f;

	shim_lock_assert(&meta.lock);
	for (f = *link; f; link = &f->next, f = *link) {
		if (size > LISTED_MAX && f->size != size)
			continue;
		if ((uintptr_t)f & (align - 1)) {
			if (size > LISTED_MAX)
				continue;
			return NULL;	/* rare: do not search */
		}
		*link = f->next;
		meta.stat.free -= size;
		return f;
	}
	return NULL;
}

/*
 * Take a new chunk of at least @size bytes.  The rest of the old one stays
 * unused.
 */
static bool chunk_map(size_t size)
{
	size_t len = meta.stat.mapped / 4;
	long p;

	if (len < CHUNK_MIN)
		len = CHUNK_MIN;
	if (len > CHUNK_MAX)
		len = CHUNK_MAX;
	if (len < size)
		len = size;
	len = (len + 4095) & ~(size_t)4095;
	for (;;) {
		p = sys_mmap(0, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (!sys_failed(p))
			break;
		/* address space may be limited: ask for less */
		if (len / 2 < size)
			return false;
		len = len / 2 & ~(size_t)4095;
	}
	sys_madvise((uintptr_t)p, len, MADV_NOHUGEPAGE);
	if (meta.end != (uintptr_t)p)
		meta.at = (uintptr_t)p;
	meta.end = (uintptr_t)p + len;
	meta.stat.mapped += len;
	meta.stat.untouched += len;
	return true;
}

static void *chunk_cut(size_t size, size_t align)
{
	uintptr_t p = (meta.at + align - 1) & ~(uintptr_t)(align - 1);

	if (!meta.at || p + size > meta.end) {
		if (!chunk_map(size + align))
			return NULL;
		p = (meta.at + align - 1) & ~(uintptr_t)(align - 1);
	}
	meta.stat.untouched -= size;
	if (size > LISTED_MAX) {
		meta.end = (meta.end - size) & ~(uintptr_t)(align - 1);
		return (void *)meta.end;
	}
	meta.at = p + size;
	return (void *)p;
}

void *meta_alloc(size_t size, size_t align)
{
	struct freed **list;
	void *p;

	if (align < GRAIN)
		align = GRAIN;
	size = record_size(size);
	list = size > LISTED_MAX ? &meta.big : &meta.list[size / GRAIN];
	shim_lock_acquire(&meta.lock);
	p = list_take(list, size, align);
	if (p)
		memset(p, 0, size);
	else
		p = chunk_cut(size, align);
	if (p)
		meta.stat.used += size;
	shim_lock_release(&meta.lock);
	return p;
}

void meta_free(void *p, size_t size)
{
	struct freed *f = p;
	struct freed **list;

	size = record_size(size);
	list = size > LISTED_MAX ? &meta.big : &meta.list[size / GRAIN];
	shim_lock_acquire(&meta.lock);
	f->size = size;
	f->next = *list;
	*list = f;
	meta.stat.used -= size;
	meta.stat.free += size;
	shim_lock_release(&meta.lock);
}

void meta_get_stat(struct meta_stat *st)
{
	shim_lock_acquire(&meta.lock);
	*st = meta.stat;
	shim_lock_release(&meta.lock);
}

void meta_fork_prepare(void)
{
	shim_lock_fork_prepare(&meta.lock);
}

void meta_fork_parent(void)
{
	shim_lock_fork_parent(&meta.lock);
}

void meta_fork_child(void)
{
	shim_lock_fork_child(&meta.lock);
}
