// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * stat: the numbers of all layers together.
 *
 * Keeps no numbers itself.  It takes the locks of the layers one at a time, and
 * holds none across a call.  Called by shim_ctl() and the malloc family's
 * reporters.
 */
#include "base/conf.h"
#include "base/error.h"
#include "stat.h"

struct item {
	char name[26];		/* not a pointer, which would need a relocation */
	uint16_t offset;
};

#define ITEM(name, field) { name, offsetof(struct shim_stat, field) }
static const struct item items[] = {
	ITEM("allocated", allocated),
	ITEM("resident", resident),
	ITEM("heap.mapped", heap.mapped),
	ITEM("heap.inuse", heap.inuse),
	ITEM("heap.free", heap.free),
	ITEM("heap.returned", heap.returned),
	ITEM("heap.metadata", heap.metadata),
	ITEM("heap.limit", heap.limit),
	ITEM("heap.demand", heap.demand),
	ITEM("heap.blocks", heap.blocks),
	ITEM("heap.blocks_free", heap.blocks_free),
	ITEM("heap.blocks_split", heap.blocks_split),
	ITEM("heap.covered", heap.covered),
	ITEM("heap.owed", heap.owed),
	ITEM("heap.spans", heap.spans),
	ITEM("heap.grow", heap.nr_grow),
	ITEM("heap.fail", heap.nr_fail),
	ITEM("heap.fallback", heap.nr_fallback),
	ITEM("heap.populate_fail", heap.nr_populate_fail),
	ITEM("heap.release", heap.nr_release),
	ITEM("heap.released", heap.released),
	ITEM("heap.split", heap.nr_split),
	ITEM("heap.join", heap.nr_join),
	ITEM("heap.join_fail", heap.nr_join_fail),
	ITEM("heap.remap", heap.nr_remap),
	ITEM("heap.refused", heap.nr_refused),
	ITEM("scavenger.looks", heap.scavenger_looks),
	ITEM("scavenger.drains", heap.scavenger_drains),
	ITEM("central.spans", central_spans),
	ITEM("central.free", central_free),
	ITEM("central.made", central_made),
	ITEM("central.destroyed", central_destroyed),
	ITEM("compound.spans", compound.spans),
	ITEM("compound.objects", compound.objects),
	ITEM("compound.looks", compound.looks),
	ITEM("transfer.bytes", transfer_bytes),
	ITEM("transfer.hits", transfer_hits),
	ITEM("transfer.misses", transfer_misses),
	ITEM("transfer.spills", transfer_spills),
	ITEM("cache.rseq", cache.rseq),
	ITEM("cache.mm_cid", cache.mm_cid),
	ITEM("cache.cpus", cache.cpus),
	ITEM("cache.limit", cache.limit),
	ITEM("cache.slabs", cache.slabs),
	ITEM("cache.attached", cache.attached),
	ITEM("cache.bytes", cache.bytes),
	ITEM("cache.capacity", cache.capacity),
	ITEM("cache.underflows", cache.underflows),
	ITEM("cache.overflows", cache.overflows),
	ITEM("cache.steals", cache.steals),
	ITEM("cache.drains", cache.drains),
	ITEM("cache.sheds", cache.sheds),
	ITEM("cache.resizes", cache.resizes),
	ITEM("mesh.aliases", spans.aliases),
	ITEM("mesh.bytes", mesh.bytes),
	ITEM("mesh.spans", spans.spans),
	ITEM("mesh.left", spans.left),
	ITEM("mesh.meshes", mesh.meshes),
	ITEM("mesh.moved", mesh.moved),
	ITEM("mesh.unmeshed", mesh.unmeshed),
	ITEM("mesh.apart", mesh.apart),
	ITEM("mesh.rounds", spans.rounds),
	ITEM("mesh.probes", spans.probes),
	ITEM("mesh.changed", spans.changed),
	ITEM("mesh.waits", spans.waits),
	ITEM("mesh.busy", mesh.busy),
	ITEM("mesh.absent", mesh.absent),
	ITEM("mesh.whole", mesh.whole),
	ITEM("mesh.failed", mesh.failed),
	ITEM("mesh.stuck", mesh.stuck),
	ITEM("large.kept", large.bytes),
	ITEM("large.hits", large.hits),
	ITEM("guard.sampled", guard.sampled),
	ITEM("guard.full", guard.full),
	ITEM("guard.live", guard.live),
};

