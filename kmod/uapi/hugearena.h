/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * hugearena: the contract between hugearena.ko and its users.
 *
 * open("/dev/hugearena") and issue HUGEARENA_IOC_INFO or HUGEARENA_IOC_CREATE
 * on it.  CREATE returns an arena: a file like a memfd, made of 2 MiB blocks,
 * that only the process that made it can map and that a forked child inherits
 * copy-on-write.  The standard calls come first: mmap(MAP_SHARED),
 * fallocate(PUNCH_HOLE | KEEP_SIZE) and madvise(MADV_REMOVE) to release,
 * madvise(MADV_POPULATE_WRITE) to populate; the other ioctls act on the arena
 * file and exist only where no such call does.
 *
 * Every structure has a fixed size; every unknown bit and every padding byte
 * that is not zero is refused with EINVAL, every unknown command with ENOTTY.
 * There is no version number: HUGEARENA_IOC_INFO names the features.
 *
 * An arena file reaches the caller's own copy of the arena.  A process without
 * one (which, for example, got the file by SCM_RIGHTS) gets ENXIO.  A shared
 * arena (HUGEARENA_CREATE_SHARED) is the other kind of file: one memory for all
 * processes that have the file, like a memfd.
 */
#ifndef _UAPI_HUGEARENA_H
#define _UAPI_HUGEARENA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HUGEARENA_DEVICE	"/dev/hugearena"
#define HUGEARENA_NAME_LEN	32

/* struct hugearena_info.features */
#define HUGEARENA_FEAT_RELEASE	(1ULL << 0)	/* HUGEARENA_IOC_RELEASE */
#define HUGEARENA_FEAT_JOIN	(1ULL << 1)	/* HUGEARENA_IOC_JOIN */
#define HUGEARENA_FEAT_BLOCKS	(1ULL << 2)	/* HUGEARENA_IOC_BLOCKS */
#define HUGEARENA_FEAT_ACCESSED	(1ULL << 3)	/* accessed and dirty bits */
#define HUGEARENA_FEAT_RESERVE	(1ULL << 4)	/* blocks zeroed ahead */
#define HUGEARENA_FEAT_VIEW	(1ULL << 5)	/* HUGEARENA_IOC_VIEW */
#define HUGEARENA_FEAT_DIRTY	(1ULL << 6)	/* HUGEARENA_IOC_DIRTY */
#define HUGEARENA_FEAT_MESH	(1ULL << 7)	/* HUGEARENA_IOC_MESH */
#define HUGEARENA_FEAT_SHARED	(1ULL << 8)	/* HUGEARENA_CREATE_SHARED, _SEAL */
#define HUGEARENA_FEAT_MOVE	(1ULL << 9)	/* HUGEARENA_IOC_MOVE */
#define HUGEARENA_FEAT_SPLIT	(1ULL << 10)	/* HUGEARENA_IOC_SPLIT */

/**
 * struct hugearena_info - what the module offers
 * @features: HUGEARENA_FEAT_* bits
 * @block_size: bytes in a block (2 MiB)
 * @max_size: largest arena, bytes
 * @global_limit: cap on the bytes of all arenas, 0 for none
 * @user_limit: cap on the bytes of one user's arenas, 0 for none
 * @cgroup_limit: cap on the bytes of one cgroup's arenas, 0 for none
 * @user_bytes: bytes the calling user's arenas hold now
 * @kinds: bit n set: arena kind n can be created
 * @reserved: zero
 */
struct hugearena_info {
	__u64 features;
	__u64 block_size;
	__u64 max_size;
	__u64 global_limit;
	__u64 user_limit;
	__u64 cgroup_limit;
	__u64 user_bytes;
	__u64 kinds;
	__u64 reserved[8];
};

/* struct hugearena_create.kind */
#define HUGEARENA_KIND_BLOCKS	0		/* memory in 2 MiB blocks */
#define HUGEARENA_KIND_PAGES	1		/* in 4 KiB pages, never more */

