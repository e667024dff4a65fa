// SPDX-License-Identifier: GPL-2.0-or-later
/* view.cc: what one function has to say of regions; see region.hh. */
#include "region.hh"

#include "path.hh"
#include "unit.hh"

namespace escape {

bool is_region(tree type)
{
	tree to, name;

	if (!POINTER_TYPE_P(type))
		return false;
	to = TYPE_MAIN_VARIANT(TREE_TYPE(type));
	if (TREE_CODE(to) != RECORD_TYPE || !TYPE_NAME(to))
		return false;
	name = TYPE_NAME(to);
	if (TREE_CODE(name) == TYPE_DECL)
		name = DECL_NAME(name);
	return name && !strcmp(IDENTIFIER_POINTER(name), "shim_region");
}

int region_param(tree fndecl)
{
	int nr = 0;

	for (tree p = DECL_ARGUMENTS(fndecl); p; p = DECL_CHAIN(p), nr++)
		if (is_region(TREE_TYPE(p)))
			return nr;
	return -1;
}

void region_name_params()
{
	cgraph_node *node;

	FOR_EACH_FUNCTION_WITH_GIMPLE_BODY(node) {
		function *fun = DECL_STRUCT_FUNCTION(node->decl);

		if (!fun || !gimple_in_ssa_p(fun))
			continue;
		for (tree p = DECL_ARGUMENTS(node->decl); p; p = DECL_CHAIN(p))
			if (is_region(TREE_TYPE(p)) && is_gimple_reg(p))
				get_or_create_ssa_default_def(fun, p);
	}
}

bool all_callers_known(const cgraph_node *node)
{
	return !TREE_PUBLIC(node->decl) && !node->address_taken &&
		!node->force_output && !node->alias &&
		!DECL_PRESERVE_P(node->decl) &&
		!lookup_attribute("alias", DECL_ATTRIBUTES(node->decl));
}

/* The SSA name of the region that a function has been handed, or NULL_TREE. */
static tree handed_region(const body &b)
{
	for (tree p = DECL_ARGUMENTS(b.fun->decl); p; p = DECL_CHAIN(p))
		if (is_region(TREE_TYPE(p)))
			return ssa_default_def(b.fun, p);
	return NULL_TREE;
}

/* Does a call use a region, so that it cannot be NULL? */
static bool needs_region(gimple *stmt, tree region)
{
	const char *name;

	if (gcall *c = dyn_cast<gcall *>(stmt)) {
		if (!gimple_call_fndecl(c) || !gimple_call_num_args(c) ||
		    !same_pointer(gimple_call_arg(c, 0), region))
			return false;
		name = function_text(gimple_call_fndecl(c));
		return !strncmp(name, "shim_region_", 12) &&
			strcmp(name, "shim_region_free");
	}
	return false;
}

/* Is a region not NULL at a statement, by what the function itself does? */
static bool surely_there(const body &b, tree region, gimple *stmt)
{
	gimple *def = SSA_NAME_DEF_STMT(region);
	std::set<gimple *> uses;
	basic_block bb;

	if (SSA_NAME_IS_DEFAULT_DEF(region)) {
		tree attr = lookup_attribute("nonnull", TYPE_ATTRIBUTES(
					TREE_TYPE(b.fun->decl)));
		int nr = region_param(b.fun->decl);

		for (; attr; attr = lookup_attribute("nonnull",
						     TREE_CHAIN(attr))) {
			if (!TREE_VALUE(attr))
				return true;
			for (tree a = TREE_VALUE(attr); a; a = TREE_CHAIN(a))
				if (compare_tree_int(TREE_VALUE(a), nr + 1) == 0)
					return true;
		}
		def = NULL;
	}
	FOR_EACH_BB_FN(bb, b.fun)
		for (gimple_stmt_iterator i = gsi_start_bb(bb); !gsi_end_p(i);
		     gsi_next(&i))
			if (needs_region(gsi_stmt(i), region))
				uses.insert(gsi_stmt(i));
	/* used before on every path, or used afterwards */
	return !path_exists(b, def, stmt, uses, region, NULL, true) ||
		(!uses.empty() &&
		 !path_exists(b, stmt, NULL, uses, NULL_TREE, NULL));
}

/* The objects that lead to one, in however many steps, and that one. */
static std::set<object_id> leads_to(const body &b, object_id o)
{
	std::set<object_id> found;
	bool more = true;

	found.insert(o);
	while (more) {
		more = false;
		for (object_id q = 0; q < b.g.object_count(); q++) {
			if (found.count(q))
				continue;
			for (object_id f : found)
				if (b.g.holds_object(b.g.get(q).all, f)) {
					found.insert(q);
					more = true;
					break;
				}
		}
	}
	return found;
}

/* May a statement look at an object, or hand on what leads to it? */
static bool touches(const body &b, gimple *stmt,
		    const std::set<object_id> &objects)
{
	if (is_gimple_debug(stmt) || gimple_clobber_p(stmt))
		return false;
	for (unsigned int i = 0; i < gimple_num_ops(stmt); i++) {
		tree op = gimple_op(stmt, i), base;
		node_id n;

		if (!op)
			continue;
		if (TREE_CODE(op) == ADDR_EXPR)
			op = TREE_OPERAND(op, 0);
		base = TREE_CODE(op) == SSA_NAME ? op : get_base_address(op);
		if (base && TREE_CODE(base) == MEM_REF)
			base = TREE_OPERAND(base, 0);
		if (!base)
			continue;
		if (TREE_CODE(base) == SSA_NAME) {
			n = virtual_operand_p(base) ? NO_NODE : b.node_of(base);
			if (n == NO_NODE)
				continue;
			for (const fact &f : b.g.holds(n))
				if (objects.count(f.to.object))
					return true;
			continue;
		}
		for (object_id o : objects)
			if (b.g.get(o).kind == LOCAL &&
			    b.g.get(o).what == (const void *)base)
				return true;
	}
	return false;
}

/* What may take back a region's memory. */
static std::set<gimple *> resets_of(const body &b, tree region)
{
	std::set<gimple *> found(b.resets.begin(), b.resets.end());
	node_id n = b.node_of(region);
	bool ours = n != NO_NODE && !b.g.holds(n).empty();

	/*
	 * if the region is known only here, unknown functions can do nothing to
	 * it
	 */
	if (ours)
		for (const fact &f : b.g.holds(n)) {
			object_kind k = b.g.get(f.to.object).kind;

			if ((k != SITE && k != LOCAL) ||
			    b.g.get(f.to.object).escaped)
				ours = false;
		}
	if (!ours)
		found.insert(b.strangers.begin(), b.strangers.end());
	return found;
}

/* Is an object's address carried on along an edge? */
static bool carries(const body &b, edge e, const std::set<object_id> &objects)
{
	for (gphi_iterator i = gsi_start_phis(e->dest); !gsi_end_p(i);
	     gsi_next(&i)) {
		tree arg = PHI_ARG_DEF_FROM_EDGE(i.phi(), e);
		node_id n;

		if (TREE_CODE(arg) != SSA_NAME || virtual_operand_p(arg))
			continue;
		n = b.node_of(arg);
		if (n == NO_NODE)
			continue;
		for (const fact &f : b.g.holds(n))
			if (objects.count(f.to.object))
				return true;
	}
	return false;
}

/*
 * What uses an object, or carries it on, on a way from behind a statement; or NULL.
 * Where only variables in registers lead to it, the way ends where a new one is made:
 * the old one had to be carried there.
 */
static gimple *use_after(const body &b, gimple *from, gimple *stop,
			 const std::set<object_id> &objects,
			 const std::set<gimple *> &gone, bool *to_exit)
{
	std::vector<basic_block> todo;
	std::set<basic_block> seen;
	basic_block bb = gimple_bb(from);
	gimple_stmt_iterator i = gsi_for_stmt(from);
	edge_iterator ei;
	edge e;

	gsi_next(&i);
	*to_exit = false;
	for (;;) {
		bool stopped = false;

		for (; !gsi_end_p(i) && !stopped; gsi_next(&i)) {
			if (gsi_stmt(i) == stop && objects.size() == 1)
				stopped = true;
			else if (!gone.count(gsi_stmt(i)) &&
				 touches(b, gsi_stmt(i), objects))
				return gsi_stmt(i);
		}
		if (!stopped)
			FOR_EACH_EDGE(e, ei, bb->succs) {
				if (e->dest == EXIT_BLOCK_PTR_FOR_FN(b.fun))
					*to_exit = true;
				else if (carries(b, e, objects))
					return from;
				else if (seen.insert(e->dest).second)
					todo.push_back(e->dest);
			}
		if (todo.empty())
			return NULL;
		bb = todo.back();
		todo.pop_back();
		i = gsi_start_bb(bb);
	}
}

/* Does a region live as long as an object in this function?  If not, why. */
static std::string outlived(const body &b, const region_cell &c)
{
	std::set<object_id> objects = leads_to(b, c.made.object);
	std::set<gimple *> none, gone;
	gimple *use;
	bool to_exit;

	for (const release &r : b.releases)
		if (r.how == release::FREE && r.node != NO_NODE &&
		    b.g.holds_object(r.node, c.made.object))
			gone.insert(r.stmt);
	for (gimple *x : resets_of(b, c.region)) {
		if (x == c.made.call ||
		    !path_exists(b, c.made.call, x, none, NULL_TREE, NULL))
			continue;
		use = use_after(b, x, c.made.call, objects, gone, &to_exit);
		if (!use && !(to_exit && c.returned))
			continue;
		return "the region may be reset at " + where(x).text() +
			", and the object be used " +
			(!use ? "by the caller" : use == x ? "afterwards" :
			 "at " + where(use).text());
	}
	return "";
}

/* Made and freed in each turn of a loop: the region would only grow. */
static bool grows(const body &b, const region_cell &c)
{
	std::set<gimple *> sure = sure_releases(b, c.made.object), none;
	std::set<gimple *> resets(b.resets.begin(), b.resets.end());
	gimple *call = c.made.call;

	return path_exists(b, call, call, resets, NULL_TREE, NULL) &&
		!path_exists(b, call, call, sure, gimple_call_lhs(call), NULL);
}

/*
 * Is an object freed by anything other than free() and functions of this unit?
 */
static std::string freed_by_strangers(const body &b, object_id o)
{
	for (const release &r : b.releases) {
		tree fn = gimple_call_fndecl(r.stmt);
		cgraph_node *to = fn ? cgraph_node::get(fn) : NULL;

		if (r.node == NO_NODE || !b.g.holds_object(r.node, o))
			continue;
		if (r.how == release::MOVE)
			return r.name + "() moves it at " +
				where(r.stmt).text();
		if (r.how == release::FREE ?
		    !gimple_call_builtin_p(r.stmt, BUILT_IN_FREE) :
		    !to || !to->has_gimple_body_p() || !all_callers_known(to))
			return r.name + "() frees it at " +
				where(r.stmt).text() +
				", which others may call as well";
	}
	return "";
}

/* Calls that ask malloc() about an object. */
static gimple *asks_malloc(const body &b, object_id o)
{
	basic_block bb;

	FOR_EACH_BB_FN(bb, b.fun)
		for (gimple_stmt_iterator i = gsi_start_bb(bb); !gsi_end_p(i);
		     gsi_next(&i)) {
			gcall *c = dyn_cast<gcall *>(gsi_stmt(i));
			tree fn = c ? gimple_call_fndecl(c) : NULL_TREE;
			node_id n;

			if (!fn || gimple_call_num_args(c) != 1 ||
			    strcmp(function_text(fn), "malloc_usable_size") ||
			    TREE_CODE(gimple_call_arg(c, 0)) != SSA_NAME)
				continue;
			n = b.node_of(gimple_call_arg(c, 0));
			if (n != NO_NODE && b.g.holds_object(n, o))
				return c;
		}
	return NULL;
}

/* What speaks against a region for an object, in this function. */
static std::string against_region(const body &b, region_cell *c)
{
	if (c->returned && !c->by_param)
		return "it outlives the region, which ends here";
	/* a name that is defined on each way to the call */
	if (!SSA_NAME_IS_DEFAULT_DEF(c->region)) {
		basic_block at = gimple_bb(SSA_NAME_DEF_STMT(c->region));

		if (!dominated_by_p(CDI_DOMINATORS, gimple_bb(c->made.call), at))
			return "the region is not there on each way to it";
		if (at == gimple_bb(c->made.call)) {
			gimple_stmt_iterator i =
				gsi_for_stmt(c->made.call);

			for (; !gsi_end_p(i); gsi_next(&i))
				if (gsi_stmt(i) == SSA_NAME_DEF_STMT(c->region))
					return "the region is made after it";
		}
	}
	c->sure = surely_there(b, c->region, c->made.call);
	if (!c->sure && !c->by_param)
		return "the region may be NULL";
	if (grows(b, *c))
		return "it is freed in the turn of a loop that made it, and the region is not reset there";
	return outlived(b, *c);
}

/* A region that is made, or found, in the function. */
static bool is_own_region(tree name, tree handed)
{
	return name != handed && !virtual_operand_p(name) &&
		is_region(TREE_TYPE(name)) && SSA_NAME_DEF_STMT(name) &&
		!gimple_nop_p(SSA_NAME_DEF_STMT(name)) &&
		pointer_origin(name) == name;
}

/* Fill in the rest: which region, and what speaks against it. */
void regions::add_cell(const body &b, region_cell *c)
{
	object_id o = c->made.object;
	tree handed = handed_region(b), name, lhs;
	std::set<gimple *> sure;
	unsigned int i;
	gimple *asks;

	c->region = handed;
	if (!handed)
		FOR_EACH_SSA_NAME(i, name, b.fun)
			if (is_own_region(name, handed))
				c->region = name;
	lhs = gimple_call_lhs(c->made.call);
	c->returned = b.returned().count(o);
	if (lhs && TREE_CODE(lhs) == SSA_NAME) {
		sure = sure_releases(b, o);
		c->brief = !path_exists(b, c->made.call, NULL, sure, lhs, NULL);
	}
	if (b.opaque || b.untouchable)
		c->against = std::string("the function has ") +
			(b.opaque ? b.opaque : b.untouchable);
	else if (b.g.holds_object(graph::world, o))
		c->against = "it outlives the region";
	else if (!lhs || TREE_CODE(lhs) != SSA_NAME)
		c->against = "its address goes straight to memory";
	else
		c->against = freed_by_strangers(b, o);
	asks = asks_malloc(b, o);
	if (c->against.empty() && asks)
		c->against = "malloc_usable_size() is asked at " +
			where(asks).text();
	if (!c->against.empty())
		return;
	if (c->maker) {
		int nr = region_param(c->maker->decl);

		c->region = nr < 0 ? NULL_TREE :
			gimple_call_arg(c->made.call, nr);
		if (!c->region || TREE_CODE(c->region) != SSA_NAME) {
			c->against = "no region is handed on";
			return;
		}
		c->region = pointer_origin(c->region);
		c->by_param = c->region == handed;
		c->against = TREE_CODE(c->region) == SSA_NAME ?
			against_region(b, c) : "the region is not a variable";
		return;
	}
	c->against = "no region is at hand";
	if (handed) {
		c->by_param = true;
		c->against = against_region(b, c);
	}
	/* or one of its own */
	FOR_EACH_SSA_NAME(i, name, b.fun) {
		region_cell other = *c;

		if (c->against.empty())
			return;
		if (!is_own_region(name, handed))
			continue;
		other.region = name;
		other.by_param = false;
		other.against = against_region(b, &other);
		if (other.against.empty() || !handed)
			*c = other;
	}
}

/* Which objects an address may belong to. */
static void add_origin(const body &b, node_id n,
		       const std::map<object_id, cell_id> &ids,
		       region_origin *to)
{
	std::map<object_id, cell_id>::const_iterator it;

	if (n == NO_NODE)
		return;
	for (const fact &f : b.g.holds(n)) {
		const object &o = b.g.get(f.to.object);

		it = ids.find(f.to.object);
		if (it != ids.end())
			to->cells.insert(it->second);
		else if (o.kind == PARAM || o.kind == CONTENT)
			to->params.insert({ o.nr, o.kind == CONTENT });
		else
			to->other = true;
	}
}

void regions::add_frees(const body &b, cgraph_node *node, bool known,
			const std::map<object_id, cell_id> &ids)
{
	for (const release &r : b.releases) {
		region_free f;

		if (r.how != release::FREE)
			continue;
		f.in = node;
		f.stmt = r.stmt;
		f.of.other = !known || b.opaque || b.untouchable;
		add_origin(b, r.node, ids, &f.of);
		frees.push_back(f);
	}
	for (const pass &p : b.passes) {
		cgraph_node *to = cgraph_node::get(
				gimple_call_fndecl(p.call));
		region_pass r;

		if (!to)
			continue;
		r.in = node;
		r.to = to->ultimate_alias_target();
		r.arg = p.arg;
		r.at.other = r.deep.other = !known || b.opaque;
		add_origin(b, p.at, ids, &r.at);
		add_origin(b, p.deep, ids, &r.deep);
		passes.push_back(r);
	}
}

void regions::add_calls(const body &b, cgraph_node *node)
{
	std::set<gimple *> resets(b.resets.begin(), b.resets.end());
	tree handed = handed_region(b);

	for (cgraph_edge *e = node->callees; e; e = e->next_callee) {
		cgraph_node *to = e->callee->ultimate_alias_target();
		gcall *c = e->call_stmt;
		region_call r;
		tree region;
		int nr;

		if (!c || !to->has_gimple_body_p())
			continue;
		nr = region_param(to->decl);
		if (nr < 0 || (unsigned int)nr >= gimple_call_num_args(c))
			continue;
		region = pointer_origin(gimple_call_arg(c, nr));
		r.in = node;
		r.to = to;
		r.call = c;
		r.by_param = handed && region == handed;
		r.sure = TREE_CODE(region) == SSA_NAME &&
			surely_there(b, region, c);
		r.loops = path_exists(b, c, c, resets, NULL_TREE, NULL);
		calls.push_back(r);
	}
}

void regions::add(const body &b, cgraph_node *node, const tags *t,
		  const std::vector<size_t> &findings,
		  const std::set<gcall *> &moved)
{
	std::map<object_id, cell_id> ids;
	size_t nr = 0;

	calculate_dominance_info(CDI_DOMINATORS);
	for (const site &s : b.sites) {
		tree fn = gimple_call_fndecl(s.call);
		cgraph_node *to = fn ? cgraph_node::get(fn) : NULL;
		size_t at = nr < findings.size() ? findings[nr] : ~0ul;
		region_cell c;

		nr++;
		if (moved.count(s.call))
			continue;
		c.maker = NULL;
		if (to && to->has_gimple_body_p() && !to->alias)
			c.maker = to;
		else if (!gimple_call_builtin_p(s.call, BUILT_IN_MALLOC) &&
			 !gimple_call_builtin_p(s.call, BUILT_IN_CALLOC))
			continue;
		c.in = node;
		c.made = s;
		c.region = NULL_TREE;
		c.by_param = c.sure = c.returned = c.brief = false;
		c.finding = at;
		add_cell(b, &c);
		if (!t)
			c.against = "the function is not understood";
		ids[s.object] = cells.size();
		by_call[s.call] = cells.size();
		cells.push_back(c);
	}
	add_frees(b, node, t, ids);
	add_calls(b, node);
	free_dominance_info(CDI_DOMINATORS);
}

} /* namespace escape */