#define NR_ITEMS (sizeof(items) / sizeof(items[0]))

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "one size of number");

static void add_class(struct shim_stat *st, unsigned int cls)
{
	uint64_t size = sizeclass_info[cls].size;
	struct transfer_stat t;
	struct central_stat c;

	transfer_get_stat(cls, &t);
	st->transfer_bytes += t.objs * size;
	st->transfer_hits += t.hits;
	st->transfer_misses += t.misses;
	st->transfer_spills += t.spills;
	central_get_stat(cls, &c);
	st->central_spans += c.spans;
	st->central_free += c.free * size;
	st->central_made += c.made;
	st->central_destroyed += c.destroyed;
}

void stat_get(struct shim_stat *st)
{
	uint64_t idle;
	unsigned int cls;

	*st = (struct shim_stat){ 0 };
	percpu_get_stat(&st->cache);
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		add_class(st, cls);
	guard_get_stat(&st->guard);
	large_get_stat(&st->large);
	st->large.bytes += st->cache.kept;
	pageheap_get_stat(&st->heap);
	pageheap_mesh_get_stat(&st->mesh);
	central_mesh_get_stat(&st->spans);
	central_compound_get_stat(&st->compound);
	idle = st->cache.bytes + st->transfer_bytes + st->central_free +
	       st->large.bytes + st->spans.span_bytes;
	if (st->heap.inuse > idle)
		st->allocated = st->heap.inuse - idle;
	st->resident = st->heap.inuse - st->mesh.bytes + st->heap.free +
		       st->heap.metadata;
}

const char *stat_name(unsigned int i)
{
	return i < NR_ITEMS ? items[i].name : NULL;
}

uint64_t stat_value(const struct shim_stat *st, unsigned int i)
{
	return *(const uint64_t *)((const char *)st + items[i].offset);
}

/* @nr is stored last, and 0 before @extra changes. */
static struct {
	const struct stat_extra *extra;
	uint32_t nr;
} above[STAT_LAYERS];

void stat_register(unsigned int slot, const struct stat_extra *extra,
		   unsigned int nr)
{
	__atomic_store_n(&above[slot].nr, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&above[slot].extra, extra, __ATOMIC_RELEASE);
	/* release: pairs with the acquire in stat_extra_name() */
	__atomic_store_n(&above[slot].nr, nr, __ATOMIC_RELEASE);
}

const char *stat_extra_name(unsigned int i, uint64_t *value)
{
	const struct stat_extra *extra;
	unsigned int slot;
	uint32_t nr;

	for (slot = 0; slot < STAT_LAYERS; slot++, i -= nr) {
		nr = __atomic_load_n(&above[slot].nr, __ATOMIC_ACQUIRE);
		if (i >= nr)
			continue;
		extra = __atomic_load_n(&above[slot].extra, __ATOMIC_RELAXED);
		if (value)
			*value = __atomic_load_n(&extra[i].value,
						 __ATOMIC_RELAXED);
		return extra[i].name;
	}
	return NULL;
}

void stat_print(void)
{
	const char *name;
	struct shim_stat st;
	uint64_t value;
	unsigned int i;

	stat_get(&st);
	shim_say("backend %s", st.heap.backend ? st.heap.backend : "none yet");
	for (i = 0; i < NR_ITEMS; i++)
		shim_say("%s %zu", items[i].name, (size_t)stat_value(&st, i));
	for (i = 0; (name = stat_extra_name(i, &value)); i++)
		shim_say("%s %zu", name, (size_t)value);
}
