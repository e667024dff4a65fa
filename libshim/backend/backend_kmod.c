// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * backend_kmod: blocks from /dev/hugearena.
 *
 * A window of address space is one arena: offset 0 of the file is the window's
 * base, so that all mappings of an arena agree about it, as the module demands.
 * A fault past the quota or without memory is SIGBUS, so every block is
 * populated before it is used, and a block that cannot be populated is not
 * used.
 *
 * The application may close our descriptor, as a daemon that closes all of them
 * does, and get the same number for a file of its own.  So before each use the
 * descriptor is checked to be the file that we opened.  Once it is not, memory
 * still comes from the existing mappings, and is given back by madvise().
 *
 * Protected by the PAGEHEAP lock where state changes (open, window, map,
 * fork_child); the other calls only read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stddef.h>
#include <string.h>

#include "../../kmod/uapi/hugearena.h"
#include "backend.h"
#include "base/pagemap.h"
#include "base/sys.h"

#define ARENAS_MAX	64	/* one for each window; the first is 1 TiB */

struct arena {
	uintptr_t base;
	size_t len;
	int fd;
	uint64_t ino;
	uint64_t dev;
};

static struct arena arenas[ARENAS_MAX] SHIM_BSS_LARGE;
static unsigned int nr_arenas;		/* release: entries are complete */
static uint64_t max_size;
static uint64_t features;

static int device_open(void)
{
	return (int)sys_call6(SYS_openat, AT_FDCWD, (long)HUGEARENA_DEVICE,
			      O_RDWR | O_CLOEXEC, 0, 0, 0);
}

/* Which file does a descriptor refer to? Return: false if it is closed. */
static bool fd_identity(int fd, uint64_t *dev, uint64_t *ino)
{
	struct statx sx;

	if (sys_call6(SYS_statx, fd, (long)"", AT_EMPTY_PATH, STATX_INO,
		      (long)&sx, 0))
		return false;
	*dev = (uint64_t)sx.stx_dev_major << 32 | sx.stx_dev_minor;
	*ino = sx.stx_ino;
	return true;
}

/* The arena's descriptor if it still refers to our file, or -1. */
static int arena_fd(const struct arena *a)
{
	uint64_t dev, ino;

	if (fd_identity(a->fd, &dev, &ino) && dev == a->dev && ino == a->ino)
		return a->fd;
	return -1;
}

static struct arena *arena_of(uintptr_t addr)
{
	unsigned int n = __atomic_load_n(&nr_arenas, __ATOMIC_ACQUIRE), i;

	for (i = n; i-- > 0;)
		if (addr - arenas[i].base < arenas[i].len)
			return &arenas[i];
	return NULL;
}

static bool kmod_open(void)
{
	const uint64_t need = HUGEARENA_FEAT_RELEASE;
	struct hugearena_info info;
	int fd = device_open();
	bool ok;

	if (fd < 0)
		return false;
	ok = !sys_call3(SYS_ioctl, fd, HUGEARENA_IOC_INFO, (long)&info) &&
	     info.block_size == BLOCK_SIZE && (info.features & need) == need &&
	     (info.kinds & 1ULL << HUGEARENA_KIND_BLOCKS);
	sys_call3(SYS_close, fd, 0, 0);
	max_size = info.max_size;
	features = info.features;
	return ok;
}

static bool kmod_window(uintptr_t base, size_t len)
{
	struct hugearena_create create;
	struct arena *a;
	int dev, fd;

	if (nr_arenas == ARENAS_MAX)
		return false;
	if (len > max_size)
		len = max_size & ~(BLOCK_SIZE - 1);
	dev = device_open();
	if (dev < 0)
		return false;
	memset(&create, 0, sizeof(create));
	create.size = len;
	create.kind = HUGEARENA_KIND_BLOCKS;
	create.node = HUGEARENA_NODE_LOCAL;
	fd = (int)sys_call3(SYS_ioctl, dev, HUGEARENA_IOC_CREATE,
			    (long)&create);
	sys_call3(SYS_close, dev, 0, 0);
	if (fd < 0)
		return false;
	a = &arenas[nr_arenas];
	a->base = base;
	a->len = len;
	a->fd = fd;
	if (!fd_identity(fd, &a->dev, &a->ino)) {
		sys_call3(SYS_close, fd, 0, 0);
		return false;
	}
	/* pairs with the acquire in arena_of() */
	__atomic_store_n(&nr_arenas, nr_arenas + 1, __ATOMIC_RELEASE);
	return true;
}

static enum backend_map kmod_map(uintptr_t addr, size_t len, bool whole)
{
	struct arena *a = arena_of(addr);
	int fd;
	long p;

	(void)whole;
	if (!a || addr + len > a->base + a->len)
		return BACKEND_MAP_TAKEN;
	fd = arena_fd(a);
	if (fd < 0)
		return BACKEND_MAP_TAKEN;	/* each window has an arena of its own */
	p = sys_mmap(addr, len, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED_NOREPLACE, fd, addr - a->base);
	if (p == -17 /* EEXIST */)
		return BACKEND_MAP_TAKEN;
	if (sys_failed(p))
		return BACKEND_MAP_NOMEM;
	if ((uintptr_t)p != addr) {
		sys_munmap((uintptr_t)p, len);
		return BACKEND_MAP_TAKEN;
	}
	return BACKEND_MAP_OK;
}

