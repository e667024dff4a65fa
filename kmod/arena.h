/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arenas and families.
 *
 * A family is an arena file: what its maker and every process that inherited
 * the mapping by fork share.  An arena is one process's view of the file: a
 * table of blocks, the lock that guards it, a supply of memory, counters.  All
 * VMAs of a family hang on the family inode's mapping (one zap reaches them
 * all); the folios of an arena carry its own inode's (futex keys are made of
 * it).
 *
 * Locks, outermost first; each line may be taken under those above it:
 *
 *	0  ha_arena.remap_lock		replacing VMAs
 *	1  mmap_lock, per-VMA lock	the kernel's
 *	2  ha_family.lock		list of arenas
 *	3  ha_arena.rw			read: fault, release, join; write: fork,
 *					release of whole blocks
 *	4  ha_arena.locks[]		one block's table entry and content
 *	5  folio lock			until a page that a fault took is mapped
 *	6  i_mmap_rwsem, page table locks	inside a zap
 *	7  ha_source.lock, pool and quota spinlocks
 *
 * fork() takes the parent's rw while it holds the child's, which no task holds
 * while it waits for the parent's; two arenas are never locked together
 * otherwise.  fork() holds the mmap_lock of both for writing, so that no other
 * fork can come between.
 */
#ifndef _HUGEARENA_ARENA_H
#define _HUGEARENA_ARENA_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "block.h"
#include "uapi/hugearena.h"

/*
 * Mark in the table: a zap lost dirty bits of the block's PTEs, so that all of
 * its pages count as written to.  Set only in arenas that are tracked.
 */
#define HA_MARK_DIRTY	XA_MARK_0

/* Table entry of a block that a fork could not copy: access is SIGBUS. */
#define HA_LOST_ENTRY	xa_mk_value(0)

/* What an arena counts; the first HA_SOURCES are faults by source. */
enum ha_arena_counter {
	HA_A_COW_BLOCKS = HA_SOURCES,
	HA_A_RELEASED,		/* pages */
	HA_A_JOINED,
	HA_A_FORKS,
	HA_A_RESIDENT,		/* pages, shared ones included */
	HA_A_MESHED,		/* slots whose page another has */
	HA_A_MESHES,
	HA_A_UNMESHED,
	HA_A_WHOLE,		/* whole blocks */
	HA_A_SPLIT,		/* split blocks and overlays */
	HA_A_SHARED,		/* blocks shared when last looked at */
	HA_A_LOST,
	HA_A_COUNTERS
};

/* Enough that 16 threads rarely share a lock for different blocks. */
#define HA_LOCKS	64

/**
 * struct ha_family - an arena file
 * @ref: the file and every arena
 * @lock: guards @arenas; held for look-ups and not for work
 * @arenas: every arena of the family
 * @inode: the file's inode, with a reference; its mapping knows all VMAs
 * @account: whose quota pays
 * @maker: mm that made it, the only one that may map it again
 * @first: the maker's arena
 * @upkeep: work function of its arenas; handed in from above, because this
 *	layer calls none that could do the work
 * @nblocks: size in blocks
 * @kind: HUGEARENA_KIND_*
 * @flags: of HUGEARENA_IOC_CREATE
 * @guard_mask: a page whose offset in pages has none of these bits is a guard;
 *	0 where there are no guards
 * @node: preferred NUMA node
 * @seals: HUGEARENA_SEAL_* of a shared arena, guarded by @lock; none is ever
 *	taken off
 * @leaving: arenas that are off the list and have not dropped their memory yet,
 *	guarded by @lock
 * @left: arenas that have, ever; changed under @lock
 * @gone: woken when @left changes
 * @name: for reports
 */
struct ha_family {
	struct kref ref;
	struct mutex lock;	/* 2 in the list above */
	struct list_head arenas;
	struct inode *inode;
	struct ha_account *account;
	struct mm_struct *maker;
	struct ha_arena *first;
	work_func_t upkeep;
	unsigned long nblocks;
	u32 kind;
	u32 flags;
	pgoff_t guard_mask;
	int node;
	u32 seals;
	unsigned int leaving;
	unsigned long left;
	wait_queue_head_t gone;
	char name[HUGEARENA_NAME_LEN];
};

/*
 * Is it a shared arena?  Then @first is the only arena, and every process's, at
 * any address: no fork copies it, and it has neither upkeep nor a reserve.
 */
static inline bool ha_family_is_common(const struct ha_family *f)
{
	return f->flags & HUGEARENA_CREATE_SHARED;
}