/*
 * struct hugearena_create.flags of HUGEARENA_KIND_PAGES: both or neither.  The
 * arena is divided into slots of 1 << shift bytes, shift from 13 (8 KiB) to 30,
 * counted from offset 0; with GUARD the lowest 4 KiB of each is a guard page.
 * No memory is ever there: an access is SIGSEGV (SEGV_MAPERR, si_addr exact),
 * and EFAULT where the kernel does it for the process.  A guard costs no
 * mapping of its own.
 */
#define HUGEARENA_SLOT_SHIFT_MASK	0xffU
#define HUGEARENA_SLOT_SHIFT_MIN	13
#define HUGEARENA_SLOT_SHIFT_MAX	30
#define HUGEARENA_SLOT_GUARD		(1U << 8)

/*
 * struct hugearena_create.flags, any kind: a shared arena.  Whoever has the
 * file (by SCM_RIGHTS, say) maps it, at any suitable address and as often as it
 * likes, and all see the same memory; fork() copies nothing.  The content lives
 * until the last file and the last mapping are gone, and munmap() releases
 * nothing.  The size never changes; fstat() returns it.
 *
 * The maker's account (user, cgroup and total) is charged, whichever process
 * touches the memory, and CAP_SYS_RESOURCE of the process that touches it lifts
 * no limit.  A memory cgroup is charged for what its tasks touch first, as with
 * any shared memory.  Once a limit is reached, an access to memory that is not
 * there raises SIGBUS in every process.  So a process that shares with one it
 * does not trust must be prepared for SIGBUS, as with a memfd that can be
 * truncated.
 *
 * HUGEARENA_IOC_RELEASE, _JOIN, _BLOCKS and _STAT work for every process that
 * has the file (but see HUGEARENA_SEAL_WRITE), and affect all of them.  Futexes
 * shared between processes work in it.  EOPNOTSUPP: HUGEARENA_IOC_MESH,
 * HUGEARENA_IOC_DIRTY, HUGEARENA_BLOCKS_CLEAR (which would need all of the page
 * tables).  Nothing is done in the background: no joins, and no reserve.
 */
#define HUGEARENA_CREATE_SHARED		(1U << 9)

#define HUGEARENA_NODE_LOCAL	(-1)		/* the faulting CPU's node */

/**
 * struct hugearena_create - make an arena
 * @size: bytes of address space, a multiple of the block size, not 0
 * @kind: HUGEARENA_KIND_BLOCKS or HUGEARENA_KIND_PAGES
 * @flags: 0 or HUGEARENA_CREATE_SHARED, and for HUGEARENA_KIND_PAGES a slot shift
 *	and HUGEARENA_SLOT_GUARD
 * @node: NUMA node to take blocks from first, or HUGEARENA_NODE_LOCAL
 * @pad: must be 0
 * @name: NUL-terminated; shown in /proc/hugearena/arenas.  Printable ASCII
 *	without blanks; empty for the process's command name.
 *
 * The ioctl returns a file descriptor, opened O_RDWR | O_CLOEXEC.  No memory
 * is taken until it is touched.
 *
 * HUGEARENA_KIND_PAGES is for memory that is used a few pages here and there
 * (stacks), and for memory whose writes are followed page by page
 * (HUGEARENA_IOC_DIRTY).  It takes 4 KiB at a time, from the page allocator;
 * HUGEARENA_IOC_JOIN is EOPNOTSUPP.  All else is as in blocks.
 */
struct hugearena_create {
	__u64 size;
	__u32 kind;
	__u32 flags;
	__s32 node;
	__u32 pad;
	char name[HUGEARENA_NAME_LEN];
};

/* A part of an arena file: byte offset and length, multiples of 4 KiB. */
struct hugearena_range {
	__u64 offset;
	__u64 len;
};

#define HUGEARENA_RELEASE_MAX	1024

/**
 * struct hugearena_release - give many ranges back
 * @ranges: address of an array of struct hugearena_range, ascending, disjoint
 * @nr: how many, 1 to HUGEARENA_RELEASE_MAX
 * @flags: must be 0
 * @released: out: bytes that stopped being resident
 */
