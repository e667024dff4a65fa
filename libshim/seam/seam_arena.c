// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * seam_arena: arenas of the module for the libraries above.
 *
 * Keeps true: an arena's offset 0 is mapped at its base, all of it, once.  As
 * with the heap's own arenas, the application may close the descriptor, and get
 * its number again for another file; so before each use the descriptor is
 * checked to refer to our file.
 *
 * No lock: only its owner uses an arena.  Called by the libraries above.
 */
#define SEAM_CORE
#include <fcntl.h>
#include <errno.h>
#include <linux/stat.h>
#include <string.h>

#include "../kmod/uapi/hugearena.h"
#include "seam.h"
#include "base/sys.h"

#define SEAM_EXPORT	__attribute__((visibility("default")))

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

/* The arena file, or a negative errno. */
static int arena_create(struct hugearena_create *create)
{
	struct hugearena_info info;
	long dev, ret;

	dev = sys_call6(SYS_openat, AT_FDCWD, (long)HUGEARENA_DEVICE,
			O_RDWR | O_CLOEXEC, 0, 0, 0);
	if (dev < 0)
		return (int)dev;
	ret = sys_call3(SYS_ioctl, dev, HUGEARENA_IOC_INFO, (long)&info);
	if (!ret && (create->kind >= 64 ||
		     !(info.kinds & 1ULL << create->kind)))
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = sys_call3(SYS_ioctl, dev, HUGEARENA_IOC_CREATE,
				(long)create);
	sys_call3(SYS_close, dev, 0, 0);
	return (int)ret;
}

SEAM_EXPORT int seam_arena(struct seam_arena *a, unsigned int kind,
			   uint32_t flags, size_t size, const char *name)
{
	struct hugearena_create create;
	long p;
	int fd;

	if (!size || size % SEAM_BLOCK_SIZE || strlen(name) >= SEAM_NAME_LEN)
		return -EINVAL;
	memset(&create, 0, sizeof(create));
	create.size = size;
	create.kind = kind;
	create.flags = flags;
	create.node = HUGEARENA_NODE_LOCAL;
	memcpy(create.name, name, strlen(name));
	fd = arena_create(&create);
	if (fd < 0)
		return fd;
	p = fd_identity(fd, &a->dev, &a->ino) ?
		sys_mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) :
		-EBADF;
	if (sys_failed(p)) {
		sys_call3(SYS_close, fd, 0, 0);
		return (int)p;
	}
	a->base = (uintptr_t)p;
	a->size = size;
	a->fd = fd;
	return 0;
}

SEAM_EXPORT int seam_arena_fd(const struct seam_arena *a)
{
	uint64_t dev, ino;

	if (fd_identity(a->fd, &dev, &ino) && dev == a->dev && ino == a->ino)
		return a->fd;
	return -1;
}

SEAM_EXPORT void seam_arena_put(struct seam_arena *a)
{
	int fd = seam_arena_fd(a);

	sys_munmap(a->base, a->size);
	if (fd >= 0)
		sys_call3(SYS_close, fd, 0, 0);
}

static unsigned int remove_each(const struct seam_arena *a,
				const struct seam_range *r, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (sys_madvise(a->base + r[i].offset, r[i].len, MADV_REMOVE))
			break;
	return i;
}

SEAM_EXPORT unsigned int seam_release(const struct seam_arena *a,
				      const struct seam_range *r,
				      unsigned int nr)
{
	int fd = seam_arena_fd(a);
	struct hugearena_release rel;

	_Static_assert(!(HUGEARENA_RELEASE_MAX - SEAM_RELEASE_MAX) &&
		       sizeof(struct seam_range) ==
		       sizeof(struct hugearena_range), "passed on as it is");
	if (!nr || nr > SEAM_RELEASE_MAX)
		return 0;
	if (fd < 0)
		return remove_each(a, r, nr);
	memset(&rel, 0, sizeof(rel));
	rel.ranges = (uint64_t)(uintptr_t)r;
	rel.nr = nr;
	if (sys_call3(SYS_ioctl, fd, HUGEARENA_IOC_RELEASE, (long)&rel))
		return remove_each(a, r, nr);
	return nr;
}

SEAM_EXPORT long seam_dirty(const struct seam_arena *a, uint64_t offset,
			    uint64_t len, uint64_t *bitmap)
{
	struct hugearena_dirty dirty;
	int fd = seam_arena_fd(a);
	long ret;

	if (fd < 0)
		return -EBADF;
	memset(&dirty, 0, sizeof(dirty));
	dirty.offset = offset;
	dirty.len = len;
	dirty.bitmap = (uint64_t)(uintptr_t)bitmap;
	dirty.flags = HUGEARENA_DIRTY_CLEAR;
	ret = sys_call3(SYS_ioctl, fd, HUGEARENA_IOC_DIRTY, (long)&dirty);
	return ret ? ret : (long)dirty.dirty;
}