/* Is this a guard page, which never has memory? */
static inline bool ha_family_guards(const struct ha_family *f, pgoff_t pgoff)
{
	return f->guard_mask && !(pgoff & f->guard_mask);
}

/**
 * struct ha_arena - one process's copy of a family's memory, or all processes'
 * @ref: one for its VMAs (the maker's: for the file), upkeep that is planned,
 *	and readers
 * @family: the file, with a reference
 * @sibling: in the family's list, guarded by its lock
 * @parent: id of the arena it was forked from, or of the nearest forebear that
 *	is left; 0 for none; guarded by the family's lock
 * @all: in the list of all arenas, RCU
 * @free: for freeing after a grace period
 * @mm: the process's, or the maker's of a shared arena; held by mmgrab()
 * @base: address of offset 0, valid while @nvma is not 0; never of a shared arena
 * @nvma: VMAs
 * @rw: see above
 * @locks: one for every HA_LOCKS-th block
 * @table: block index to struct ha_block or HA_LOST_ENTRY
 * @inode: futex identity, and what folio->mapping->host leads to
 * @source: the supply
 * @upkeep: decay, background join, end of sharing
 * @retired: no upkeep any more
 * @remap_lock: one remapper at a time; taken before mmap_lock
 * @remapper: the task that replaces a VMA by an equal one just now
 * @remap_hole: it took the old one away and the new one is not there yet
 * @tables: a fault has seen a whole block mapped by PTEs
 * @cow: its VMAs are copy-on-write; written under mmap_lock and @rw for
 *	writing
 * @id: number in reports
 * @ino: of the family's inode, for readers of ha_arenas, who may outlive it
 * @nblocks: likewise
 * @kind: likewise
 * @common: likewise, whether it is a shared arena
 * @name: likewise
 * @meshed: two slots of it may share a page; written under @rw for writing
 * @tracked: somebody asks for its dirty bits; written once, under @rw for
 *	writing
 * @around: page after those that the last read mapped around itself: a hint,
 *	hence no lock
 * @count: HA_A_COUNTERS numbers
 */
struct ha_arena {
	struct kref ref;
	struct ha_family *family;
	struct list_head sibling;
	u64 parent;
	struct list_head all;
	struct rcu_work free;
	struct mm_struct *mm;
	unsigned long base;
	atomic_t nvma;
	struct rw_semaphore rw;		/* 3 */
	struct mutex locks[HA_LOCKS];	/* 4 */
	struct xarray table;
	struct inode *inode;
	struct ha_source source;
	struct delayed_work upkeep;
	struct mutex remap_lock;	/* 0: outside all the others */
	struct task_struct *remapper;
	bool remap_hole;
	bool retired;
	bool tables;
	bool cow;
	bool tracked;
	bool meshed;
	pgoff_t around;
	u64 id;
	unsigned long ino;
	unsigned long nblocks;
	u32 kind;
	bool common;
	char name[HUGEARENA_NAME_LEN];
	atomic_long_t count[HA_A_COUNTERS];
};

static inline struct mutex *ha_arena_lock(struct ha_arena *a, pgoff_t index)
{
	return &a->locks[index % HA_LOCKS];
}

static inline void ha_arena_count(struct ha_arena *a, int counter, long n)
{
	atomic_long_add(n, &a->count[counter]);
}

static inline unsigned long ha_arena_read(const struct ha_arena *a, int counter)
{
	return atomic_long_read(&a->count[counter]);
}

/*
 * 4 KiB pages of memory that the arena has; a page that two slots share counts
 * once.  While it is copy-on-write with meshed pages in it, that is an
 * estimate: it is not known which slots of a page are in blocks that a
 * relative has dropped.
 */
static inline unsigned long ha_arena_resident(const struct ha_arena *a)
{
	return max(0L, (long)(ha_arena_read(a, HA_A_RESIDENT) -
			      ha_arena_read(a, HA_A_MESHED)));
}

/* A table entry's block, NULL for none and for a lost one. */
static inline struct ha_block *ha_entry_block(void *entry)
{
	return xa_is_value(entry) ? NULL : entry;
}

/**
 * ha_family_new() - make a family with its maker's arena
 * @c: checked parameters of HUGEARENA_IOC_CREATE
 * @upkeep: what its arenas' workers do
 *
 * Return: a family with one reference, the caller's, or an error pointer.
 */
struct ha_family *ha_family_new(const struct hugearena_create *c,
				work_func_t upkeep);

