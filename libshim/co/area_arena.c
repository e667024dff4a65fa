// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * area_arena: areas that are a pages arena of hugearena.ko.
 *
 * The module's fault handler refuses the lowest page of each slot, so that a
 * guard costs neither a mapping nor a system call.  The arena file is closed as
 * soon as it is mapped, so that a program that closes or counts all descriptors
 * finds none of ours; MADV_REMOVE gives memory back without a descriptor.
 */
#include <errno.h>
#include <fcntl.h>

#include "../../kmod/uapi/hugearena.h"
#include "area.h"
#include "base/sys.h"

#define BLOCK	((size_t)2 << 20)

/* Can the device be used? The answer does not change. */
static bool is_offered(long dev)
{
	struct hugearena_info info = { 0 };

	return !sys_call3(SYS_ioctl, dev, HUGEARENA_IOC_INFO, (long)&info) &&
	       info.kinds & (1ULL << HUGEARENA_KIND_PAGES);
}

static long arena_create(long dev, const struct area *a)
{
	struct hugearena_create c = {
		.size = a->bytes,
		.kind = HUGEARENA_KIND_PAGES,
		.flags = a->order | HUGEARENA_SLOT_GUARD,
		.node = HUGEARENA_NODE_LOCAL,
		.name = "stacks",
	};

	return sys_call3(SYS_ioctl, dev, HUGEARENA_IOC_CREATE, (long)&c);
}

static int arena_map(struct area *a)
{
	size_t slot = (size_t)1 << a->order, align = slot > BLOCK ? slot : BLOCK;
	long dev, fd, at;
	uintptr_t base;

	if (a->bytes % BLOCK)
		return EINVAL;
	dev = sys_open(HUGEARENA_DEVICE, O_RDWR | O_CLOEXEC);
	if (sys_failed(dev))
		return (int)-dev;
	fd = is_offered(dev) ? arena_create(dev, a) : -EOPNOTSUPP;
	sys_call3(SYS_close, dev, 0, 0);
	if (sys_failed(fd))
		return (int)-fd;
	/* address space for slots of more than a block, aligned to their size */
	at = sys_mmap(0, a->bytes + align, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(at))
		goto close;
	base = ((uintptr_t)at + align - 1) & ~(align - 1);
	sys_munmap((uintptr_t)at, a->bytes + align);
	at = sys_mmap(base, a->bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED_NOREPLACE, (int)fd, 0);
	/*
	 * the kernel took the address as a hint, or another thread was faster
	 */
	if (!sys_failed(at) && (uintptr_t)at != base) {
		sys_munmap((uintptr_t)at, a->bytes);
		at = -EEXIST;
	}
close:
	sys_call3(SYS_close, fd, 0, 0);
	if (sys_failed(at))
		return (int)-at;
	a->base = (char *)at;
	return 0;
}

static void arena_guard(struct area *a, size_t first, size_t nr)
{
	for (; nr--; first++)
		slot_set_guard(&a->records[first], SHIM_STACK_GUARD_ARENA);
}

static void arena_drop(struct area *a, const struct area_range *r, size_t nr)
{
	(void)a;
	for (; nr--; r++)
		sys_madvise((uintptr_t)r->low, (size_t)(r->high - r->low),
			    MADV_REMOVE);
}

const struct area_kind area_arena = { arena_map, arena_guard, arena_drop };
