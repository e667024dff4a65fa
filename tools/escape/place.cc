// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * place.cc: from the references of a statement, p->x or a[i].y, to the objects and
 * words of the graph of body.hh that they name.
 */
#include "body.hh"

namespace escape {

/*
 * Pieces of an address are carried only by what copies memory byte by byte,
 * which the language allows for character types only; a field of a struct that
 * is smaller than an address is never a piece of one.
 */
static bool piece_of_address(tree ref)
{
	tree type = TREE_TYPE(ref);

	if (holds_address(type))
		return true;
	if (TREE_CODE(ref) == COMPONENT_REF || TREE_CODE(ref) == BIT_FIELD_REF)
		return false;
	return !flag_strict_aliasing ||
		tree_int_cst_equal(TYPE_SIZE_UNIT(type), size_one_node);
}

body::place body::find(tree ref, const gimple *stmt)
{
	poly_int64 pbits, psize, pmax;
	HOST_WIDE_INT bits = 0, size = 0;
	place p = { place::NOTHING, 0, NO_NODE, ANY_BYTE, 0, true };
	bool reverse;
	tree base, ptr;

	p.carries = piece_of_address(ref);
	base = get_ref_base_and_extent(ref, &pbits, &psize, &pmax, &reverse);
	if (known_size_p(psize) && known_eq(psize, pmax) &&
	    pbits.is_constant(&bits) && psize.is_constant(&size) &&
	    bits >= 0 && size > 0) {
		p.byte = bits / BITS_PER_UNIT;
		p.size = (bits % BITS_PER_UNIT + size + BITS_PER_UNIT - 1) /
			BITS_PER_UNIT;
	}
	switch (TREE_CODE(base)) {
	case SSA_NAME:
		p.kind = place::REGISTER;
		p.node = name_node(base);
		return p;
	case MEM_REF:
	case TARGET_MEM_REF:
		ptr = TREE_OPERAND(base, 0);
		/* the type of the offset is unsigned, its value is not */
		if (TREE_CODE(base) == MEM_REF && p.byte != ANY_BYTE)
			p.byte += (HOST_WIDE_INT)TREE_INT_CST_LOW(
					TREE_OPERAND(base, 1));
		else
			p.byte = ANY_BYTE;
		p.node = value(ptr, stmt);
		p.kind = p.node == NO_NODE ? place::OUTSIDE : place::POINTER;
		if (TREE_CODE(ptr) == ADDR_EXPR &&
		    TREE_CODE(TREE_OPERAND(ptr, 0)) == STRING_CST)
			p.kind = place::NOTHING;
		if (TREE_CODE(base) == TARGET_MEM_REF)
			p.kind = place::OUTSIDE;
		return p;
	case VAR_DECL:
	case PARM_DECL:
	case RESULT_DECL:
		if (!auto_var_in_fn_p(base, fun->decl) ||
		    DECL_HAS_VALUE_EXPR_P(base)) {
			p.kind = place::OUTSIDE;
			return p;
		}
		p.kind = place::OBJECT;
		p.object = var_object(base);
		return p;
	case STRING_CST:
	case LABEL_DECL:
	case FUNCTION_DECL:
		return p;
	default:
		p.kind = place::OUTSIDE;
		return p;
	}
}

node_id body::read(tree ref, const gimple *stmt)
{
	place p = find(ref, stmt);
	node_id n;

	if (p.kind == place::NOTHING || !p.carries)
		return NO_NODE;
	n = g.add_node(ref);
	switch (p.kind) {
	case place::REGISTER:
		g.copy(n, p.node, ANY_BYTE, stmt);
		break;
	case place::OBJECT:
		g.read(n, p.object, p.byte, p.size, stmt);
		break;
	case place::POINTER:
		g.load(n, p.node, p.byte, p.size, stmt);
		break;
	default:
		g.copy(n, graph::world, 0, stmt);
	}
	return n;
}

void body::write(tree ref, node_id src, const gimple *stmt)
{
	place p;

	if (src == NO_NODE)
		return;
	p = find(ref, stmt);
	switch (p.kind) {
	case place::NOTHING:
		break;
	case place::OBJECT:
		g.write(p.object, p.byte, p.size, src, stmt);
		break;
	case place::POINTER:
		g.store(p.node, p.byte, p.size, src, stmt);
		break;
	default:
		g.copy(graph::world, src, 0, stmt);
	}
}

node_id body::value(tree op, const gimple *stmt)
{
	node_id n;
	place p;

	switch (TREE_CODE(op)) {
	case SSA_NAME:
		return virtual_operand_p(op) ? NO_NODE : name_node(op);
	case ADDR_EXPR:
		p = find(TREE_OPERAND(op, 0), stmt);
		if (p.kind == place::NOTHING)
			return NO_NODE;
		n = g.add_node(op);
		if (p.kind == place::OBJECT)
			g.address(n, p.object, p.byte, stmt);
		else if (p.kind == place::POINTER)
			g.copy(n, p.node, p.byte, stmt);
		else
			g.copy(n, graph::world, 0, stmt);
		return n;
	case INTEGER_CST:
		/* a fixed place in memory */
		return POINTER_TYPE_P(TREE_TYPE(op)) && !integer_zerop(op) ?
			graph::world : NO_NODE;
	case CONSTRUCTOR: {
		unsigned HOST_WIDE_INT i;
		tree v;

		n = g.add_node(op);
		FOR_EACH_CONSTRUCTOR_VALUE(CONSTRUCTOR_ELTS(op), i, v) {
			node_id e = value(v, stmt);

			if (e != NO_NODE)
				g.copy(n, e, ANY_BYTE, stmt);
		}
		return n;
	}
	default:
		if (CONSTANT_CLASS_P(op))
			return NO_NODE;
		if (DECL_P(op) || REFERENCE_CLASS_P(op))
			return read(op, stmt);
		opaque = "an operand that is not understood";
		return graph::world;
	}
}

/* A struct or union, word by word where it is small. */
void body::copy_object(tree lhs, tree rhs, const gimple *stmt)
{
	place to = find(lhs, stmt), from = find(rhs, stmt);
	const long step = POINTER_SIZE_UNITS, most = 16;
	bool known;
	node_id n;

	known = to.byte != ANY_BYTE && from.byte != ANY_BYTE && to.size > 0 &&
		to.size <= most * step && to.byte % step == from.byte % step &&
		(to.kind == place::OBJECT || to.kind == place::POINTER) &&
		(from.kind == place::OBJECT || from.kind == place::POINTER);
	if (!known) {
		n = read(rhs, stmt);
		write(lhs, n, stmt);
		return;
	}
	for (long at = 0; at < to.size; at += step) {
		long size = MIN(step, to.size - at);

		n = g.add_node(rhs);
		if (from.kind == place::OBJECT)
			g.read(n, from.object, from.byte + at, size, stmt);
		else
			g.load(n, from.node, from.byte + at, size, stmt);
		if (to.kind == place::OBJECT)
			g.write(to.object, to.byte + at, size, n, stmt);
		else
			g.store(to.node, to.byte + at, size, n, stmt);
	}
}

} /* namespace escape */