/* The file was released: no VMA is left, and no arena but the maker's. */
void ha_family_close(struct ha_family *f);

/**
 * ha_arena_new() - an empty arena
 * @f: its family, whose lock the caller holds, or which nobody knows yet
 * @mm: whose it is
 *
 * Return: the arena with one reference, in no list, or NULL without memory.
 */
struct ha_arena *ha_arena_new(struct ha_family *f, struct mm_struct *mm);

/* Make an arena visible to its family and in reports.  Family's lock held. */
void ha_arena_publish(struct ha_arena *a);

/* Drop all memory and leave the family.  Caller's reference stays. */
void ha_arena_retire(struct ha_arena *a);

void ha_arena_put(struct ha_arena *a);

/**
 * ha_arena_unmap() - a VMA of an arena is gone
 * @a: arena, one of whose VMAs it was
 *
 * With the last one all memory goes, and unless the file keeps the arena for its
 * maker, so do the arena and the reference that the VMAs had.
 *
 * Return: true if it was the last one.
 */
bool ha_arena_unmap(struct ha_arena *a);

/**
 * ha_arena_find() - an mm's arena in a family
 * @f: family, its lock held
 * @mm: whose
 *
 * Return: the arena, without a reference, or NULL.  A shared arena is every mm's.
 */
struct ha_arena *ha_arena_find(struct ha_family *f, struct mm_struct *mm);

/* Was @a made by forks that began with @of?  Family's lock held. */
bool ha_arena_descends(const struct ha_arena *a, const struct ha_arena *of);

/* The calling process's arena with a reference, or NULL. */
struct ha_arena *ha_arena_get_current_maybe_null(struct ha_family *f);

/**
 * ha_arena_get_by_id_maybe_null() - any process's arena
 * @id: its number in reports
 *
 * Return: the arena with a reference, or NULL when there is none of that number
 * or it is about to go.
 */
struct ha_arena *ha_arena_get_by_id_maybe_null(u64 id);

/**
 * ha_arena_zap() - take blocks out of the page tables of who maps an arena
 * @a: the arena
 * @index: first block
 * @n: blocks
 */
void ha_arena_zap(struct ha_arena *a, pgoff_t index, unsigned long n);

/* The same for @n 4 KiB pages that are going to be released. */
void ha_arena_zap_pages(struct ha_arena *a, pgoff_t pgoff, unsigned long n);

static inline void ha_arena_zap_page(struct ha_arena *a, pgoff_t pgoff)
{
	ha_arena_zap_pages(a, pgoff, 1);
}

/**
 * ha_arena_mark_dirty() - whatever the PTEs say, pages may have been written to
 * @a: arena
 * @index: first block
 * @n: blocks
 */
void ha_arena_mark_dirty(struct ha_arena *a, pgoff_t index, unsigned long n);

/**
 * ha_arena_account() - count a block in or out
 * @a: arena
 * @b: block that enters or leaves its table
 * @sign: 1 or -1
 */
void ha_arena_account(struct ha_arena *a, const struct ha_block *b, int sign);

/**
 * ha_arena_unmesh() - slots no longer share their page with other slots
 * @a: arena
 * @index: their block
 * @n: how many; 0 counts nothing
 * @why: HA_UNMESH_COW, _JOIN or _RELEASE
 */
void ha_arena_unmesh(struct ha_arena *a, pgoff_t index, unsigned int n,
		     enum ha_counter why);

/**
 * ha_arena_replace() - put another block, or none, into the table
 * @a: arena; rw held, and the lock of the block unless rw is held for writing
 * @index: which
 * @old: what is there, a block
 * @new: what shall be there, or NULL
 *
 * Waits for faults that hold pages of @old, unmaps it and drops it.
 */
void ha_arena_replace(struct ha_arena *a, pgoff_t index, struct ha_block *old,
		      struct ha_block *new);

/*
 * Have upkeep run in about a second; cheap if that is planned already.  Never
 * for a shared arena: it is unclear whose mmap_lock and whose memory cgroup
 * upkeep would use.
 */
void ha_arena_upkeep_soon(struct ha_arena *a);

/*
 * At a quota, give back what the arena has in reserve, or another of the same
 * process; none of their locks held.  Return: whether there was anything, so
 * that a fault that got -EDQUOT is worth another try.
 */
bool ha_arena_give(struct ha_arena *a);

/* All arenas, under rcu_read_lock(). */
extern struct list_head ha_arenas;

int ha_arena_init(void);
void ha_arena_exit(void);

#endif /* _HUGEARENA_ARENA_H */