static bool kmod_whole(uintptr_t start, size_t len)
{
	return sys_madvise(start, len, MADV_POPULATE_WRITE) == 0;
}

static unsigned int remove_each(const struct backend_range *r, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (sys_madvise(r[i].start, r[i].len, MADV_REMOVE))
			break;
	return i;
}

static unsigned int kmod_release(const struct backend_range *r, unsigned int nr)
{
	struct hugearena_range ranges[BACKEND_RANGES];
	struct hugearena_release rel;
	struct arena *a = arena_of(r[0].start);
	unsigned int i;
	int fd;

	if (!a)
		return 0;
	fd = arena_fd(a);
	if (fd < 0 || nr > BACKEND_RANGES)
		return remove_each(r, nr);
	for (i = 0; i < nr; i++) {
		ranges[i].offset = r[i].start - a->base;
		ranges[i].len = r[i].len;
	}
	memset(&rel, 0, sizeof(rel));
	rel.ranges = (uint64_t)(uintptr_t)ranges;
	rel.nr = nr;
	if (sys_call3(SYS_ioctl, fd, HUGEARENA_IOC_RELEASE, (long)&rel))
		return remove_each(r, nr);
	return nr;
}

/* The module splits a block when a part of it is released. */
static bool kmod_thin(uintptr_t block, size_t used)
{
	struct backend_range rest = { block + used, BLOCK_SIZE - used };

	if (!kmod_whole(block, BLOCK_SIZE))
		return false;
	/*
	 * what was not released keeps its memory, which is not counted: stop
	 * here
	 */
	kmod_release(&rest, 1);
	return true;
}

/* Have a block joined, or split. */
static bool block_remade(uintptr_t block, unsigned long request)
{
	struct hugearena_join join;
	struct arena *a = arena_of(block);
	int fd;

	if (!a)
		return false;
	fd = arena_fd(a);
	if (fd < 0)
		return false;
	memset(&join, 0, sizeof(join));
	join.offset = block - a->base;
	join.len = BLOCK_SIZE;
	return !sys_call3(SYS_ioctl, fd, (long)request, (long)&join) &&
	       !join.busy && !join.failed;
}

static bool kmod_join(uintptr_t block)
{
	return block_remade(block, HUGEARENA_IOC_JOIN);
}

static bool kmod_can_mesh(void)
{
	const uint64_t need = HUGEARENA_FEAT_MESH | HUGEARENA_FEAT_SPLIT;

	return (features & need) == need;
}

static bool kmod_apart(uintptr_t block)
{
	return block_remade(block, HUGEARENA_IOC_SPLIT);
}

_Static_assert(sizeof(struct mesh_move) == sizeof(struct hugearena_move) &&
	       offsetof(struct mesh_move, len) ==
	       offsetof(struct hugearena_move, len),
	       "moves are handed to the module as they are");
_Static_assert(sizeof(char[MESH_PAIRS]) <= HUGEARENA_MESH_MAX &&
	       sizeof(char[MESH_MOVES]) <= HUGEARENA_MESH_MOVES_MAX,
	       "it takes as many");

/* Pairs of one arena. */
static void arena_mesh(const struct arena *a, struct mesh_pair *p,
		       unsigned int nr, const struct mesh_move *moves)
{
	struct hugearena_pair pairs[MESH_PAIRS];
	struct hugearena_mesh mesh;
	unsigned int i;
	long ret;

	memset(&mesh, 0, sizeof(mesh));
	memset(pairs, 0, nr * sizeof(pairs[0]));
	for (i = 0; i < nr; i++) {
		pairs[i].dst = p[i].dst - a->base;
		pairs[i].src = p[i].src - a->base;
		pairs[i].len = p[i].len;
		pairs[i].nr_moves = p[i].nr_moves;
		mesh.nr_moves += p[i].nr_moves;
	}
	mesh.pairs = (uint64_t)(uintptr_t)pairs;
	mesh.moves = (uint64_t)(uintptr_t)moves;
	mesh.nr = nr;
	ret = sys_call3(SYS_ioctl, arena_fd(a), HUGEARENA_IOC_MESH,
			(long)&mesh);
	for (i = 0; i < nr; i++)
		p[i].result = ret ? (int32_t)ret : pairs[i].result;
}

static void kmod_mesh(struct mesh_pair *pairs, unsigned int nr,
		      const struct mesh_move *moves)
{
	unsigned int i, n;

	for (i = 0; i < nr; i += n) {
		const struct arena *a = arena_of(pairs[i].src);
		unsigned int nr_moves = 0;

		for (n = 0; i + n < nr; n++) {
			const struct mesh_pair *p = &pairs[i + n];

			if (arena_of(p->src) != a || arena_of(p->dst) != a)
				break;
			nr_moves += p->nr_moves;
		}
		if (n) {
			arena_mesh(a, pairs + i, n, moves);
		} else {
			pairs[i].result = -EXDEV;
			nr_moves = pairs[i].nr_moves;
			n = 1;
		}
		moves += nr_moves;
	}
}

const struct backend_ops backend_kmod = {
	.name = "kmod",
	.open = kmod_open,
	.window = kmod_window,
	.map = kmod_map,
	.whole = kmod_whole,
	.thin = kmod_thin,
	.release = kmod_release,
	.join = kmod_join,
	.can_mesh = kmod_can_mesh,
	.apart = kmod_apart,
	.fill = kmod_whole,
	.mesh = kmod_mesh,
};
