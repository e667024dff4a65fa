// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports in /proc/hugearena.
 *
 * Keeps true: a reader takes no lock that a fault, mmap() or fork() takes; it
 * walks the arenas under RCU and reads their counters, so that its cost is in
 * the number of arenas and nobody waits for it.  Names and timings are shown to
 * who could trace the process they are of.  Formats are fixed by
 * Documentation/ABI/testing/procfs-hugearena.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "arena.h"
#include "compat.h"
#include "proc.h"
#include "tally.h"

static const char *const counter_names[HA_COUNTERS] = {
	[HA_FAULT_RESERVE] = "FaultReserve",
	[HA_FAULT_POOL] = "FaultPool",
	[HA_FAULT_DEMAND] = "FaultDemand",
	[HA_FAULT_SMALL] = "FaultSmall",
	[HA_FAULT_MAP] = "FaultMap",
	[HA_COW_PAGES] = "CowPages",
	[HA_COW_BLOCKS] = "CowBlocks",
	[HA_COW_REUSED] = "CowReused",
	[HA_FORKS] = "Forks",
	[HA_FORK_FAILED] = "ForkFailed",
	[HA_FORK_COPIED] = "ForkCopied",
	[HA_LOST] = "Lost",
	[HA_RELEASED_PAGES] = "Released",
	[HA_SPLITS] = "Splits",
	[HA_JOINED] = "Joined",
	[HA_JOIN_BUSY] = "JoinBusy",
	[HA_JOIN_FAILED] = "JoinFailed",
	[HA_PINNED] = "Pinned",
	[HA_RECYCLED] = "Recycled",
	[HA_QUOTA_DENIED] = "QuotaDenied",
	[HA_HUGE_FAILED] = "HugeFailed",
	[HA_SHRUNK] = "Shrunk",
	[HA_COW_SPARE] = "CowSpare",
	[HA_MESHES] = "Meshes",
	[HA_MESH_BUSY] = "MeshBusy",
	[HA_UNMESH_COW] = "UnmeshCow",
	[HA_UNMESH_JOIN] = "UnmeshJoin",
	[HA_UNMESH_RELEASE] = "UnmeshRelease",
	[HA_BAD] = "Bad",
	[HA_MOVED] = "Moved",
	[HA_MOVE_BUSY] = "MoveBusy",
	[HA_MOVE_FAILED] = "MoveFailed",
};

static const char *const source_names[HA_SOURCES] = {
	"reserve", "pool", "demand", "small", "map", "cow",
};

static void show_kb(struct seq_file *m, const char *name, u64 bytes)
{
	seq_printf(m, "%s:\t%llu kB\n", name, bytes >> 10);
}

static void show_count(struct seq_file *m, const char *name, u64 n)
{
	seq_printf(m, "%s:\t%llu\n", name, n);
}

static int stat_show(struct seq_file *m, void *v)
{
	u64 size = 0, split = 0, shared = 0, reserve = 0, spare = 0, arenas = 0;
	u64 meshed = 0;
	struct ha_tally totals;
	struct ha_stat *s;
	struct ha_arena *a;
	int i;

	s = kmalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	ha_stat_fold(s);
	rcu_read_lock();
	list_for_each_entry_rcu(a, &ha_arenas, all) {
		arenas++;
		size += (u64)READ_ONCE(a->nblocks) << HA_BLOCK_SHIFT;
		split += ha_arena_read(a, HA_A_SPLIT);
		shared += ha_arena_read(a, HA_A_SHARED);
		meshed += ha_arena_read(a, HA_A_MESHED);
		reserve += READ_ONCE(a->source.nr_clean);
		spare += READ_ONCE(a->source.nr_spare);
	}
	rcu_read_unlock();
	ha_tally_all(&totals);

	show_count(m, "Arenas", arenas);
	show_kb(m, "Size", size);
	show_kb(m, "Resident", (u64)totals.whole * HA_BLOCK_SIZE +
		(u64)totals.pages * PAGE_SIZE);
	show_count(m, "Blocks", totals.whole);
	show_count(m, "Split", split);
	show_count(m, "Pages", totals.pages);
	show_count(m, "Shared", shared);
	show_count(m, "Reserve", reserve);
	for (i = 0; i < HA_COUNTERS; i++) {
		if (i >= HA_BAD)
			break;	/* added later than Spare, hence at the end */
		if (i == HA_RELEASED_PAGES)
			show_kb(m, counter_names[i],
				s->counter[i] << PAGE_SHIFT);
		else
			show_count(m, counter_names[i], s->counter[i]);
	}
	show_count(m, "Spare", spare);
	show_kb(m, "Meshed", meshed << PAGE_SHIFT);
	for (i = HA_BAD; i < HA_COUNTERS; i++)
		show_count(m, counter_names[i], s->counter[i]);
	kfree(s);
	return 0;
}

/*
 * May the reader see all processes?  The credentials with which the file was
 * opened count.
 */
static bool sees_all(struct seq_file *m)
{
	return file_ns_capable(m->file, &init_user_ns, CAP_SYS_PTRACE);
}

/*
 * The times of faults tell what other processes do, and are not kept for each
 * process.
 */
static int latency_show(struct seq_file *m, void *v)
{
	struct ha_stat *s;
	int i, j;

	if (!sees_all(m))
		return -EPERM;
	s = kmalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	ha_stat_fold(s);
	seq_puts(m, "# source: faults shorter than 2^0, 2^1, ... 2^31 ns\n");
	for (i = 0; i < HA_SOURCES; i++) {
		seq_puts(m, source_names[i]);
		for (j = 0; j < HA_BUCKETS; j++)
			seq_printf(m, " %llu", s->latency[i][j]);
		seq_putc(m, '\n');
	}
	kfree(s);
	return 0;
}

