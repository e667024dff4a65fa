// SPDX-License-Identifier: GPL-2.0-only
/*
 * Families and arenas: making, finding, ending; see arena.h for the locks.
 *
 * Keeps true: an arena is in its family's list from publish to retire; the
 * counters of resident memory match the table whenever no lock of the arena is
 * held.  Called by dev, upkeep, empty, dirty, map, remap, release, move, mesh and
 * cow.
 */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "arena.h"
#include "compat.h"
#include "inode.h"
#include "mmu.h"
#include "trace.h"

LIST_HEAD(ha_arenas);
static DEFINE_SPINLOCK(arenas_lock);	/* writers of ha_arenas */
static atomic_t nr_objects;		/* not freed yet */
static DECLARE_WAIT_QUEUE_HEAD(objects_gone);
static atomic64_t next_id;
static struct kmem_cache *cache;

static struct shrinker *shrinker;
static bool shrinker_registered;

/*
 * Until the grace period has ended, readers of ha_arenas may look at the
 * numbers and at mm->owner.  This runs in a worker because mmdrop() takes
 * locks that others hold with softirqs enabled.
 */
static void arena_free_work(struct work_struct *work)
{
	struct ha_arena *a = container_of(to_rcu_work(work), struct ha_arena,
					  free);

	mmdrop(a->mm);
	kmem_cache_free(cache, a);
}

struct ha_arena *ha_arena_new(struct ha_family *f, struct mm_struct *mm)
{
	struct ha_arena *a = kmem_cache_zalloc(cache, GFP_KERNEL_ACCOUNT);
	int i;

	if (!a)
		return NULL;
	a->inode = ha_inode_new((loff_t)f->nblocks << HA_BLOCK_SHIFT);
	if (!a->inode) {
		kmem_cache_free(cache, a);
		return NULL;
	}
	kref_init(&a->ref);
	atomic_inc(&nr_objects);
	kref_get(&f->ref);
	a->family = f;
	INIT_LIST_HEAD(&a->sibling);
	INIT_LIST_HEAD(&a->all);
	mmgrab(mm);
	a->mm = mm;
	init_rwsem(&a->rw);
	mutex_init(&a->remap_lock);
	for (i = 0; i < HA_LOCKS; i++)
		mutex_init(&a->locks[i]);
	xa_init_flags(&a->table, XA_FLAGS_ACCOUNT);
	ha_source_init(&a->source, mm, f->account, f->node);
	a->common = ha_family_is_common(f);
	a->source.common = a->common;
	INIT_DELAYED_WORK(&a->upkeep, f->upkeep);
	INIT_RCU_WORK(&a->free, arena_free_work);
	a->ino = f->inode->i_ino;
	a->nblocks = f->nblocks;
	a->kind = f->kind;
	strscpy(a->name, f->name, sizeof(a->name));
	a->id = atomic64_inc_return(&next_id);
	return a;
}

void ha_arena_publish(struct ha_arena *a)
{
	list_add_tail(&a->sibling, &a->family->arenas);
	spin_lock(&arenas_lock);
	list_add_tail_rcu(&a->all, &ha_arenas);
	spin_unlock(&arenas_lock);
}

/*
 * Drop all memory.  It is not mapped, and there are no other readers of the
 * table.
 */
static void ha_arena_empty(struct ha_arena *a)
{
	struct ha_gone gone;
	unsigned long index;
	void *entry;

	ha_gone_init(&gone, a->family->account);
	xa_for_each(&a->table, index, entry) {
		struct ha_block *b = ha_entry_block(entry);

		if (b) {
			ha_arena_account(a, b, -1);
			ha_block_put_gone(b, NULL, &gone);
		} else {
			ha_arena_count(a, HA_A_LOST, -1);
		}
		cond_resched();
	}
	ha_source_gone(&gone);
	xa_destroy(&a->table);
	atomic_long_set(&a->count[HA_A_MESHED], 0);
	a->meshed = false;
}