struct hugearena_release {
	__u64 ranges;
	__u32 nr;
	__u32 flags;
	__u64 released;
};

/**
 * struct hugearena_join - make split blocks whole again, or split whole ones
 * @offset: byte offset, a multiple of the block size
 * @len: bytes, a multiple of the block size
 * @flags: must be 0
 * @joined: out: blocks that are whole now and were not; for HUGEARENA_IOC_SPLIT:
 *	that are split now and were not
 * @busy: out: blocks left as they are because a page is pinned or shared
 * @failed: out: blocks left as they are for want of memory or quota
 *
 * HUGEARENA_IOC_SPLIT has the content of blocks in 4 KiB pages, as
 * HUGEARENA_IOC_MESH needs it, and gives nothing back.  A block that is full may
 * be joined again in the background, unless a page of it is meshed.
 */
struct hugearena_join {
	__u64 offset;
	__u64 len;
	__u32 flags;
	__u32 joined;
	__u32 busy;
	__u32 failed;
};

/* struct hugearena_block.state */
#define HUGEARENA_BLOCK_ABSENT	0	/* nothing there */
#define HUGEARENA_BLOCK_WHOLE	1	/* one 2 MiB folio */
#define HUGEARENA_BLOCK_SPLIT	2	/* 4 KiB pages, .pages of 512 */
#define HUGEARENA_BLOCK_LOST	3	/* a fork had no memory: SIGBUS */

/* struct hugearena_block.flags */
#define HUGEARENA_BLOCK_SHARED	(1 << 0)	/* with a relative by fork */
#define HUGEARENA_BLOCK_MAPPED	(1 << 1)	/* by a PMD, here, now */
#define HUGEARENA_BLOCK_ACCESSED (1 << 2)	/* since the last clear */
#define HUGEARENA_BLOCK_DIRTY	(1 << 3)
#define HUGEARENA_BLOCK_POOL	(1 << 4)	/* came from the pool */
#define HUGEARENA_BLOCK_MESHED	(1 << 5)	/* has pages that others have */
#define HUGEARENA_BLOCK_COMMON	(1 << 6)	/* of a shared arena */

/**
 * struct hugearena_block - one block as the module and the MMU see it
 * @pages: 4 KiB pages resident, 0 to 512
 * @state: HUGEARENA_BLOCK_ABSENT and so on
 * @flags: HUGEARENA_BLOCK_SHARED and so on
 * @node: NUMA node of a whole block, -1 otherwise
 * @pfn: first page frame of a whole block for CAP_SYS_ADMIN, else 0
 */
struct hugearena_block {
	__u16 pages;
	__u8 state;
	__u8 flags;
	__s32 node;
	__u64 pfn;
};

#define HUGEARENA_BLOCKS_CLEAR	(1 << 0)	/* clear the accessed bits */
#define HUGEARENA_BLOCKS_MAX	65536

/**
 * struct hugearena_blocks - look at a run of blocks
 * @offset: byte offset of the first, a multiple of the block size
 * @vec: address of an array of @nr struct hugearena_block
 * @nr: how many, 1 to HUGEARENA_BLOCKS_MAX
 * @flags: HUGEARENA_BLOCKS_CLEAR or 0
 *
 * The ioctl returns the number filled in, less than @nr at the arena's end.
 * Blocks of a shared arena have neither MAPPED nor ACCESSED nor DIRTY.
 */
struct hugearena_blocks {
	__u64 offset;
	__u64 vec;
	__u32 nr;
	__u32 flags;
};

