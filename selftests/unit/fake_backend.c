// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>

#include "fake_backend.h"
#include "base/lock.h"
#include "base/pagemap.h"
#include "pageheap/limit.h"

#define SPACE	((size_t)64 << 30)
#define OS_PAGE	4096u

struct fake_backend fake = {
	.first = BACKEND_THP,
	.fail_after = -1,
	.room = SPACE,
};

static uintptr_t base[BACKEND_NR], at[BACKEND_NR];
static unsigned char *gone[BACKEND_NR];	/* a byte for each OS page */
static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);

static bool fails(void)
{
	fake.calls++;
	if (fake.fail_after < 0)
		return false;
	if (!fake.fail_after)
		return true;
	fake.fail_after--;
	return false;
}

static int find(uintptr_t start, size_t len)
{
	int id;

	for (id = 0; id < BACKEND_NR; id++)
		if (base[id] && start >= base[id] && start + len <= at[id])
			return id;
	fake.bad++;
	return -1;
}

static void mark(uintptr_t start, size_t len, int value)
{
	int id = find(start, len);

	if (id >= 0)
		memset(gone[id] + (start - base[id]) / OS_PAGE, value,
		       len / OS_PAGE);
}

bool fake_is_returned(uintptr_t addr)
{
	int id = find(addr & ~(uintptr_t)(OS_PAGE - 1), OS_PAGE);

	return id >= 0 && gone[id][(addr - base[id]) / OS_PAGE];
}

static bool fake_whole(uintptr_t start, size_t len)
{
	bool ok;

	if (fake.on_whole)
		fake.on_whole();
	shim_lock_acquire(&lock);
	if (start % BLOCK_SIZE || len % BLOCK_SIZE || !len)
		fake.bad++;
	ok = !fails();
	if (ok) {
		mark(start, len, 0);
		fake.whole += len;
	}
	shim_lock_release(&lock);
	return ok;
}

static bool fake_thin(uintptr_t block, size_t used)
{
	bool ok;

	shim_lock_acquire(&lock);
	if (block % BLOCK_SIZE || used % OS_PAGE || !used || used >= BLOCK_SIZE)
		fake.bad++;
	ok = !fake.refuse_thin && !fails();
	if (ok) {
		mark(block, used, 0);
		fake.thin++;
	}
	shim_lock_release(&lock);
	return ok;
}

static void fake_pages(uintptr_t block)
{
	shim_lock_acquire(&lock);
	if (block % BLOCK_SIZE)
		fake.bad++;
	fake.split++;
	shim_lock_release(&lock);
}

static void fake_split(uintptr_t page)
{
	shim_lock_acquire(&lock);
	if (page % OS_PAGE || find(page, OS_PAGE) < 0)
		fake.bad++;
	fake.paid++;
	shim_lock_release(&lock);
}

struct fake_backend fake_now(void)
{
	struct fake_backend now;

	shim_lock_acquire(&lock);
	now = fake;
	shim_lock_release(&lock);
	return now;
}

static unsigned int fake_release(const struct backend_range *r, unsigned int nr)
{
	uintptr_t end = 0;
	unsigned int i;

	if (fake.on_release)
		fake.on_release();
	shim_lock_acquire(&lock);
	if (!nr || nr > BACKEND_RANGES)
		fake.bad++;
	for (i = 0; i < nr; i++) {
		if (r[i].start < end || r[i].start % OS_PAGE || !r[i].len ||
		    r[i].len % OS_PAGE)
			fake.bad++;
		end = r[i].start + r[i].len;
		if (fake.refuse_release || fails() ||
		    (fake.locked >= r[i].start && fake.locked < end))
			break;
		mark(r[i].start, r[i].len, 1);
		fake.released += r[i].len;
		fake.ranges++;
		madvise((void *)r[i].start, r[i].len, MADV_DONTNEED);
	}
	shim_lock_release(&lock);
	return i;
}

static bool fake_join(uintptr_t block)
{
	bool ok;

	if (fake.on_join)
		fake.on_join();
	shim_lock_acquire(&lock);
	if (block % BLOCK_SIZE)
		fake.bad++;
	ok = !fake.refuse_join && !fails();
	if (ok) {
		mark(block, BLOCK_SIZE, 0);
		fake.joined++;
	}
	shim_lock_release(&lock);
	return ok;
}

/* As in the kernel: what nobody touched has no memory afterwards, either. */
static void move(uintptr_t from, uintptr_t to, size_t len)
{
	unsigned char there[len / OS_PAGE];
	size_t i;

	madvise((void *)to, len, MADV_DONTNEED);
	mincore((void *)from, len, there);
	for (i = 0; i < len; i += OS_PAGE)
		if (there[i / OS_PAGE] & 1)
			memcpy((void *)(to + i), (void *)(from + i), OS_PAGE);
	madvise((void *)from, len, MADV_DONTNEED);
}