void ha_arena_retire(struct ha_arena *a)
{
	struct ha_family *f = a->family;
	struct ha_arena *s;

	mutex_lock(&f->lock);
	if (!list_empty(&a->sibling)) {
		list_del_init(&a->sibling);
		spin_lock(&arenas_lock);
		list_del_rcu(&a->all);
		spin_unlock(&arenas_lock);
	}
	list_for_each_entry(s, &f->arenas, sibling) {
		if (s->parent == a->id)
			s->parent = a->parent;
		/*
		 * a block that it shared with us may now belong to it
		 * exclusively
		 */
		ha_arena_upkeep_soon(s);
	}
	/*
	 * it cannot be found any more, and still has its share: see
	 * ha_cow_claim()
	 */
	f->leaving++;
	mutex_unlock(&f->lock);
	WRITE_ONCE(a->retired, true);
	if (cancel_delayed_work(&a->upkeep))
		ha_arena_put(a);
	down_write(&a->rw);
	ha_arena_empty(a);
	up_write(&a->rw);
	mutex_lock(&f->lock);
	f->leaving--;
	WRITE_ONCE(f->left, f->left + 1);
	mutex_unlock(&f->lock);
	wake_up_all(&f->gone);
	ha_source_exit(&a->source);
}

static void family_release(struct kref *ref)
{
	struct ha_family *f = container_of(ref, struct ha_family, ref);

	WARN_ON_ONCE(!list_empty(&f->arenas));
	mmdrop(f->maker);
	ha_account_put(f->account);
	ha_inode_put(f->inode);
	kfree(f);
}

static void arena_release(struct kref *ref)
{
	struct ha_arena *a = container_of(ref, struct ha_arena, ref);
	struct ha_family *f = a->family;

	WARN_ON_ONCE(!list_empty(&a->sibling));
	ha_arena_empty(a);
	ha_source_exit(&a->source);
	ha_inode_put(a->inode);
	queue_rcu_work(ha_wq, &a->free);
	kref_put(&f->ref, family_release);
	if (atomic_dec_and_test(&nr_objects))
		wake_up(&objects_gone);
}

bool ha_arena_unmap(struct ha_arena *a)
{
	if (!atomic_dec_and_test(&a->nvma))
		return false;
	if (a == a->family->first) {
		/* the file keeps the arena, and its maker may map it again */
		down_write(&a->rw);
		ha_arena_empty(a);
		a->cow = false;
		up_write(&a->rw);
	} else {
		ha_arena_retire(a);
		ha_arena_put(a);
	}
	return true;
}

void ha_arena_put(struct ha_arena *a)
{
	kref_put(&a->ref, arena_release);
}

struct ha_arena *ha_arena_find(struct ha_family *f, struct mm_struct *mm)
{
	struct ha_arena *a;

	list_for_each_entry(a, &f->arenas, sibling)
		if (a->mm == mm || a->common)
			return a;
	return NULL;
}

bool ha_arena_descends(const struct ha_arena *a, const struct ha_arena *of)
{
	/* a child is made after its parent, and stands behind it in the list */
	while (a->parent >= of->id) {
		const struct ha_arena *p = a;

		if (a->parent == of->id)
			return true;
		list_for_each_entry_continue_reverse(p, &a->family->arenas,
						     sibling)
			if (p->id == a->parent)
				break;
		if (list_entry_is_head(p, &a->family->arenas, sibling))
			return false;
		a = p;
	}
	return false;
}

struct ha_arena *ha_arena_get_current_maybe_null(struct ha_family *f)
{
	struct ha_arena *a;

	mutex_lock(&f->lock);
	a = ha_arena_find(f, current->mm);
	if (a)
		kref_get(&a->ref);
	mutex_unlock(&f->lock);
	return a;
}

struct ha_arena *ha_arena_get_by_id_maybe_null(u64 id)
{
	struct ha_arena *a;
	bool found = false;

	rcu_read_lock();
	list_for_each_entry_rcu(a, &ha_arenas, all) {
		if (a->id != id)
			continue;
		found = kref_get_unless_zero(&a->ref);
		break;
	}
	rcu_read_unlock();
	return found ? a : NULL;
}

