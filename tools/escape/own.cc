// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * own.cc: see own.hh.  Paths are walked one by one, with what their branches
 * have decided: a condition that comes again gets the same answer.  A state
 * that was seen at a block before is not followed again.
 */
#include "own.hh"

#include "path.hh"
#include "unit.hh"

namespace escape {

bool own_seen;

/* statements looked at for one object before it is given up */
static const unsigned int max_work = 20000;

enum role { NONE, TAKES, BORROWS };

static tree note_mark(tree *, tree, tree, int, bool *)
{
	own_seen = true;
	return NULL_TREE;
}

void own_register()
{
	static attribute_spec marks[] = {
		{ "shim_takes", 0, 0, true, false, false, false, note_mark,
		  NULL },
		{ "shim_gives", 0, 0, true, false, false, false, note_mark,
		  NULL },
		{ "shim_borrows", 0, 0, true, false, false, false, note_mark,
		  NULL },
		{ "shim_strong", 0, 0, true, false, false, false, note_mark,
		  NULL },
	};

	for (attribute_spec &m : marks)
		register_attribute(&m);
}

static bool has_mark(tree decl, const char *mark)
{
	return decl && DECL_P(decl) &&
		lookup_attribute(mark, DECL_ATTRIBUTES(decl));
}

/* The marks of parameters, by function: gcc drops those that have no body. */
static std::map<tree, std::vector<role>> roles;

void own_note_params()
{
	cgraph_node *node;

	if (!own_seen)
		return;
	FOR_EACH_FUNCTION(node) {
		std::vector<role> r;

		for (tree p = DECL_ARGUMENTS(node->decl); p; p = DECL_CHAIN(p))
			r.push_back(has_mark(p, "shim_takes") ? TAKES :
				    has_mark(p, "shim_borrows") ? BORROWS :
				    NONE);
		roles[node->decl] = r;
	}
}

static role mark_of(tree fn, unsigned int nr)
{
	std::map<tree, std::vector<role>>::const_iterator it =
		roles.find(fn);

	return it != roles.end() && nr < it->second.size() ?
		it->second[nr] : NONE;
}

/* What a call does with an argument; *known: whether it does nothing else. */
static role role_of(const body &b, gcall *c, unsigned int nr, bool *known)
{
	tree fn = gimple_call_fndecl(c);
	const tags *t;

	*known = true;
	if (!fn) {
		*known = false;
		return NONE;
	}
	if (mark_of(fn, nr) == TAKES ||
	    (gimple_call_builtin_p(c, BUILT_IN_FREE) && !nr))
		return TAKES;
	if (mark_of(fn, nr) == BORROWS)
		return BORROWS;
	t = b.tags_of(fn);
	if (!t) {
		*known = false;
		return NONE;
	}
	if (t->of(nr).frees)
		return TAKES;
	*known = !t->of(nr).leak() && !t->of(nr).may_free &&
		!t->of(nr).in_param[POINTER] &&
		!t->of(nr).in_reached[POINTER] && !t->of(nr).in_new[POINTER];
	return NONE;
}

/* May a call return the argument? */
static bool returns(const body &b, gcall *c, unsigned int nr)
{
	tree fn = gimple_call_fndecl(c);
	const tags *t = fn ? b.tags_of(fn) : NULL;

	return t && t->of(nr).result[POINTER];
}

/* The same, with a reference more. */
static bool retains(const body &b, gcall *c, unsigned int nr)
{
	return has_mark(gimple_call_fndecl(c), "shim_gives") &&
		returns(b, c, nr);
}

/* One object on one path. */
struct walk {
	basic_block bb;
	int owned;			/* references that are ours */
	std::set<unsigned int> names;	/* SSA versions that are it */
	std::map<std::vector<unsigned long>, bool> known;
	std::vector<step> trail;
	location_t last;		/* where the path has come to */
	const gimple *gone;		/* where the last one went */
	std::string gone_to;
};

class follower {
public:
	follower(const body &body, std::vector<finding> *found) :
		b(body), all(found), work(0) {}
	void follow(tree name, gimple *from, const std::string &origin,
		    bool must_release);

private:
	const body &b;
	std::vector<finding> *all;
	std::set<std::string> seen, told;
	std::string origin;
	bool must;
	unsigned int work;

