// SPDX-License-Identifier: GPL-2.0-or-later
/* judge.cc: from a graph to verdicts; see report.hh. */
#include "report.hh"

#include "path.hh"
#include "unit.hh"

namespace escape {

/* steps of a path that are worth reading */
static const size_t max_steps = 40;

long site_size(const site &s)
{
	unsigned HOST_WIDE_INT n, count = 1;

	if (!s.size || !tree_fits_uhwi_p(s.size) ||
	    (s.count && !tree_fits_uhwi_p(s.count)))
		return -1;
	n = tree_to_uhwi(s.size);
	if (s.count)
		count = tree_to_uhwi(s.count);
	if (count && n > (unsigned HOST_WIDE_INT)LONG_MAX / count)
		return -1;
	return n * count;
}

std::string site_text(const site &s)
{
	std::ostringstream t;

	t << s.name << '(';
	if (site_size(s) >= 0)
		t << site_size(s);
	else if (s.size)
		t << text_of(s.size) << (s.count ? " * " : "") <<
			(s.count ? text_of(s.count) : "");
	t << ')';
	return t.str();
}

/* The argument by which an object goes into a call, from 1 on, or 0. */
static unsigned int argument_with(const body &b, gcall *c, object_id o)
{
	for (unsigned int i = 0; i < gimple_call_num_args(c); i++) {
		tree arg = gimple_call_arg(c, i);
		node_id n;

		if (TREE_CODE(arg) == SSA_NAME) {
			n = b.node_of(arg);
			if (n != NO_NODE && b.g.holds_object(n, o))
				return i + 1;
		} else if (TREE_CODE(arg) == ADDR_EXPR &&
			   get_base_address(TREE_OPERAND(arg, 0)) ==
			   (tree)b.g.get(o).what) {
			return i + 1;
		}
	}
	return 0;
}

/* What a statement does to an object's address. */
static std::string act_of(const body &b, const gimple *stmt, object_id o)
{
	std::ostringstream s;
	unsigned int nr;

	switch (gimple_code(stmt)) {
	case GIMPLE_RETURN:
		return "returned";
	case GIMPLE_ASM:
		return "used by inline assembly";
	case GIMPLE_ASSIGN:
		if (TREE_CODE(gimple_assign_lhs(stmt)) != SSA_NAME)
			return "stored in " + text_of(gimple_assign_lhs(stmt));
		return "assigned to " + text_of(gimple_assign_lhs(stmt));
	case GIMPLE_CALL: {
		gcall *c = as_a<gcall *>(const_cast<gimple *>(stmt));

		nr = argument_with(b, c, o);
		s << "passed to " << text_of_callee(c);
		if (nr)
			s << " argument " << nr;
		else if (gimple_call_num_args(c))
			s << ", which may reach it";
		return s.str();
	}
	default:
		return "used";
	}
}

static std::string edge_text(const fact &f)
{
	const gimple *stmt = (const gimple *)f.why;
	std::string text;

	switch (gimple_code(stmt)) {
	case GIMPLE_ASSIGN:
		text = text_of(gimple_assign_lhs(stmt));
		/* a copy of a variable to itself is gcc's: nobody wrote it */
		if (f.w == COPY &&
		    text == text_of(gimple_assign_rhs1(stmt)))
			return "";
		text += " = " + text_of(gimple_assign_rhs1(stmt));
		break;
	case GIMPLE_CALL:
		if (f.w == ADDRESS)
			text = (gimple_call_lhs(stmt) ?
				text_of(gimple_call_lhs(stmt)) + " = " : "") +
				text_of_callee(as_a<gcall *>(
					const_cast<gimple *>(stmt)));
		else
			text = "call of " + text_of_callee(as_a<gcall *>(
					const_cast<gimple *>(stmt)));
		break;
	case GIMPLE_RETURN:
		text = "return " + text_of(gimple_return_retval(
				as_a<greturn *>(const_cast<gimple *>(stmt))));
		break;
	case GIMPLE_PHI:
		text = text_of(gimple_phi_result(stmt)) +
			" is one of several";
		break;
	default:
		text = "...";
	}
	return text + (f.w == ADDRESS ? " [address of, -1]" :
		       f.w == DEREF ? " [dereference, +1]" : " [copy, 0]");
}

/* How an object's address came to a node: the reason, and the path to it. */
static void explain(const body &b, node_id root, object_id o, finding *out)
{
	const fact *f = b.g.holds_object(root, o);
	std::set<node_id> seen;

	seen.insert(root);
	while (f && out->path.size() < max_steps) {
		if (f->why) {
			const gimple *stmt = (const gimple *)f->why;
			step s;

			if (out->reason.empty())
				out->reason = act_of(b, stmt, o) + " at " +
					where(stmt).text();
			s.at = where(stmt);
			s.text = edge_text(*f);
			if (!s.text.empty())
				out->path.push_back(s);
		}
		if (f->from == NO_NODE || !seen.insert(f->from).second)
			break;
		f = b.g.holds_object(f->from, o);
	}
}

/* true: it outlives the function, and out says why */
static bool outlives(const body &b, object_id o, finding *out)
{
	if (b.opaque) {
		out->reason = std::string("the function has ") + b.opaque;
		return true;
	}
	if (b.g.holds_object(graph::world, o)) {
		explain(b, graph::world, o, out);
		return true;
	}
	if (b.g.holds_object(b.result, o)) {
		explain(b, b.result, o, out);
		return true;
	}
	for (object_id r : b.returned()) {
		if (r == o || !b.g.holds_object(b.g.get(r).all, o))
			continue;
		if (!b.returned().count(o))
			continue;
		explain(b, b.g.get(r).all, o, out);
		out->reason += ", which is returned";
		return true;
	}
	return false;
}

static std::string list(const std::set<place_in_source> &places)
{
	std::string s, last;

	for (const place_in_source &p : places) {
		if (p.text() == last)
			continue;
		last = p.text();
		s += (s.empty() ? "" : ", ") + last;
	}
	return s;
}

/* How an object that stays ends. */
static std::string life_of(const body &b, const site &s)
{
	std::set<place_in_source> at;
	std::set<gimple *> sure = sure_releases(b, s.object);
	tree lhs = gimple_call_lhs(s.call);
	std::string by;
	gimple *last = NULL;
	bool only, maybe = false;

	if (!lhs)
		return "its address is not used";
	for (const release &r : b.releases) {
		if (!b.releases_object(r, s.object, &only) &&
		    !(r.how == release::MAYBE && r.node != NO_NODE &&
		      b.g.holds_object(r.node, s.object)))
			continue;
		if (r.how == release::MOVE)
			return "moved by " + r.name + "() at " +
				where(r.stmt).text();
		at.insert(where(r.stmt));
		if (r.how != release::FREE)
			by = " by " + r.name + "()";
		if (!sure.count(r.stmt))
			maybe = true;
	}
	if (at.empty())
		return "never freed";
	if (!path_exists(b, s.call, NULL, sure,
			 TREE_CODE(lhs) == SSA_NAME ? lhs : NULL_TREE, &last))
		return "freed on all paths" + by + " at " + list(at);
	if (maybe)
		return "freed" + by + " at " + list(at) +
			", perhaps not each time";
	/*
	 * if each turn of a loop makes an object, a path to the end proves
	 * nothing
	 */
	if (path_exists(b, s.call, s.call, sure, NULL_TREE, NULL))
		return "freed" + by + " at " + list(at);
	return "freed" + by + " at " + list(at) +
		", not on the path that leaves at " + where(last).text();
}

finding judge_site(const body &b, const site &s)
{
	finding f;

	f.kind = finding::OBJECT;
	f.at = where(s.call);
	f.function = function_text(b.fun->decl);
	f.what = site_text(s);
	f.size = site_size(s);
	f.escapes = outlives(b, s.object, &f);
	f.rule = f.escapes ? "escapes" : "stays";
	if (!f.escapes)
		f.reason = life_of(b, s);
	return f;
}

bool judge_param(const body &b, unsigned int nr, const tags *t, finding *f)
{
	tree decl = DECL_ARGUMENTS(b.fun->decl);
	std::vector<std::string> more;
	param_tags p;

	for (unsigned int i = 0; i < nr && decl; i++)
		decl = DECL_CHAIN(decl);
	if (!decl || !POINTER_TYPE_P(TREE_TYPE(decl)) || !DECL_NAME(decl) ||
	    FUNC_OR_METHOD_TYPE_P(TREE_TYPE(TREE_TYPE(decl))))
		return false;
	f->kind = finding::PARAMETER;
	f->at = where(DECL_SOURCE_LOCATION(decl));
	f->function = function_text(b.fun->decl);
	f->what = "parameter " + text_of(decl) + " of " + f->function + "()";
	if (!t) {
		f->escapes = true;
		f->reason = b.opaque ? std::string("the function has ") +
			b.opaque : "functions that call each other";
		f->rule = "leaks";
		return true;
	}
	p = t->of(nr);
	f->escapes = p.leaks[POINTER];
	if (p.leaks[POINTER]) {
		explain(b, graph::world, b.params[nr], f);
	} else if (p.leaks[REACHED]) {
		explain(b, graph::world, b.contents[nr], f);
		more.push_back("what it leads to leaks: " + f->reason);
	}
	if (p.result[POINTER])
		more.push_back("may be the result");
	else if (p.result[REACHED])
		more.push_back("what it leads to may be the result");
	if (p.in_new[POINTER])
		more.push_back("is stored in the result");
	else if (p.in_new[REACHED])
		more.push_back("what it leads to is stored in the result");
	for (int l = POINTER; l <= REACHED; l++)
		for (unsigned int i = 0; i < b.params.size() && i < 64; i++) {
			std::ostringstream s;

			unsigned long in[2] = {
				p.in_param[POINTER] | p.in_reached[POINTER],
				p.in_param[REACHED] | p.in_reached[REACHED],
			};

			if (!(in[l] >> i & 1) ||
			    (l == REACHED && in[POINTER] >> i & 1))
				continue;
			s << (l == REACHED ? "what it leads to " : "") <<
				"is stored in argument " << i + 1;
			more.push_back(s.str());
		}
	if (p.frees)
		more.push_back("is freed");
	else if (p.may_free)
		more.push_back("may be freed");
	if (!f->escapes)
		f->reason.clear();
	for (const std::string &m : more)
		f->reason += (f->reason.empty() ? "" : "; ") + m;
	f->rule = f->escapes ? "leaks" : "keeps";
	return true;
}

bool judge_local(const body &b, const local &l, finding *f)
{
	if (b.opaque || !b.returned().count(l.object) ||
	    b.g.holds_object(graph::world, l.object))
		return false;
	f->kind = finding::VARIABLE;
	f->at = where(DECL_SOURCE_LOCATION(l.decl));
	f->function = function_text(b.fun->decl);
	f->what = "variable " + text_of(l.decl);
	f->escapes = outlives(b, l.object, f);
	f->rule = "dangling";
	return true;
}

} /* namespace escape */
