// SPDX-License-Identifier: GPL-2.0-or-later
/* text.cc: see text.hh. */
#include "text.hh"

#include "unit.hh"

namespace escape {

std::string place_in_source::text() const
{
	std::ostringstream s;

	s << (file.empty() ? "?" : file) << ':' << line;
	return s.str();
}

bool place_in_source::operator<(const place_in_source &o) const
{
	if (file != o.file)
		return file < o.file;
	return line != o.line ? line < o.line : column < o.column;
}

place_in_source where(location_t l)
{
	expanded_location x = expand_location(l);
	place_in_source p;

	p.file = x.file ? x.file : "";
	p.line = x.line;
	p.column = x.column;
	return p;
}

place_in_source where(const gimple *stmt)
{
	location_t l = stmt ? gimple_location(stmt) : UNKNOWN_LOCATION;

	/* where several return, gcc has one statement at the end */
	if (l == UNKNOWN_LOCATION && stmt && cfun &&
	    gimple_code(stmt) == GIMPLE_RETURN)
		l = cfun->function_end_locus;
	return where(l);
}

static std::string text_at(tree t, int depth)
{
	gimple *def;
	tree op, base;

	if (!t || depth > 6)
		return "...";
	switch (TREE_CODE(t)) {
	case SSA_NAME:
		if (SSA_NAME_VAR(t) && DECL_NAME(SSA_NAME_VAR(t)))
			return IDENTIFIER_POINTER(DECL_NAME(SSA_NAME_VAR(t)));
		def = SSA_NAME_DEF_STMT(t);
		if (is_gimple_assign(def) &&
		    (gimple_assign_single_p(def) || gimple_assign_cast_p(def)))
			return text_at(gimple_assign_rhs1(def), depth + 1);
		if (is_gimple_call(def))
			return text_of_callee(as_a<gcall *>(def));
		return "...";
	case VAR_DECL:
	case PARM_DECL:
	case FUNCTION_DECL:
	case FIELD_DECL:
		return DECL_NAME(t) ? IDENTIFIER_POINTER(DECL_NAME(t)) : "...";
	case RESULT_DECL:
		return "the result";
	case ADDR_EXPR:
		return "&" + text_at(TREE_OPERAND(t, 0), depth + 1);
	case COMPONENT_REF:
		base = TREE_OPERAND(t, 0);
		op = TREE_OPERAND(t, 1);
		if (TREE_CODE(base) == MEM_REF &&
		    integer_zerop(TREE_OPERAND(base, 1)))
			return text_at(TREE_OPERAND(base, 0), depth + 1) +
				"->" + text_at(op, depth + 1);
		return text_at(base, depth + 1) + "." + text_at(op, depth + 1);
	case ARRAY_REF:
		return text_at(TREE_OPERAND(t, 0), depth + 1) + "[" +
			text_at(TREE_OPERAND(t, 1), depth + 1) + "]";
	case MEM_REF:
		if (TREE_CODE(TREE_OPERAND(t, 0)) == ADDR_EXPR)
			return text_at(TREE_OPERAND(TREE_OPERAND(t, 0), 0),
				       depth + 1);
		return "*" + text_at(TREE_OPERAND(t, 0), depth + 1);
	case INTEGER_CST:
		if (tree_fits_shwi_p(t)) {
			std::ostringstream s;

			s << tree_to_shwi(t);
			return s.str();
		}
		return "...";
	default:
		return "...";
	}
}

std::string text_of(tree t)
{
	return text_at(t, 0);
}

std::string text_of_callee(const gcall *c)
{
	tree decl = gimple_call_fndecl(c);

	if (decl)
		return std::string(function_text(decl)) + "()";
	if (gimple_call_internal_p(c))
		return "an internal function";
	return "(*" + text_at(gimple_call_fn(c), 0) + ")()";
}

} /* namespace escape */
