// SPDX-License-Identifier: GPL-2.0-or-later
/* promote.cc: see promote.hh. */
#include "promote.hh"

#include "path.hh"
#include "text.hh"

namespace escape {

/* how far the text of a size is followed */
static const int max_depth = 8;

/*
 * The most that an expression can be that is not negative, or -1.  Only what its own text says:
 * a mask, a remainder, a narrow type.
 */
static long bound(tree t, int depth)
{
	const long too_much = 1 << 24;
	tree type = TREE_TYPE(t), op1, op2;
	gimple *def;
	long a, b;

	if (TREE_CODE(t) == INTEGER_CST)
		return tree_fits_uhwi_p(t) && tree_to_uhwi(t) <
			(unsigned HOST_WIDE_INT)too_much ?
			(long)tree_to_uhwi(t) : -1;
	if (TREE_CODE(t) != SSA_NAME || depth > max_depth ||
	    !INTEGRAL_TYPE_P(type))
		return -1;
	def = SSA_NAME_DEF_STMT(t);
	if (is_gimple_assign(def)) {
		op1 = gimple_assign_rhs1(def);
		op2 = gimple_assign_rhs2(def);
		a = INTEGRAL_TYPE_P(TREE_TYPE(op1)) ? bound(op1, depth + 1) : -1;
		switch (gimple_assign_rhs_code(def)) {
		CASE_CONVERT:
		case SSA_NAME:
			/* a bound is positive: it survives any wider type */
			if (a >= 0 && TYPE_PRECISION(type) >=
			    TYPE_PRECISION(TREE_TYPE(op1)))
				return a;
			break;
		case BIT_AND_EXPR:
			b = bound(op2, depth + 1);
			if (a >= 0 || b >= 0)
				return a < 0 ? b : b < 0 ? a : MIN(a, b);
			break;
		case TRUNC_MOD_EXPR:
			b = bound(op2, depth + 1);
			if (b > 0 && TYPE_UNSIGNED(type))
				return b - 1;
			break;
		case MIN_EXPR:
			b = bound(op2, depth + 1);
			if (TYPE_UNSIGNED(type) && (a >= 0 || b >= 0))
				return a < 0 ? b : b < 0 ? a : MIN(a, b);
			break;
		case PLUS_EXPR:
		case MULT_EXPR:
			b = bound(op2, depth + 1);
			/* two that are small do not wrap an int */
			if (a < 0 || b < 0 || TYPE_PRECISION(type) < 32)
				break;
			a = gimple_assign_rhs_code(def) == PLUS_EXPR ?
				a + b : a * b;
			if (a < too_much)
				return a;
			break;
		default:
			break;
		}
	}
	if (TYPE_UNSIGNED(type) && TYPE_PRECISION(type) <= 8)
		return (1 << TYPE_PRECISION(type)) - 1;
	return -1;
}

static long object_bound(const site &s)
{
	long size, count;

	if (!s.size)
		return -1;
	size = bound(s.size, 0);
	count = s.count ? bound(s.count, 0) : 1;
	return size < 0 || count < 0 ? -1 : size * count;
}

/* Can a function call itself, by direct calls in this unit? */
static bool calls_itself(cgraph_node *node)
{
	std::vector<cgraph_node *> todo(1, node);
	std::set<cgraph_node *> seen;

	while (!todo.empty()) {
		cgraph_node *n = todo.back();

		todo.pop_back();
		for (cgraph_edge *e = n->callees; e; e = e->next_callee) {
			cgraph_node *to = e->callee->ultimate_alias_target();

			if (to == node)
				return true;
			if (to->definition && seen.insert(to).second)
				todo.push_back(to);
		}
	}
	return false;
}

std::string obstacle(const body &b, const site &s, cgraph_node *node,
		     const promotion_limits &limits, promotion *p)
{
	tree lhs = gimple_call_lhs(s.call);
	long size = object_bound(s);
	std::set<gimple *> sure;
	std::ostringstream text;
	const gimple *look;
	bool only;

	if (!s.in_c_library)
		return s.name + "() is not known to be a malloc()";
	if (!lhs || TREE_CODE(lhs) != SSA_NAME)
		return "its address goes straight to memory";
	if (b.opaque || b.untouchable)
		return std::string("the function has ") +
			(b.opaque ? b.opaque : b.untouchable);
	if (size < 0)
		return "its size is not known";
	if (!size)
		return "it has no size";
	if ((unsigned long)size > limits.object) {
		text << "it may have " << size << " bytes, more than " <<
			limits.object;
		return text.str();
	}
	if (DECL_DECLARED_INLINE_P(node->decl))
		return "the function is inline, and would grow the frames of others";
	if (b.fun->eh && b.fun->eh->region_tree)
		return "the function has cleanups for exceptions";
	if (calls_itself(node))
		return "the function calls itself";
	look = b.looked_at(s.object);
	if (look)
		return "its address is looked at at " + where(look).text();
	p->releases.clear();
	for (const release &r : b.releases) {
		if (!b.releases_object(r, s.object, &only))
			continue;
		if (r.how != release::FREE)
			return r.name + "() frees or moves it at " +
				where(r.stmt).text();
		if (!only)
			return "what is freed at " + where(r.stmt).text() +
				" may be something else";
		p->releases.push_back(r);
		/*
		 * the pointer that is freed may be another, and the object stay
		 * alive
		 */
		if (same_pointer(r.arg, lhs))
			sure.insert(r.stmt);
	}
	if (path_exists(b, s.call, s.call, sure, lhs, NULL))
		return "it is made in a loop and may outlive the iteration";
	p->node = node;
	p->call = s.call;
	p->size = size;
	p->zeroed = s.zeroed;
	return "";
}

/* A variable of the function, as large and as aligned as malloc()'s object. */
static tree make_variable(function *fun, unsigned long size)
{
	tree type = build_array_type_nelts(unsigned_char_type_node, size);
	tree var = create_tmp_var_raw(type, "shim_object");

	DECL_CONTEXT(var) = fun->decl;
	/* as if it had been declared in the body */
	DECL_SEEN_IN_BIND_EXPR_P(var) = 1;
	TREE_ADDRESSABLE(var) = 1;
	SET_DECL_ALIGN(var, MAX(MALLOC_ABI_ALIGNMENT,
				2 * (unsigned int)POINTER_SIZE));
	DECL_USER_ALIGN(var) = 1;
	/* gcc must not warn about this variable, which nobody wrote */
	suppress_warning(var);
	add_local_decl(fun, var);
	return var;
}

void replace_call(gimple *stmt, gimple *instead)
{
	gimple_stmt_iterator i = gsi_for_stmt(stmt);

	gimple_set_location(instead, gimple_location(stmt));
	unlink_stmt_vdef(stmt);
	if (gimple_vdef(stmt) && TREE_CODE(gimple_vdef(stmt)) == SSA_NAME)
		release_ssa_name(gimple_vdef(stmt));
	gsi_insert_before(&i, instead, GSI_SAME_STMT);
	gsi_remove(&i, true);
}

static void promote_one(function *fun, const promotion &p)
{
	tree var = make_variable(fun, p.size);
	tree lhs = gimple_call_lhs(p.call), address;

	address = build_fold_addr_expr(var);
	if (p.zeroed) {
		gimple_stmt_iterator i = gsi_for_stmt(p.call);
		tree fn = builtin_decl_explicit(BUILT_IN_MEMSET);
		gcall *zero = gimple_build_call(fn, 3, address,
						integer_zero_node,
						build_int_cst(size_type_node,
							      p.size));

		gimple_set_location(zero, gimple_location(p.call));
		gsi_insert_before(&i, zero, GSI_SAME_STMT);
	}
	/* copy the name, which goes with the call */
	gimple_call_set_lhs(p.call, NULL_TREE);
	replace_call(p.call, gimple_build_assign(lhs, fold_convert(
					TREE_TYPE(lhs), address)));
	for (const release &r : p.releases) {
		/*
		 * Where this very pointer was freed, its place may be used
		 * again.  Another may be NULL, and the object alive.
		 */
		bool dead = same_pointer(r.arg, lhs);

		replace_call(r.stmt, dead ? (gimple *)gimple_build_assign(
					var, build_clobber(TREE_TYPE(var))) :
				      (gimple *)gimple_build_nop());
	}
}

void promote(const std::vector<promotion> &all)
{
	std::set<cgraph_node *> done;

	for (const promotion &p : all) {
		function *fun = DECL_STRUCT_FUNCTION(p.node->decl);

		push_cfun(fun);
		promote_one(fun, p);
		pop_cfun();
		done.insert(p.node);
	}
	update_functions(done);
}

void update_functions(const std::set<cgraph_node *> &done)
{
	for (cgraph_node *node : done) {
		push_cfun(DECL_STRUCT_FUNCTION(node->decl));
		mark_virtual_operands_for_renaming(cfun);
		update_ssa(TODO_update_ssa_only_virtuals);
		cgraph_edge::rebuild_edges();
		pop_cfun();
	}
}

} /* namespace escape */