static void family_name(struct ha_family *f, const char *name)
{
	char comm[TASK_COMM_LEN];
	char *p;

	if (!name[0])
		name = get_task_comm(comm, current);
	strscpy(f->name, name, sizeof(f->name));
	/*
	 * reports are split at blanks: make it one word, whatever the task is
	 * called
	 */
	for (p = f->name; *p; p++)
		if (!isascii(*p) || !isgraph(*p))
			*p = '_';
	if (!f->name[0])
		strscpy(f->name, "_", sizeof(f->name));
}

static pgoff_t guard_mask(const struct hugearena_create *c)
{
	unsigned int shift = c->flags & HUGEARENA_SLOT_SHIFT_MASK;

	if (!(c->flags & HUGEARENA_SLOT_GUARD))
		return 0;
	return (1UL << (shift - PAGE_SHIFT)) - 1;
}

struct ha_family *ha_family_new(const struct hugearena_create *c,
				work_func_t upkeep)
{
	struct ha_family *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return ERR_PTR(-ENOMEM);
	kref_init(&f->ref);
	mutex_init(&f->lock);
	init_waitqueue_head(&f->gone);
	INIT_LIST_HEAD(&f->arenas);
	f->upkeep = upkeep;
	f->nblocks = c->size >> HA_BLOCK_SHIFT;
	f->kind = c->kind;
	f->flags = c->flags;
	f->guard_mask = guard_mask(c);
	f->node = c->node == HUGEARENA_NODE_LOCAL ? NUMA_NO_NODE : c->node;
	family_name(f, c->name);
	f->account = ha_account_new();
	if (!f->account)
		goto err_free;
	f->inode = ha_inode_new(c->size);
	if (!f->inode)
		goto err_account;
	mmgrab(current->mm);
	f->maker = current->mm;
	f->first = ha_arena_new(f, f->maker);
	if (!f->first) {
		kref_put(&f->ref, family_release);
		return ERR_PTR(-ENOMEM);
	}
	mutex_lock(&f->lock);
	ha_arena_publish(f->first);
	mutex_unlock(&f->lock);
	return f;

err_account:
	ha_account_put(f->account);
err_free:
	kfree(f);
	return ERR_PTR(-ENOMEM);
}

void ha_family_close(struct ha_family *f)
{
	ha_arena_retire(f->first);
	ha_arena_put(f->first);
	kref_put(&f->ref, family_release);
}

void ha_arena_mark_dirty(struct ha_arena *a, pgoff_t index, unsigned long n)
{
	unsigned long last = index + n - 1;
	void *entry;

	if (!a->tracked)
		return;
	xa_for_each_range(&a->table, index, entry, index, last)
		xa_set_mark(&a->table, index, HA_MARK_DIRTY);
}

void ha_arena_zap(struct ha_arena *a, pgoff_t index, unsigned long n)
{
	ha_arena_mark_dirty(a, index, n);
	ha_arena_zap_pages(a, index << HA_BLOCK_ORDER, n << HA_BLOCK_ORDER);
}

void ha_arena_zap_pages(struct ha_arena *a, pgoff_t pgoff, unsigned long n)
{
	struct address_space *mapping = a->family->inode->i_mapping;

	if (a->common)
		ha_mmu_zap_all(mapping, pgoff, n);
	else
		ha_mmu_zap(mapping, a->mm, pgoff, n);
}

void ha_arena_account(struct ha_arena *a, const struct ha_block *b, int sign)
{
	ha_arena_count(a, b->folio ? HA_A_WHOLE : HA_A_SPLIT, sign);
	ha_arena_count(a, HA_A_RESIDENT, sign * (long)ha_block_pages(b));
}

void ha_arena_unmesh(struct ha_arena *a, pgoff_t index, unsigned int n,
		     enum ha_counter why)
{
	long left;