static int pool_show(struct seq_file *m, void *v)
{
	struct ha_pool_info p;
	int nid;

	seq_puts(m, "# node clean dirty target floor out failed lent bad\n");
	for_each_online_node(nid) {
		ha_pool_info(nid, &p);
		seq_printf(m, "%d %lu %lu %lu %lu %lu %lu %lu %lu\n", nid, p.clean,
			   p.dirty, p.target, p.floor, p.out, p.failed,
			   p.lent, p.bad);
	}
	return 0;
}

/*
 * A task of the arena's process, or NULL if there is none or it is not known.
 */
static struct task_struct *arena_task(const struct ha_arena *a)
{
#ifdef CONFIG_MEMCG
	return rcu_dereference(a->mm->owner);
#else
	return NULL;
#endif
}

/*
 * The pid of the arena's process in the reader's namespace: 0 if it has none
 * there.
 */
static pid_t arena_pid(const struct ha_arena *a, struct seq_file *m)
{
	struct task_struct *task = arena_task(a);

	if (!task)
		return 0;
	return task_tgid_nr_ns(task, proc_pid_ns(file_inode(m->file)->i_sb));
}

/*
 * May the reader see the arena?  As in ptrace: all ids must be the same, or the
 * reader may trace everybody.
 */
static bool arena_visible(const struct ha_arena *a, struct seq_file *m)
{
	const struct cred *reader = m->file->f_cred, *cred;
	struct task_struct *task;

	if (sees_all(m))
		return true;
	task = arena_task(a);
	if (!task)
		return false;
	if (!ha_task_dumpable(task, a->mm))
		return false;
	cred = __task_cred(task);
	return uid_eq(reader->fsuid, cred->uid) &&
	       uid_eq(reader->fsuid, cred->euid) &&
	       uid_eq(reader->fsuid, cred->suid) &&
	       gid_eq(reader->fsgid, cred->gid) &&
	       gid_eq(reader->fsgid, cred->egid) &&
	       gid_eq(reader->fsgid, cred->sgid);
}

static void *arenas_start(struct seq_file *m, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	return seq_list_start_head_rcu(&ha_arenas, *pos);
}

static void *arenas_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next_rcu(v, &ha_arenas, pos);
}

static void arenas_stop(struct seq_file *m, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static void arena_show_counters(struct seq_file *m, const struct ha_arena *a)
{
	static const int counters[] = {
		HA_A_WHOLE, HA_A_SPLIT, HA_A_SHARED, HA_A_LOST,
		HA_FAULT_RESERVE, HA_FAULT_POOL, HA_FAULT_DEMAND,
		HA_FAULT_SMALL, HA_FAULT_MAP, HA_COW_PAGES, HA_A_COW_BLOCKS,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		seq_put_decimal_ull(m, " ", ha_arena_read(a, counters[i]));
	seq_put_decimal_ull(m, " ", (u64)ha_arena_read(a, HA_A_RELEASED) <<
			    (PAGE_SHIFT - 10));
	seq_put_decimal_ull(m, " ", ha_arena_read(a, HA_A_JOINED));
	seq_put_decimal_ull(m, " ", READ_ONCE(a->source.nr_clean));
	seq_put_decimal_ull(m, " ", ha_arena_read(a, HA_A_FORKS));
}

static int arenas_show(struct seq_file *m, void *v)
{
	const struct ha_arena *a;

	if (v == &ha_arenas) {
		seq_puts(m, "# id pid name size_kb resident_kb blocks split shared lost f_reserve f_pool f_demand f_small f_map cow_pages cow_blocks released_kb joined reserve forks inode kind meshed_kb mode\n");
		return 0;
	}
	a = list_entry(v, struct ha_arena, all);
	if (!arena_visible(a, m))
		return SEQ_SKIP;
	seq_put_decimal_ull(m, "", a->id);
	seq_put_decimal_ll(m, " ", arena_pid(a, m));
	seq_printf(m, " %s", a->name);
	seq_put_decimal_ull(m, " ", (u64)a->nblocks << (HA_BLOCK_SHIFT - 10));
	seq_put_decimal_ull(m, " ", (u64)ha_arena_resident(a) <<
			    (PAGE_SHIFT - 10));
	arena_show_counters(m, a);
	seq_put_decimal_ull(m, " ", a->ino);
	seq_puts(m, a->kind == HUGEARENA_KIND_PAGES ? " pages" : " blocks");
	seq_put_decimal_ull(m, " ", (u64)ha_arena_read(a, HA_A_MESHED) <<
			    (PAGE_SHIFT - 10));
	seq_puts(m, a->common ? " shared\n" : " private\n");
	return 0;
}

static const struct seq_operations arenas_ops = {
	.start = arenas_start,
	.next = arenas_next,
	.stop = arenas_stop,
	.show = arenas_show,
};

int ha_proc_init(void)
{
	struct proc_dir_entry *dir = proc_mkdir("hugearena", NULL);

	if (!dir)
		return -ENOMEM;
	if (proc_create_single("stat", 0444, dir, stat_show) &&
	    proc_create_single("latency", 0444, dir, latency_show) &&
	    proc_create_single("pool", 0444, dir, pool_show) &&
	    proc_create_seq("arenas", 0444, dir, &arenas_ops))
		return 0;
	proc_remove(dir);
	return -ENOMEM;
}

void ha_proc_exit(void)
{
	remove_proc_subtree("hugearena", NULL);
}