/**
 * struct hugearena_stat - one arena in numbers
 * @id: the arena's number in /proc/hugearena/arenas
 * @size: bytes of address space
 * @resident: bytes of physical memory, what relatives share included, each
 *	meshed page once
 * @blocks: whole blocks
 * @split: blocks kept as 4 KiB pages
 * @shared: blocks shared with a relative by fork
 * @lost: blocks that fork could not give this process (SIGBUS)
 * @fault_reserve: faults served by a block of the arena's reserve
 * @fault_pool: by a block of the pool
 * @fault_demand: by a block allocated in the fault
 * @fault_small: by a 4 KiB page
 * @fault_map: by mapping memory the arena already had
 * @cow_pages: 4 KiB pages copied after fork
 * @cow_blocks: blocks copied after fork, or by it where they were pinned
 * @released: bytes given back
 * @joined: blocks made whole again
 * @reserve: blocks zeroed ahead of demand, waiting
 * @forks: times this arena was forked
 * @kind: HUGEARENA_KIND_*
 * @flags: as at HUGEARENA_IOC_CREATE
 * @meshed: bytes that meshing saves now: what its pages would take more if each
 *	slot had its own
 * @meshes: pages that were replaced by another one
 * @unmeshed: of these: written to beside a relative, joined, or released
 * @mappings: VMAs that map it; of a shared arena: in all processes
 * @seals: HUGEARENA_SEAL_* of a shared arena
 * @reserved: zero
 */
struct hugearena_stat {
	__u64 id;
	__u64 size;
	__u64 resident;
	__u64 blocks;
	__u64 split;
	__u64 shared;
	__u64 lost;
	__u64 fault_reserve;
	__u64 fault_pool;
	__u64 fault_demand;
	__u64 fault_small;
	__u64 fault_map;
	__u64 cow_pages;
	__u64 cow_blocks;
	__u64 released;
	__u64 joined;
	__u64 reserve;
	__u64 forks;
	__u32 kind;
	__u32 flags;
	__u64 meshed;
	__u64 meshes;
	__u64 unmeshed;
	__u32 mappings;
	__u32 seals;
	__u64 reserved[1];
};

/**
 * struct hugearena_view - look at another process's arena
 * @id: its number in /proc/hugearena/arenas
 * @flags: must be 0
 * @pad: must be 0
 *
 * The ioctl returns a file descriptor on which HUGEARENA_IOC_BLOCKS and
 * HUGEARENA_IOC_STAT work, and nothing else.  It keeps no memory of the arena
 * alive.  CAP_SYS_PTRACE, or EPERM; ESRCH when there is no such arena.
 */
struct hugearena_view {
	__u64 id;
	__u32 flags;
	__u32 pad;
};

#define HUGEARENA_DIRTY_CLEAR	(1 << 0)	/* a bit is read and cleared */

/**
 * struct hugearena_dirty - which pages were written to since the last call
 * @offset: byte offset, a multiple of 4 KiB
 * @len: bytes, a multiple of 4 KiB
 * @bitmap: address of an array of __u64, (len / 4096 + 63) / 64 of them
 * @flags: HUGEARENA_DIRTY_CLEAR
 * @pad: must be 0
 * @dirty: out: how many bits are set
 *
 * Bit n % 64 of word n / 64 is set when page n of the range was written to
 * through the caller's mapping since its bit was last cleared.  It is the
 * MMU's own dirty bit: nobody faults for it, and the TLB is flushed before the
 * call returns.  A page that is written to while the call runs is reported by
 * it or by the next one.
 *
 * Never too few: where dirty bits were lost, because the module had to unmap a
 * block (fork, an end of sharing, HUGEARENA_IOC_MESH), all its resident and
 * absent pages are reported until a call covers the block whole; the same is
 * true of what a call that failed had cleared.  What the program unmaps itself
 * (munmap, MADV_DONTNEED) and what a device writes through a pin is not known
 * here.  The first call starts the tracking; what it reports is not less than
 * what was written before.
 *
 * The memory must be mapped by 4 KiB pages: an arena of HUGEARENA_KIND_PAGES,
 * or one mapped at an address that is not congruent to its offset (offset 4096
 * at a multiple of 2 MiB, say).  Any other is EOPNOTSUPP.  EBUSY while relatives
 * by fork exist or upkeep has not yet ended the sharing with the last of them:
 * take all pages for written to then.
 */