static enum backend_remap fake_remap(uintptr_t from, uintptr_t to, size_t len,
				     bool whole)
{
	enum backend_remap how = fake.remap;

	shim_lock_acquire(&lock);
	if (from % OS_PAGE || to % OS_PAGE || len % OS_PAGE || !len)
		fake.bad++;
	if (whole)
		fake.moved_whole++;
	if (fails())
		how = BACKEND_STAYED;
	if (from < fake.cut && fake.cut < from + len) {
		how = BACKEND_STAYED;
	} else if (fake.moves) {
		fake.moves--;
		how = BACKEND_MOVED;
	}
	if (how == BACKEND_MOVED) {
		move(from, to, len);
		fake.moved += len;
		mark(from, len, 1);
		mark(to, len, 0);
	} else if (how == BACKEND_STAYED) {
		madvise((void *)to, len, MADV_DONTNEED);
		mark(to, len, 0);
	} else {
		/* touching it is fatal */
		mprotect((void *)to, len, PROT_NONE);
	}
	shim_lock_release(&lock);
	return how;
}

static bool fake_can_mesh(void)
{
	return !fake.no_mesh;
}

static bool fake_apart(uintptr_t block)
{
	shim_lock_acquire(&lock);
	if (block % BLOCK_SIZE || find(block, BLOCK_SIZE) < 0)
		fake.bad++;
	fake.apart++;
	shim_lock_release(&lock);
	return true;
}

static bool fake_fill(uintptr_t start, size_t len)
{
	shim_lock_acquire(&lock);
	mark(start, len, 0);
	fake.filled += len;
	shim_lock_release(&lock);
	return true;
}

static void fake_mesh(struct mesh_pair *pairs, unsigned int nr,
		      const struct mesh_move *moves)
{
	unsigned int i, k;

	if (fake.on_mesh)
		fake.on_mesh();
	shim_lock_acquire(&lock);
	if (!nr || nr > MESH_PAIRS)
		fake.bad++;
	for (i = 0; i < nr; i++) {
		struct mesh_pair *p = &pairs[i];

		if (p->result || !p->len || p->len % OS_PAGE ||
		    p->dst % OS_PAGE || p->src % OS_PAGE)
			fake.bad++;
		for (k = 0; k < p->nr_moves; k++, moves++) {
			if (moves->at + moves->len > p->len)
				fake.bad++;
			if (!fake.mesh_result)
				fake.moved_by_mesh += moves->len;
		}
		p->result = fake.mesh_result;
		if (!p->result)
			fake.meshed += p->len;
	}
	shim_lock_release(&lock);
}

static const struct backend_ops ops = {
	.name = "fake",
	.whole = fake_whole,
	.thin = fake_thin,
	.pages = fake_pages,
	.split = fake_split,
	.release = fake_release,
	.join = fake_join,
	.can_mesh = fake_can_mesh,
	.apart = fake_apart,
	.fill = fake_fill,
	.mesh = fake_mesh,
	.remap = fake_remap,
};

/* The module cannot move its blocks. */
static struct backend_ops ops_kmod;

__attribute__((constructor)) static void start(void)
{
	ops_kmod = ops;
	ops_kmod.remap = NULL;
	/* this machine's limits do not count in a test, which sets its own */
	limit_root = "/nowhere";
}

const struct backend_ops *backend_ops(enum backend_id id)
{
	return id == BACKEND_KMOD ? &ops_kmod : &ops;
}

uintptr_t backend_next(enum backend_id id)
{
	return at[id];
}

bool backend_scarce(void)
{
	return fake.scarce;
}

size_t backend_random(size_t n)
{
	(void)n;
	return 0;
}

enum backend_id backend_first(void)
{
	return fake.first;
}

static bool space_make(enum backend_id id)
{
	void *p = mmap(NULL, SPACE + AREA_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	madvise(p, SPACE + AREA_SIZE, MADV_NOHUGEPAGE);
	base[id] = ((uintptr_t)p + AREA_SIZE - 1) & ~(AREA_SIZE - 1);
	at[id] = base[id];
	gone[id] = mmap(NULL, SPACE / OS_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return gone[id] != MAP_FAILED;
}

uintptr_t backend_grow(enum backend_id id, size_t min, size_t want, bool whole,
		       size_t *len)
{
	uintptr_t start = 0;

	(void)whole;
	shim_lock_acquire(&lock);
	if (!min || min > want || min % BLOCK_SIZE || want % BLOCK_SIZE)
		fake.bad++;
	if (fails() || fake.room < min)
		goto out;
	if (!base[id] && !space_make(id))
		goto out;
	if (fake.jump)
		at[id] += BLOCK_SIZE;
	if (want > fake.room)
		want = fake.room & ~(BLOCK_SIZE - 1);
	if (at[id] + want > base[id] + SPACE)
		goto out;
	start = at[id];
	at[id] += want;
	fake.room -= want;
	fake.grown += want;
	memset(gone[id] + (start - base[id]) / OS_PAGE, 1, want / OS_PAGE);
	*len = want;
out:
	shim_lock_release(&lock);
	return start;
}
