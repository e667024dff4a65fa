// SPDX-License-Identifier: GPL-2.0-or-later
/* body.cc: see body.hh; calls are in call.cc, what memory they name in place.cc. */
#include "body.hh"

#include "unit.hh"

namespace escape {

bool holds_address(tree type)
{
	tree size = TYPE_SIZE_UNIT(type);

	if (POINTER_TYPE_P(type))
		return true;
	return !size || !tree_fits_uhwi_p(size) ||
		tree_to_uhwi(size) >= POINTER_SIZE_UNITS;
}

body::body(function *f, unit *u) :
	fun(f), result(NO_NODE), untouchable(NULL), opaque(NULL), owner(u)
{
	result = g.add_node(f->decl);
	names.resize(SSANAMES(f)->length(), NO_NODE);
}

node_id body::name_node(tree name)
{
	unsigned int v = SSA_NAME_VERSION(name);

	if (names[v] == NO_NODE)
		names[v] = g.add_node(name);
	return names[v];
}

object_id body::var_object(tree decl)
{
	std::map<tree, object_id>::iterator it = vars.find(decl);
	object_id o;
	local l;

	if (it != vars.end())
		return it->second;
	o = g.add_object(LOCAL, decl, 0);
	vars[decl] = o;
	if (TREE_CODE(decl) == VAR_DECL) {
		l.decl = decl;
		l.object = o;
		locals.push_back(l);
	}
	return o;
}

/*
 * What a parameter holds is the address of an object of the caller's, from which
 * further ones can be reached.
 */
void body::add_params()
{
	unsigned int nr = 0;

	for (tree p = DECL_ARGUMENTS(fun->decl); p; p = DECL_CHAIN(p), nr++) {
		object_id param, content;
		node_id n;
		tree name;

		params.push_back(0);
		contents.push_back(0);
		if (!holds_address(TREE_TYPE(p)))
			continue;
		param = params[nr] = g.add_object(PARAM, p, nr);
		content = contents[nr] = g.add_object(CONTENT, p, nr);
		g.address(g.get(param).any, content, ANY_BYTE, NULL);
		g.address(g.get(content).any, content, ANY_BYTE, NULL);
		name = ssa_default_def(fun, p);
		if (name)
			g.address(name_node(name), param, 0, NULL);
		if (is_gimple_reg(p))
			continue;
		n = g.add_node(p);
		g.address(n, param, 0, NULL);
		if (POINTER_TYPE_P(TREE_TYPE(p)))
			g.write(var_object(p), 0, POINTER_SIZE_UNITS, n, NULL);
		else
			g.write(var_object(p), ANY_BYTE, 0, n, NULL);
	}
}

void body::leak(tree op, const gimple *stmt)
{
	node_id n = value(op, stmt);

	if (n != NO_NODE)
		g.copy(graph::world, n, 0, stmt);
}

void body::look_at(node_id a, node_id b, const gimple *stmt)
{
	look l = { a, b, stmt };

	if (a != NO_NODE || b != NO_NODE)
		looks.push_back(l);
}

void body::compare(tree a, tree b, const gimple *stmt)
{
	if (!holds_address(TREE_TYPE(a)) ||
	    (POINTER_TYPE_P(TREE_TYPE(a)) &&
	     (integer_zerop(a) || integer_zerop(b))))
		return;
	look_at(value(a, stmt), value(b, stmt), stmt);
}

static void flow(graph *g, node_id dst, node_id src, long bytes,
		 const gimple *stmt)
{
	if (src != NO_NODE)
		g->copy(dst, src, bytes, stmt);
}

void body::add_assign(gassign *a)
{
	tree lhs = gimple_assign_lhs(a), op1 = gimple_assign_rhs1(a), op2;
	enum tree_code code = gimple_assign_rhs_code(a);
	node_id dst, n1, n2;

	if (gimple_clobber_p(a))
		return;
	if (TREE_CODE(lhs) != SSA_NAME) {
		if (!is_gimple_reg_type(TREE_TYPE(lhs)) &&
		    TREE_CODE(op1) != CONSTRUCTOR)
			copy_object(lhs, op1, a);
		else
			write(lhs, value(op1, a), a);
		return;
	}
	dst = name_node(lhs);
	switch (get_gimple_rhs_class(code)) {
	case GIMPLE_SINGLE_RHS:
		flow(&g, dst, value(op1, a), 0, a);
		return;
	case GIMPLE_UNARY_RHS:
		n1 = value(op1, a);
		if (!CONVERT_EXPR_CODE_P(code)) {
			flow(&g, dst, n1, ANY_BYTE, a);
			return;
		}
		flow(&g, dst, n1, 0, a);
		/* a piece of an address: the address was looked at */
		if (holds_address(TREE_TYPE(op1)) &&
		    !holds_address(TREE_TYPE(lhs)))
			look_at(n1, NO_NODE, a);
		return;
	case GIMPLE_BINARY_RHS:
		op2 = gimple_assign_rhs2(a);
		if (TREE_CODE_CLASS(code) == tcc_comparison) {
			compare(op1, op2, a);
			return;
		}
		n1 = value(op1, a);
		n2 = value(op2, a);
		switch (code) {
		case POINTER_PLUS_EXPR:
			flow(&g, dst, n1, tree_fits_shwi_p(op2) ?
			     tree_to_shwi(op2) : ANY_BYTE, a);
			if (n2 != NO_NODE)
				g.mix_in(dst, n2, a);
			return;
		case POINTER_DIFF_EXPR:
		case MINUS_EXPR:
			if (n1 != NO_NODE && n2 != NO_NODE)
				g.difference(dst, n1, n2, a);
			else
				flow(&g, dst, n1 != NO_NODE ? n1 : n2,
				     ANY_BYTE, a);
			return;
		case MIN_EXPR:
		case MAX_EXPR:
			look_at(n1, n2, a);
			flow(&g, dst, n1, 0, a);
			flow(&g, dst, n2, 0, a);
			return;
		case MULT_EXPR:
		case TRUNC_DIV_EXPR:
		case EXACT_DIV_EXPR:
		case TRUNC_MOD_EXPR:
			/*
			 * no address is made of it, but the address was looked
			 * at
			 */
			look_at(n1, NO_NODE, a);
			look_at(n2, NO_NODE, a);
			return;
		default:
			flow(&g, dst, n1, ANY_BYTE, a);
			flow(&g, dst, n2, ANY_BYTE, a);
			return;
		}
	default:
		if (code == COND_EXPR) {
			if (COMPARISON_CLASS_P(op1))
				compare(TREE_OPERAND(op1, 0),
					TREE_OPERAND(op1, 1), a);
		} else {
			flow(&g, dst, value(op1, a), ANY_BYTE, a);
		}
		flow(&g, dst, value(gimple_assign_rhs2(a), a),
		     code == COND_EXPR ? 0 : ANY_BYTE, a);
		flow(&g, dst, value(gimple_assign_rhs3(a), a),
		     code == COND_EXPR ? 0 : ANY_BYTE, a);
	}
}

void body::add_phi(gphi *phi)
{
	tree lhs = gimple_phi_result(phi);

	if (virtual_operand_p(lhs))
		return;
	for (unsigned int i = 0; i < gimple_phi_num_args(phi); i++)
		flow(&g, name_node(lhs), value(gimple_phi_arg_def(phi, i), phi),
		     0, phi);
}

void body::add_return(greturn *r)
{
	tree v = gimple_return_retval(r);
	node_id n;

	if (!v || !holds_address(TREE_TYPE(v)))
		return;
	n = value(v, r);
	if (n != NO_NODE)
		g.copy(result, n, 0, r);
}

void body::add_asm(gasm *a)
{
	for (unsigned int i = 0; i < gimple_asm_ninputs(a); i++) {
		tree op = TREE_VALUE(gimple_asm_input_op(a, i));
		place p;

		if (is_gimple_val(op)) {
			leak(op, a);
			continue;
		}
		/* in memory: its address is known to the asm */
		p = find(op, a);
		if (p.kind == place::POINTER)
			g.copy(graph::world, p.node, 0, a);
		else if (p.kind == place::OBJECT)
			g.address(graph::world, p.object, ANY_BYTE, a);
	}
	for (unsigned int i = 0; i < gimple_asm_noutputs(a); i++) {
		tree op = TREE_VALUE(gimple_asm_output_op(a, i));
		place p;

		if (TREE_CODE(op) == SSA_NAME) {
			g.copy(name_node(op), graph::world, 0, a);
			continue;
		}
		write(op, graph::world, a);
		p = find(op, a);
		if (p.kind == place::POINTER)
			g.copy(graph::world, p.node, 0, a);
		else if (p.kind == place::OBJECT)
			g.address(graph::world, p.object, ANY_BYTE, a);
	}
	untouchable = "inline assembly";
}

void body::add_statement(gimple *stmt)
{
	switch (gimple_code(stmt)) {
	case GIMPLE_ASSIGN:
		add_assign(as_a<gassign *>(stmt));
		break;
	case GIMPLE_CALL:
		add_call(as_a<gcall *>(stmt));
		break;
	case GIMPLE_RETURN:
		add_return(as_a<greturn *>(stmt));
		break;
	case GIMPLE_COND:
		compare(gimple_cond_lhs(stmt), gimple_cond_rhs(stmt), stmt);
		break;
	case GIMPLE_SWITCH: {
		tree i = gimple_switch_index(as_a<gswitch *>(stmt));

		if (holds_address(TREE_TYPE(i)))
			look_at(value(i, stmt), NO_NODE, stmt);
		break;
	}
	case GIMPLE_ASM:
		add_asm(as_a<gasm *>(stmt));
		break;
	case GIMPLE_GOTO:
		/* a computed goto: any label may come next */
		untouchable = "a computed goto";
		break;
	case GIMPLE_LABEL:
		if (DECL_NONLOCAL(gimple_label_label(as_a<glabel *>(stmt))) ||
		    FORCED_LABEL(gimple_label_label(as_a<glabel *>(stmt))))
			untouchable = "a label whose address is taken";
		break;
	case GIMPLE_NOP:
	case GIMPLE_PREDICT:
	case GIMPLE_DEBUG:
	case GIMPLE_RESX:
	case GIMPLE_EH_DISPATCH:
		break;
	default:
		opaque = "a statement that is not understood";
	}
}

void body::analyse()
{
	std::vector<node_id> from_int;
	basic_block bb;

	if (DECL_STATIC_CHAIN(fun->decl) || fun->has_nonlocal_label)
		opaque = "nested functions";
	if (fun->calls_setjmp)
		untouchable = "setjmp()";
	add_params();
	if (params.size() > 64)
		opaque = "more than 64 parameters";
	FOR_EACH_BB_FN(bb, fun) {
		for (gphi_iterator i = gsi_start_phis(bb); !gsi_end_p(i);
		     gsi_next(&i))
			add_phi(i.phi());
		for (gimple_stmt_iterator i = gsi_start_bb(bb); !gsi_end_p(i);
		     gsi_next(&i)) {
			gimple *stmt = gsi_stmt(i);
			tree lhs;

			add_statement(stmt);
			if (!is_gimple_assign(stmt) ||
			    !gimple_assign_cast_p(stmt))
				continue;
			lhs = gimple_assign_lhs(stmt);
			if (TREE_CODE(lhs) == SSA_NAME &&
			    POINTER_TYPE_P(TREE_TYPE(lhs)) &&
			    !POINTER_TYPE_P(TREE_TYPE(
					gimple_assign_rhs1(stmt))))
				from_int.push_back(name_node(lhs));
		}
	}
	g.solve();
	/* addresses of unknown origin belong to the world */
	for (node_id n : from_int)
		if (g.holds(n).empty())
			g.copy(n, graph::world, 0, NULL);
	g.solve();
}

const gimple *body::looked_at(object_id o) const
{
	for (const look &l : looks) {
		bool a = l.a != NO_NODE && g.holds_object(l.a, o);
		bool b = l.b != NO_NODE && g.holds_object(l.b, o);
		object_id one, other;

		if (!a && !b)
			continue;
		if (l.a == NO_NODE || l.b == NO_NODE)
			return l.stmt;
		if (a && b && g.holds_one_object(l.a, &one) &&
		    g.holds_one_object(l.b, &other) && one == other)
			continue;
		return l.stmt;
	}
	return NULL;
}

bool body::releases_object(const release &r, object_id o, bool *only) const
{
	target start = { o, 0 };

	*only = false;
	if (r.node == NO_NODE || !g.holds_object(r.node, o))
		return false;
	*only = g.holds_only(r.node, start);
	return true;
}

const tags *body::tags_of(tree decl) const
{
	return owner->find(decl);
}

std::set<object_id> body::returned() const
{
	std::vector<node_id> todo(1, result);
	std::set<object_id> found;

	while (!todo.empty()) {
		node_id n = todo.back();

		todo.pop_back();
		for (const fact &f : g.holds(n)) {
			object_kind k = g.get(f.to.object).kind;

			if ((k == SITE || k == LOCAL) &&
			    found.insert(f.to.object).second)
				todo.push_back(g.get(f.to.object).all);
		}
	}
	return found;
}

} /* namespace escape */