struct hugearena_dirty {
	__u64 offset;
	__u64 len;
	__u64 bitmap;
	__u32 flags;
	__u32 pad;
	__u64 dirty;
};

/* Bytes that move from the one range of a pair to the other; see there. */
struct hugearena_move {
	__u32 at;		/* offset in both ranges */
	__u32 len;		/* not 0 */
};

#define HUGEARENA_MESH_LEN_MAX		65536
#define HUGEARENA_MESH_MAX		64
#define HUGEARENA_MESH_MOVES_MAX	8192

/**
 * struct hugearena_pair - two ranges that are to have one range's memory
 * @dst: byte offset of the range whose memory stays, a multiple of 4 KiB
 * @src: byte offset of the range whose memory goes, a multiple of 4 KiB
 * @len: bytes of each, a multiple of 4 KiB, up to HUGEARENA_MESH_LEN_MAX; neither
 *	range may cross a multiple of the block size, nor overlap the other
 * @nr_moves: how many of the array of moves are this pair's
 * @result: out: 0, or a negative errno: EBUSY where a page of @src is pinned,
 *	a relative by fork is or was about, or a thread of the caller's process
 *	waits for a robust mutex; ENOENT where a page is not there or
 *	belongs to a whole block (see HUGEARENA_IOC_SPLIT); EEXIST where they have
 *	one page already; EMLINK where a page of @dst is had by 256 already;
 *	EHWPOISON where memory failed
 * @pad: must be 0
 */
struct hugearena_pair {
	__u64 dst;
	__u64 src;
	__u32 len;
	__u32 nr_moves;
	__s32 result;
	__u32 pad;
};

/**
 * struct hugearena_mesh - let pairs of ranges have one range's memory
 * @pairs: address of an array of struct hugearena_pair, result 0 in each
 * @moves: address of an array of struct hugearena_move, the first pair's first
 * @nr: pairs, 1 to HUGEARENA_MESH_MAX; done one after the other
 * @nr_moves: moves of all pairs, 0 to HUGEARENA_MESH_MOVES_MAX
 * @flags: must be 0
 * @pad: must be 0
 * @meshed: in: 0; out: pairs that were meshed
 * @busy: in: 0; out: pairs with result -EBUSY
 * @freed: in: 0; out: bytes of memory that are free now
 *
 * For an allocator with two half-empty ranges whose live bytes are not at the
 * same offsets.  For each pair the bytes that its moves name are copied from
 * @src to @dst, and then @src has the memory of @dst: a write to either is seen
 * in both.  All other bytes of @src are lost.  No address changes, and the
 * program may read and write the live bytes of both ranges in the meantime; an
 * access to @src may wait for a moment.  The caller ensures that the live bytes
 * do not overlap, and that none are named twice.
 *
 * Each pair is meshed whole or not at all.  Memory of a range that is meshed
 * goes when the last range that has it is released; release of one leaves the
 * others.  HUGEARENA_IOC_JOIN makes a block whole again by giving it memory of
 * its own.  A child made by fork has copies of all, as ever.
 *
 * The process's VmRSS counts a page for each address it is mapped at; Pss, the
 * memory cgroup, the quota and @resident of HUGEARENA_IOC_STAT count it once.
 *
 * A futex in @src that processes share (FUTEX without PRIVATE,
 * PTHREAD_PROCESS_SHARED) is known by its page: who waits on it while it moves
 * is not woken.  Such objects are not to be in ranges that are meshed, but for
 * robust mutexes: nothing is meshed while a thread of the caller's process has an
 * operation pending in its list of them, see set_robust_list(2).
 */
struct hugearena_mesh {
	__u64 pairs;
	__u64 moves;
	__u32 nr;
	__u32 nr_moves;
	__u32 flags;
	__u32 pad;
	__u32 meshed;
	__u32 busy;
	__u64 freed;
};

/*
 * No process can map the arena again, not even its maker.  fork() still
 * inherits mappings.
 */
