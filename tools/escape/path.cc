// SPDX-License-Identifier: GPL-2.0-or-later
/* path.cc: see path.hh. */
#include "path.hh"

namespace escape {

tree pointer_origin(tree name)
{
	for (int i = 0; i < 32 && TREE_CODE(name) == SSA_NAME; i++) {
		gimple *def = SSA_NAME_DEF_STMT(name);

		if (!is_gimple_assign(def) ||
		    !(gimple_assign_ssa_name_copy_p(def) ||
		      gimple_assign_cast_p(def)) ||
		    !POINTER_TYPE_P(TREE_TYPE(gimple_assign_rhs1(def))))
			break;
		name = gimple_assign_rhs1(def);
	}
	return name;
}

bool same_pointer(tree a, tree b)
{
	return a && b && TREE_CODE(pointer_origin(a)) == SSA_NAME &&
		pointer_origin(a) == pointer_origin(b);
}

/*
 * Is this edge taken only where the pointer is NULL, or only where it is not?
 */
static bool null_edge(edge e, tree pointer, bool null)
{
	gimple *last = last_stmt(e->src);
	tree other;

	if (!pointer || !last || gimple_code(last) != GIMPLE_COND)
		return false;
	if (same_pointer(gimple_cond_lhs(last), pointer))
		other = gimple_cond_rhs(last);
	else if (same_pointer(gimple_cond_rhs(last), pointer))
		other = gimple_cond_lhs(last);
	else
		return false;
	if (!integer_zerop(other))
		return false;
	if (gimple_cond_code(last) == EQ_EXPR)
		return e->flags & (null ? EDGE_TRUE_VALUE : EDGE_FALSE_VALUE);
	return gimple_cond_code(last) == NE_EXPR &&
		(e->flags & (null ? EDGE_FALSE_VALUE : EDGE_TRUE_VALUE));
}

/* true: the walk over the rest of the block arrives at its target */
static bool walk(gimple_stmt_iterator i, gimple *to,
		 const std::set<gimple *> &without, bool *stopped)
{
	*stopped = false;
	for (; !gsi_end_p(i); gsi_next(&i)) {
		gimple *stmt = gsi_stmt(i);

		if (stmt == to)
			return true;
		if (without.count(stmt)) {
			*stopped = true;
			return false;
		}
	}
	return false;
}

bool path_exists(const body &b, gimple *from, gimple *to,
		 const std::set<gimple *> &without, tree pointer,
		 gimple **last, bool null)
{
	std::vector<basic_block> todo;
	std::set<basic_block> seen;
	gimple_stmt_iterator i;
	bool stopped;
	basic_block bb;
	edge_iterator ei;
	edge e;

	if (from) {
		bb = gimple_bb(from);
		i = gsi_for_stmt(from);
		gsi_next(&i);
	} else {
		bb = ENTRY_BLOCK_PTR_FOR_FN(b.fun);
		i = gsi_start_bb(bb);
	}
	for (;;) {
		if (walk(i, to, without, &stopped))
			return true;
		if (!stopped)
			FOR_EACH_EDGE(e, ei, bb->succs) {
				if (null_edge(e, pointer, !null))
					continue;
				if (e->dest != EXIT_BLOCK_PTR_FOR_FN(b.fun)) {
					if (seen.insert(e->dest).second)
						todo.push_back(e->dest);
					continue;
				}
				if (to)
					continue;
				if (last)
					*last = last_stmt(bb);
				return true;
			}
		if (todo.empty())
			return false;
		bb = todo.back();
		todo.pop_back();
		i = gsi_start_bb(bb);
	}
}

std::set<gimple *> sure_releases(const body &b, object_id o)
{
	std::set<gimple *> found;
	bool only;

	for (const release &r : b.releases)
		if ((r.how == release::FREE || r.how == release::ALWAYS) &&
		    b.releases_object(r, o, &only) && only)
			found.insert(r.stmt);
	return found;
}

} /* namespace escape */
