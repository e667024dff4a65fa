// SPDX-License-Identifier: GPL-2.0-or-later
/* unit.cc: see unit.hh. */
#include "unit.hh"

#include "body.hh"
#include "path.hh"

namespace escape {

/*
 * how often a function that calls itself is analysed, at most, until nothing
 * changes
 */
static const int max_rounds = 8;
/* how deep calls are followed */
static const size_t max_depth = 100;

const char *function_text(tree decl)
{
	const char *name = DECL_NAME(decl) ?
		IDENTIFIER_POINTER(DECL_NAME(decl)) : "?";

	return strncmp(name, "__builtin_", 10) ? name : name + 10;
}

bool unit::is_release(tree decl, unsigned int *arg)
{
	if (!lookup_attribute("*dealloc", DECL_ATTRIBUTES(decl)))
		return false;
	*arg = fndecl_dealloc_argno(decl);
	return *arg != UINT_MAX;
}

/* "NAME,1,2" to a name and at most two numbers; false if it is not that */
static bool split_name(const std::string &text, std::string *name,
		       unsigned int *first, unsigned int *second)
{
	char more;
	int n = 0;

	*name = text.substr(0, text.find(','));
	if (name->empty())
		return false;
	if (name->size() == text.size())
		return true;
	n = sscanf(text.c_str() + name->size(), ",%u,%u%c", first, second,
		   &more);
	return (n == 1 || n == 2) && *first && *first < 64 && *second < 64 &&
		text.back() != ',' && text.find_first_not_of("0123456789,", name->size()) ==
		std::string::npos;
}

bool unit::add_pair(const std::string &text)
{
	size_t end = text.find(':'), more;
	allocator a = { 0, 0, false };
	unsigned int object = 1, none = 0;
	std::string maker, taker, second;

	if (end == std::string::npos)
		return false;
	second = text.substr(end + 1);
	more = second.find(':');
	if (more != std::string::npos) {
		if (second.substr(more) != ":zeroed")
			return false;
		a.zeroed = true;
		second.resize(more);
	}
	if (!split_name(text.substr(0, end), &maker, &a.size, &a.count) ||
	    !split_name(second, &taker, &object, &none) || none)
		return false;
	makers[maker] = a;
	takers[taker] = object;
	return true;
}

const tags *unit::find(tree decl)
{
	cgraph_node *node = cgraph_node::get(decl);
	summary::const_iterator it;

	if (DECL_WEAK(decl))
		return NULL;
	if (node && node->has_gimple_body_p() && !node->alias) {
		if (strict && node->get_availability() <= AVAIL_INTERPOSABLE)
			return NULL;
		return analyse(node);
	}
	if (!TREE_PUBLIC(decl) || (node && node->definition))
		return NULL;
	it = known.find(function_text(decl));
	return it == known.end() ? NULL : &it->second;
}

const tags *unit::analyse(cgraph_node *node)
{
	function *fun = DECL_STRUCT_FUNCTION(node->decl);
	entry &e = entries[node];
	bool stable = false;

	switch (e.s) {
	case DONE:
		return &e.t;
	case FAILED:
		return NULL;
	case BUSY:
		/*
		 * itself; functions that call each other in a circle are not
		 * seen through
		 */
		if (stack.back() != node)
			return NULL;
		e.calls_itself = true;
		return &e.t;
	default:
		break;
	}
	if (stack.size() >= max_depth || !fun || !fun->cfg ||
	    !gimple_in_ssa_p(fun))
		return NULL;
	e.s = BUSY;
	stack.push_back(node);
	push_cfun(fun);
	/* at first it does nothing at all, and then what follows from that */
	for (tree p = DECL_ARGUMENTS(node->decl); p; p = DECL_CHAIN(p)) {
		e.t.params.push_back(param_tags());
		e.t.params.back().known = true;
	}
	e.t.no_pointer = true;
	for (int round = 0; round < max_rounds && !stable; round++) {
		body b(fun, this);
		tags t;

		e.calls_itself = false;
		b.analyse();
		t = b.derive();
		stable = !b.opaque && (!e.calls_itself || t == e.t);
		/* others may have been analysed meanwhile */
		e.t = t;
		if (b.opaque || stable || round == max_rounds - 1) {
			if (!stable && !b.opaque)
				b.opaque = "calls of itself that are not understood";
			e.s = stable ? DONE : FAILED;
			if (done)
				done->body_done(b, node, stable ? &e.t : NULL);
			break;
		}
	}
	pop_cfun();
	stack.pop_back();
	return e.s == DONE ? &e.t : NULL;
}

/* What a parameter is part of: bits of what holds it. */
static void derive_param(const body &b, unsigned int nr, tags *t)
{
	param_tags *p = &t->params[nr];
	object_id object[2] = { b.params[nr], b.contents[nr] };
	std::set<gimple *> sure;
	const fact *f;
	bool only;

	p->known = true;
	if (!object[POINTER])
		return;
	for (int l = POINTER; l <= REACHED; l++) {
		object_id o = object[l];

		p->leaks[l] = b.g.holds_object(graph::world, o);
		f = b.g.holds_object(b.result, o);
		p->result[l] = f;
		if (f && l == POINTER) {
			target start = { o, 0 };

			for (const fact &g : b.g.holds(b.result))
				if (g.to.object == o)
					p->same_byte = g.to == start;
		}
		for (size_t to = 0; to < b.params.size() && to < 64; to++) {
			object_id a = b.params[to], c = b.contents[to];

			if (a && b.g.holds_object(b.g.get(a).stored, o))
				p->in_param[l] |= 1ul << to;
			if (a && b.g.holds_object(b.g.get(c).stored, o))
				p->in_reached[l] |= 1ul << to;
		}
		if (b.looked_at(o))
			p->observed[l] = true;
	}
	for (const release &r : b.releases)
		if (b.releases_object(r, object[POINTER], &only) ||
		    b.releases_object(r, object[REACHED], &only))
			p->may_free = true;
	if (!p->may_free)
		return;
	sure = sure_releases(b, object[POINTER]);
	for (tree d = DECL_ARGUMENTS(b.fun->decl); d; d = DECL_CHAIN(d))
		if (!nr-- && !sure.empty())
			p->frees = !path_exists(b, NULL, NULL, sure,
						ssa_default_def(b.fun, d),
						NULL);
	/* nothing but that */
	for (const release &r : b.releases)
		if (b.releases_object(r, object[REACHED], &only) ||
		    (b.releases_object(r, object[POINTER], &only) &&
		     (!only || r.how == release::MAYBE ||
		      r.how == release::MOVE)))
			return;
	if (p->frees)
		p->may_free = false;
}

/* The result: a new object that nobody else has, or what? */
static void derive_result(const body &b, tags *t)
{
	tree type = TREE_TYPE(TREE_TYPE(b.fun->decl));
	std::set<object_id> returned = b.returned();
	bool is_new = !b.g.holds(b.result).empty();

	if (!holds_address(type) || b.g.holds(b.result).empty()) {
		t->no_pointer = true;
		return;
	}
	for (const fact &f : b.g.holds(b.result)) {
		const object &o = b.g.get(f.to.object);

		if (o.kind == WORLD)
			t->any = true;
		if (o.kind != SITE || f.to.byte || o.escaped)
			is_new = false;
	}
	t->is_new = is_new && POINTER_TYPE_P(type);
	if (returned.empty())
		return;
	if (!t->is_new)
		t->any = true;
	for (object_id r : returned) {
		const object &o = b.g.get(r);

		/* one that hangs on the new one: as new, unless it is older */
		if (!b.g.holds_object(b.result, r))
			(o.kind == SITE && !o.escaped ? t->new_in_new :
			 t->world_in_new) = true;
		for (const fact &f : b.g.holds(o.all)) {
			const object &in = b.g.get(f.to.object);
			param_tags *p;

			if (in.kind == WORLD || in.escaped)
				t->world_in_new = true;
			else if (in.kind == SITE)
				t->new_in_new = true;
			if (in.kind != PARAM && in.kind != CONTENT)
				continue;
			p = &t->params[in.nr];
			if (t->is_new)
				p->in_new[in.kind == CONTENT] = true;
			else
				p->leaks[in.kind == CONTENT] = true;
		}
	}
	if (!t->is_new)
		t->world_in_new = t->new_in_new = false;
}

tags body::derive()
{
	tags t;

	t.params.resize(params.size());
	for (unsigned int i = 0; i < params.size(); i++) {
		derive_param(*this, i, &t);
		if (!params[i] || i >= 64)
			continue;
		for (object_id o : { params[i], contents[i] })
			for (const fact &f : g.holds(g.get(o).stored)) {
				object_kind k = g.get(f.to.object).kind;

				if (k == PARAM || k == CONTENT)
					continue;
				(o == params[i] ? t.world_in_param :
				 t.world_in_reached) |= 1ul << i;
			}
	}
	derive_result(*this, &t);
	t.resets = !resets.empty() || !strangers.empty() || untouchable;
	return t;
}

} /* namespace escape */