	if (!n)
		return;
	/* an estimate while relatives share: see ha_arena_resident() */
	left = atomic_long_sub_return(n, &a->count[HA_A_MESHED]);
	if (left < 0)
		atomic_long_add(-left, &a->count[HA_A_MESHED]);
	ha_arena_count(a, HA_A_UNMESHED, n);
	ha_stat_add(why, n);
	trace_unmesh(a->id, index, n, why);
}

void ha_arena_replace(struct ha_arena *a, pgoff_t index, struct ha_block *old,
		      struct ha_block *new)
{
	unsigned int shares;

	/* the entry exists, so that storing another one allocates nothing */
	if (new)
		xa_store(&a->table, index, new, GFP_NOWAIT);
	else
		xa_erase(&a->table, index);
	ha_block_settle(old);
	ha_arena_zap(a, index, 1);
	ha_arena_account(a, old, -1);
	if (new)
		ha_arena_account(a, new, 1);
	shares = ha_block_put(old, &a->source);
	ha_arena_unmesh(a, index, shares, new ? HA_UNMESH_JOIN :
						HA_UNMESH_RELEASE);
}

void ha_arena_upkeep_soon(struct ha_arena *a)
{
	if (a->common || delayed_work_pending(&a->upkeep) ||
	    READ_ONCE(a->retired))
		return;
	kref_get(&a->ref);
	if (!queue_delayed_work(ha_wq_mm, &a->upkeep, HZ))
		ha_arena_put(a);
}

static unsigned long reserve_count(struct shrinker *s,
				   struct shrink_control *sc)
{
	struct ha_arena *a;
	unsigned long n = 0;

	if (!ha_pool_shortage())
		return SHRINK_EMPTY;
	rcu_read_lock();
	list_for_each_entry_rcu(a, &ha_arenas, all)
		n += ha_source_spendable(&a->source);
	rcu_read_unlock();
	return n ?: SHRINK_EMPTY;
}

/* Reserves go first: they hold no data, and demand fills them again. */
static unsigned long reserve_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = 0;
	struct ha_arena *a;

	rcu_read_lock();
	list_for_each_entry_rcu(a, &ha_arenas, all) {
		if (freed >= sc->nr_to_scan)
			break;
		freed += ha_source_shrink(&a->source, sc->nr_to_scan - freed);
	}
	rcu_read_unlock();
	return freed ?: SHRINK_STOP;
}

bool ha_arena_give(struct ha_arena *a)
{
	unsigned long n = 0;
	struct ha_arena *o;

	if (ha_source_give(&a->source))
		return true;
	rcu_read_lock();
	list_for_each_entry_rcu(o, &ha_arenas, all) {
		if (o->source.mm == a->source.mm)
			n = ha_source_shrink(&o->source, HA_BLOCK_PAGES);
		if (n)
			break;
	}
	rcu_read_unlock();
	return n;
}

int ha_arena_init(void)
{
	int err = -ENOMEM;

	cache = kmem_cache_create("hugearena_arena", sizeof(struct ha_arena),
				  0, SLAB_ACCOUNT, NULL);
	if (!cache)
		return -ENOMEM;
	shrinker = ha_shrinker_alloc(0);
	if (!shrinker)
		goto err_cache;
	shrinker->count_objects = reserve_count;
	shrinker->scan_objects = reserve_scan;
	shrinker->batch = HA_BLOCK_PAGES;
	err = ha_shrinker_register(shrinker, "hugearena-reserve");
	if (err)
		goto err_shrinker;
	shrinker_registered = true;
	return 0;

err_shrinker:
	ha_shrinker_free(shrinker, false);
err_cache:
	kmem_cache_destroy(cache);
	return err;
}

void ha_arena_exit(void)
{
	ha_shrinker_free(shrinker, shrinker_registered);
	shrinker_registered = false;
	/* upkeep that was planned while its arena retired ends within a second */
	wait_event(objects_gone, !atomic_read(&nr_objects));
	rcu_barrier();	/* arena_free_work() is queued ... */
	flush_workqueue(ha_wq);		/* ... and done */
	flush_workqueue(ha_wq_mm);
	kmem_cache_destroy(cache);
}