#define HUGEARENA_SEAL_MAP	(1U << 0)
/*
 * No process can map it writable again, and only its maker can release its
 * memory.  Existing mappings stay as they are: the maker maps, seals, and then
 * passes the file on.
 */
#define HUGEARENA_SEAL_WRITE	(1U << 1)

/**
 * struct hugearena_seal - add seals to a shared arena
 * @seals: HUGEARENA_SEAL_* bits, at least one
 * @pad: must be 0
 *
 * A seal is never taken off.  Only for the process that made the arena, or
 * EPERM; EOPNOTSUPP for an arena that is not shared.
 */
struct hugearena_seal {
	__u32 seals;
	__u32 pad;
};

/**
 * struct hugearena_move_to - move blocks to a NUMA node
 * @offset: byte offset, a multiple of the block size
 * @len: bytes, a multiple of the block size
 * @node: where to, a node with memory
 * @flags: must be 0
 * @moved: in: 0; out: blocks with memory elsewhere that are there now
 * @busy: in: 0; out: blocks left where they are because a page is pinned, meshed
 *	or shared with a relative by fork
 * @failed: in: 0; out: blocks left where they are because there was no memory
 *	or quota
 * @pad: must be 0
 *
 * The kernel does not move an arena's memory, neither by move_pages() nor for
 * mbind() or a cpuset.  This does: a block is unmapped, copied and replaced,
 * and an access in the meantime waits.  While a block is copied, both copies
 * are charged to the quota; the memory cgroup that was charged stays charged.
 * The node from which faults take memory does not change.  EACCES where the
 * caller's cpuset or memory policy does not allow @node.  Returns early, with
 * what was done, for a signal.
 */
struct hugearena_move_to {
	__u64 offset;
	__u64 len;
	__s32 node;
	__u32 flags;
	__u32 moved;
	__u32 busy;
	__u32 failed;
	__u32 pad;
};

#define HUGEARENA_IOC_MAGIC	0xC5

/* on /dev/hugearena */
#define HUGEARENA_IOC_INFO	_IOR(HUGEARENA_IOC_MAGIC, 0x00, \
				     struct hugearena_info)
#define HUGEARENA_IOC_CREATE	_IOW(HUGEARENA_IOC_MAGIC, 0x01, \
				     struct hugearena_create)
#define HUGEARENA_IOC_VIEW	_IOW(HUGEARENA_IOC_MAGIC, 0x02, \
				     struct hugearena_view)
/* on an arena; BLOCKS and STAT also on a view */
#define HUGEARENA_IOC_RELEASE	_IOWR(HUGEARENA_IOC_MAGIC, 0x10, \
				      struct hugearena_release)
#define HUGEARENA_IOC_JOIN	_IOWR(HUGEARENA_IOC_MAGIC, 0x11, \
				      struct hugearena_join)
#define HUGEARENA_IOC_BLOCKS	_IOW(HUGEARENA_IOC_MAGIC, 0x12, \
				     struct hugearena_blocks)
#define HUGEARENA_IOC_STAT	_IOR(HUGEARENA_IOC_MAGIC, 0x13, \
				     struct hugearena_stat)
#define HUGEARENA_IOC_MESH	_IOWR(HUGEARENA_IOC_MAGIC, 0x14, \
				      struct hugearena_mesh)
#define HUGEARENA_IOC_DIRTY	_IOWR(HUGEARENA_IOC_MAGIC, 0x15, \
				      struct hugearena_dirty)
#define HUGEARENA_IOC_MOVE	_IOWR(HUGEARENA_IOC_MAGIC, 0x17, \
				      struct hugearena_move_to)
#define HUGEARENA_IOC_SPLIT	_IOWR(HUGEARENA_IOC_MAGIC, 0x18, \
				      struct hugearena_join)
#define HUGEARENA_IOC_SEAL	_IOW(HUGEARENA_IOC_MAGIC, 0x16, \
				     struct hugearena_seal)

#endif /* _UAPI_HUGEARENA_H */