	bool is(const walk &w, tree t) const
	{
		return t && TREE_CODE(t) == SSA_NAME &&
			w.names.count(SSA_NAME_VERSION(t));
	}
	bool uses(const walk &w, tree ref) const;
	void tell(const walk &w, const gimple *at, const char *rule,
		  const std::string &text);
	bool step_call(walk *w, gcall *c);
	bool step_over(walk *w, gimple *stmt);
	void run(walk w, gimple_stmt_iterator i);
	void leave(const walk &w, edge e);
	bool visited(const walk &w);
	static std::vector<unsigned long> condition(gimple *stmt, bool *yes);
};

bool follower::uses(const walk &w, tree ref) const
{
	tree base;

	if (!ref || !REFERENCE_CLASS_P(ref))
		return false;
	base = get_base_address(ref);
	return base && TREE_CODE(base) == MEM_REF &&
		is(w, TREE_OPERAND(base, 0));
}

void follower::tell(const walk &w, const gimple *at, const char *rule,
		    const std::string &text)
{
	finding f;
	step s;

	f.kind = finding::OWNERSHIP;
	f.place = at ? gimple_location(at) : w.last;
	f.at = where(f.place);
	f.function = function_text(b.fun->decl);
	f.rule = rule;
	f.what = text;
	/* report each place once, whatever the path */
	if (!told.insert(rule + f.at.text()).second)
		return;
	f.path = w.trail;
	all->push_back(f);
}

/* false: the object is followed no further on this path */
bool follower::step_call(walk *w, gcall *c)
{
	tree lhs = gimple_call_lhs(c);
	bool known;

	for (unsigned int i = 0; i < gimple_call_num_args(c); i++) {
		tree arg = gimple_call_arg(c, i);
		std::string callee = text_of_callee(c);
		role r;

		if (!is(*w, arg))
			continue;
		r = role_of(b, c, i, &known);
		if (w->owned <= 0) {
			if (r == TAKES)
				tell(*w, c, "own-twice", origin +
				     " is released twice: by " + w->gone_to +
				     " at " + where(w->gone).text() +
				     ", and by " + callee);
			else
				tell(*w, c, "own-use-after", origin +
				     " is passed to " + callee +
				     " after it was given to " + w->gone_to +
				     " at " + where(w->gone).text());
			return false;
		}
		if (r == TAKES) {
			step s;

			w->owned--;
			w->gone = c;
			w->gone_to = callee;
			s.at = where(c);
			s.text = "given to " + callee;
			w->trail.push_back(s);
		} else if (retains(b, c, i)) {
			w->owned++;
			if (lhs && TREE_CODE(lhs) == SSA_NAME)
				w->names.insert(SSA_NAME_VERSION(lhs));
		} else if (r == NONE && !known) {
			return false;
		} else if (lhs && TREE_CODE(lhs) == SSA_NAME &&
			   returns(b, c, i)) {
			w->names.insert(SSA_NAME_VERSION(lhs));
		}
	}
	return true;
}

bool follower::step_over(walk *w, gimple *stmt)
{
	tree lhs, rhs;

	/* a condition computed anew in a loop has no answer from before */
	if (gimple_get_lhs(stmt) &&
	    TREE_CODE(gimple_get_lhs(stmt)) == SSA_NAME) {
		unsigned long v = SSA_NAME_VERSION(gimple_get_lhs(stmt));

		for (auto i = w->known.begin(); i != w->known.end();)
			if (i->first[0] == v || i->first[2] == v + 1)
				i = w->known.erase(i);
			else
				++i;
		w->names.erase(v);
	}
	if (is_gimple_debug(stmt))
		return true;
	if (gcall *c = dyn_cast<gcall *>(stmt))
		return step_call(w, c);
	if (greturn *r = dyn_cast<greturn *>(stmt)) {
		if (!is(*w, gimple_return_retval(r)))
			return true;
		if (w->owned <= 0) {
			tell(*w, stmt, "own-use-after", origin +
			     " is returned after it was given to " +
			     w->gone_to + " at " + where(w->gone).text());
			return false;
		}
		if (!has_mark(b.fun->decl, "shim_gives"))
			return false;
		w->owned--;
		return true;
	}
	if (!is_gimple_assign(stmt))
		return gimple_code(stmt) != GIMPLE_ASM;
	lhs = gimple_assign_lhs(stmt);
	rhs = gimple_assign_rhs1(stmt);
	if (w->owned <= 0 && (uses(*w, lhs) || uses(*w, rhs))) {
		tell(*w, stmt, "own-use-after", origin +
		     " is used after it was given to " + w->gone_to + " at " +
		     where(w->gone).text());
		return false;
	}
	if (!is(*w, rhs))
		return true;
	if (TREE_CODE(lhs) == SSA_NAME) {
		if (gimple_assign_cast_p(stmt) ||
		    gimple_assign_ssa_name_copy_p(stmt))
			w->names.insert(SSA_NAME_VERSION(lhs));
		return true;
	}
	/* stored: it belongs to others now, who may do anything with it */
	if (w->owned > 0)
		return false;
	tell(*w, stmt, "own-use-after", origin + " is stored in " +
	     text_of(lhs) + " after it was given to " + w->gone_to + " at " +
	     where(w->gone).text());
	return false;
}

/*
 * A condition as numbers: the operation, its operand, and what it is compared
 * with.  Of two opposite conditions one stands for both, and *yes is inverted.
 */
std::vector<unsigned long> follower::condition(gimple *stmt, bool *yes)
{
	enum tree_code code = gimple_cond_code(stmt);

	tree a = gimple_cond_lhs(stmt), c = gimple_cond_rhs(stmt);
	std::vector<unsigned long> k(4);

	k[0] = TREE_CODE(a) == SSA_NAME ? SSA_NAME_VERSION(a) : ~0ul;
	if (code == EQ_EXPR || code == GE_EXPR || code == LE_EXPR) {
		code = invert_tree_comparison(code, false);
		*yes = !*yes;
	}
	k[1] = code;
	k[2] = TREE_CODE(c) == SSA_NAME ? SSA_NAME_VERSION(c) + 1 : 0;
	k[3] = TREE_CODE(c) == INTEGER_CST ? TREE_INT_CST_LOW(c) : 0;
	return k;
}

bool follower::visited(const walk &w)
{
	std::ostringstream s;

	s << w.bb->index << ' ' << w.owned << ' ' << where(w.gone).text();
	for (unsigned int n : w.names)
		s << ' ' << n;
	for (const auto &k : w.known)
		s << '/' << k.first[0] << ',' << k.first[1] << ',' <<
			k.first[2] << ',' << k.first[3] << '=' << k.second;
	return !seen.insert(s.str()).second;
}

/* On to the next block, by an edge. */
void follower::leave(const walk &from, edge e)
{
	std::set<unsigned int> added, gone;
	walk w = from;

	w.bb = e->dest;
	if (e->goto_locus != UNKNOWN_LOCATION)
		w.last = e->goto_locus;
	for (gphi_iterator i = gsi_start_phis(e->dest); !gsi_end_p(i);
	     gsi_next(&i)) {
		tree result = gimple_phi_result(i.phi());

		if (virtual_operand_p(result))
			continue;
		if (gimple_phi_arg_location_from_edge(i.phi(), e) !=
		    UNKNOWN_LOCATION)
			w.last = gimple_phi_arg_location_from_edge(i.phi(), e);
		(is(from, PHI_ARG_DEF_FROM_EDGE(i.phi(), e)) ? added : gone)
			.insert(SSA_NAME_VERSION(result));
	}
	for (unsigned int n : gone)
		w.names.erase(n);
	w.names.insert(added.begin(), added.end());
	for (auto i = w.known.begin(); i != w.known.end();)
		if (gone.count(i->first[0]) || added.count(i->first[0]) ||
		    gone.count(i->first[2] - 1) || added.count(i->first[2] - 1))
			i = w.known.erase(i);
		else
			++i;
	if (!visited(w))
		run(w, gsi_start_bb(e->dest));
}

void follower::run(walk w, gimple_stmt_iterator i)
{
	gimple *last = NULL, *cond;
	edge_iterator ei;
	edge e;

	for (; !gsi_end_p(i); gsi_next(&i)) {
		/* the one return that all paths share is no useful place */
		if (gimple_has_location(gsi_stmt(i)) &&
		    gimple_code(gsi_stmt(i)) != GIMPLE_RETURN)
			w.last = gimple_location(gsi_stmt(i));
		if (++work > max_work || !step_over(&w, gsi_stmt(i)))
			return;
		if (!is_gimple_debug(gsi_stmt(i)))
			last = gsi_stmt(i);
	}
	cond = last && gimple_code(last) == GIMPLE_COND ? last : NULL;
	FOR_EACH_EDGE(e, ei, w.bb->succs) {
		bool yes = e->flags & EDGE_TRUE_VALUE;
		walk next = w;
		step s;

		if (e->dest == EXIT_BLOCK_PTR_FOR_FN(b.fun)) {
			if (w.owned > 0 && must)
				tell(w, NULL, "own-leak", origin +
				     " is not released on this path");
			continue;
		}
		if (cond) {
			bool answer = yes;
			std::vector<unsigned long> k = condition(cond, &answer);

			/* there is nothing to own where there is no object */
			if (is(w, gimple_cond_lhs(cond)) &&
			    integer_zerop(gimple_cond_rhs(cond)) &&
			    ((gimple_cond_code(cond) == EQ_EXPR) == yes))
				continue;
			if (w.known.count(k) && w.known[k] != answer)
				continue;
			next.known[k] = answer;
			s.at = where(cond);
			s.text = text_of(gimple_cond_lhs(cond)) + " " +
				op_symbol_code(gimple_cond_code(cond)) + " " +
				text_of(gimple_cond_rhs(cond)) +
				(yes ? ": yes" : ": no");
			next.trail.push_back(s);
		}
		leave(next, e);
	}
}

void follower::follow(tree name, gimple *from, const std::string &what,
		      bool must_release)
{
	gimple_stmt_iterator i;
	walk w;
	step s;

	origin = what;
	must = must_release;
	w.owned = 1;
	w.gone = NULL;
	w.last = b.fun->function_end_locus;
	w.names.insert(SSA_NAME_VERSION(name));
	if (from) {
		w.bb = gimple_bb(from);
		i = gsi_for_stmt(from);
		gsi_next(&i);
		s.at = where(from);
		s.text = "comes from " + text_of_callee(as_a<gcall *>(from));
		w.trail.push_back(s);
	} else {
		w.bb = single_succ(ENTRY_BLOCK_PTR_FOR_FN(b.fun));
		i = gsi_start_bb(w.bb);
	}
	run(w, i);
}

/* What is only borrowed: a parameter that is not taken, or NULL_TREE. */
static tree borrowed(tree name)
{
	tree var;

	name = pointer_origin(name);
	if (TREE_CODE(name) != SSA_NAME || !SSA_NAME_IS_DEFAULT_DEF(name))
		return NULL_TREE;
	var = SSA_NAME_VAR(name);
	return var && TREE_CODE(var) == PARM_DECL &&
		!has_mark(var, "shim_takes") ? var : NULL_TREE;
}

/* A field or variable that must own a reference gets a borrowed one. */
static void check_store(const body &b, gimple *stmt, std::vector<finding> *all)
{
	tree lhs = gimple_assign_lhs(stmt), decl, var;
	finding f;

	if (!gimple_assign_single_p(stmt) || TREE_CODE(lhs) == SSA_NAME)
		return;
	decl = TREE_CODE(lhs) == COMPONENT_REF ? TREE_OPERAND(lhs, 1) : lhs;
	if (!has_mark(decl, "shim_strong"))
		return;
	var = borrowed(gimple_assign_rhs1(stmt));
	if (!var)
		return;
	f.kind = finding::OWNERSHIP;
	f.at = where(stmt);
	f.place = gimple_location(stmt);
	f.function = function_text(b.fun->decl);
	f.rule = "own-retain";
	f.what = text_of(lhs) + " keeps " + text_of(var) +
		", which is only borrowed, without a reference of its own";
	all->push_back(f);
}

/* What is borrowed by its mark must not be released. */
static void check_borrowed(const body &b, gcall *c, std::vector<finding> *all)
{
	bool known;

	for (unsigned int i = 0; i < gimple_call_num_args(c); i++) {
		tree var = borrowed(gimple_call_arg(c, i));
		finding f;

		if (!var || !has_mark(var, "shim_borrows") ||
		    role_of(b, c, i, &known) != TAKES)
			continue;
		f.kind = finding::OWNERSHIP;
		f.at = where(c);
		f.place = gimple_location(c);
		f.function = function_text(b.fun->decl);
		f.rule = "own-borrowed";
		f.what = text_of(var) + " is given to " + text_of_callee(c) +
			", but only borrowed";
		all->push_back(f);
	}
}

/*
 * A result that the caller must release, unless it is one more reference to the
 * object that is followed.
 */
static bool is_origin(const body &b, gcall *c)
{
	tree lhs = gimple_call_lhs(c);

	if (!lhs || TREE_CODE(lhs) != SSA_NAME ||
	    !has_mark(gimple_call_fndecl(c), "shim_gives"))
		return false;
	for (unsigned int i = 0; i < gimple_call_num_args(c); i++) {
		tree arg = gimple_call_arg(c, i);

		if (retains(b, c, i) && !borrowed(arg))
			return false;
	}
	return true;
}

void own_check(const body &b, std::vector<finding> *all)
{
	basic_block bb;

	if (!own_seen)
		return;
	for (tree p = DECL_ARGUMENTS(b.fun->decl); p; p = DECL_CHAIN(p)) {
		tree name = ssa_default_def(b.fun, p);
		follower f(b, all);

		if (name && has_mark(p, "shim_takes"))
			f.follow(name, NULL, text_of(p), false);
	}
	FOR_EACH_BB_FN(bb, b.fun)
		for (gimple_stmt_iterator i = gsi_start_bb(bb); !gsi_end_p(i);
		     gsi_next(&i)) {
			gimple *stmt = gsi_stmt(i);
			follower f(b, all);

			if (is_gimple_assign(stmt))
				check_store(b, stmt, all);
			if (!is_gimple_call(stmt))
				continue;
			check_borrowed(b, as_a<gcall *>(stmt), all);
			if (is_origin(b, as_a<gcall *>(stmt)))
				f.follow(gimple_call_lhs(stmt), stmt,
					 text_of(gimple_call_lhs(stmt)), true);
		}
}

} /* namespace escape */
