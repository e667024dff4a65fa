// SPDX-License-Identifier: GPL-2.0-only
/*
 * HUGEARENA_IOC_MESH: checks what users say, then calls down.
 *
 * Keeps true: pairs and moves are copied and checked whole before anything is
 * done, and no lock is held while user memory is touched.  Called by dev.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev_mesh.h"

/* @offset and @len bytes from there are whole pages of one block. */
static bool part_is_valid(const struct ha_family *f, u64 offset, u32 len)
{
	return !(offset % PAGE_SIZE) && offset >> HA_BLOCK_SHIFT < f->nblocks &&
	       len <= HA_BLOCK_SIZE - offset % HA_BLOCK_SIZE;
}

static bool pair_is_valid(const struct ha_family *f,
			  const struct hugearena_pair *p)
{
	return p->len && !(p->len % PAGE_SIZE) &&
	       p->len <= HUGEARENA_MESH_LEN_MAX && !p->result && !p->pad &&
	       part_is_valid(f, p->dst, p->len) &&
	       part_is_valid(f, p->src, p->len) &&
	       (p->dst + p->len <= p->src || p->src + p->len <= p->dst);
}

/* All pairs are valid, and so are the moves they have between them. */
static bool mesh_is_valid(const struct ha_family *f,
			  const struct hugearena_mesh *m,
			  const struct hugearena_pair *pairs,
			  const struct hugearena_move *moves)
{
	u32 i, k, used = 0;

	for (i = 0; i < m->nr; i++) {
		const struct hugearena_pair *p = &pairs[i];

		if (!pair_is_valid(f, p) || p->nr_moves > m->nr_moves - used)
			return false;
		for (k = used; k < used + p->nr_moves; k++)
			if (!moves[k].len || moves[k].at >= p->len ||
			    moves[k].len > p->len - moves[k].at)
				return false;
		used += p->nr_moves;
	}
	return used == m->nr_moves;
}

static long mesh_report(void __user *user, const struct hugearena_mesh *m,
			const struct hugearena_pair *pairs)
{
	if (copy_to_user(u64_to_user_ptr(m->pairs), pairs,
			 m->nr * sizeof(*pairs)) ||
	    copy_to_user(user, m, sizeof(*m)))
		return -EFAULT;
	return 0;
}

long ha_dev_mesh(struct ha_family *f, struct ha_arena *a, void __user *user)
{
	struct hugearena_move *moves = NULL;
	struct hugearena_pair *pairs;
	struct hugearena_mesh m;
	long err = -EINVAL;
	u32 i;

	/* futexes that processes share are identified by their pages */
	if (a->common)
		return -EOPNOTSUPP;
	if (copy_from_user(&m, user, sizeof(m)))
		return -EFAULT;
	if (!m.nr || m.nr > HUGEARENA_MESH_MAX ||
	    m.nr_moves > HUGEARENA_MESH_MOVES_MAX || m.flags || m.pad ||
	    m.meshed || m.busy || m.freed)
		return -EINVAL;
	pairs = memdup_user(u64_to_user_ptr(m.pairs), m.nr * sizeof(*pairs));
	if (IS_ERR(pairs))
		return PTR_ERR(pairs);
	if (m.nr_moves)
		moves = vmemdup_user(u64_to_user_ptr(m.moves),
				     m.nr_moves * sizeof(*moves));
	if (IS_ERR(moves)) {
		err = PTR_ERR(moves);
		moves = NULL;
		goto out;
	}
	if (!mesh_is_valid(f, &m, pairs, moves))
		goto out;
	m.freed = ha_mesh_pairs(a, pairs, m.nr, moves);
	for (i = 0; i < m.nr; i++) {
		m.meshed += !pairs[i].result;
		m.busy += pairs[i].result == -EBUSY;
	}
	err = mesh_report(user, &m, pairs);
out:
	kvfree(moves);
	kfree(pairs);
	return err;
}
