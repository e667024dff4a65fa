// SPDX-License-Identifier: GPL-2.0-or-later
/* call.cc: what a call adds to the graph of body.hh. */
#include "body.hh"

#include "unit.hh"

namespace escape {

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* What can be reached from a pointer by one step or more. */
node_id body::reached(node_id from, const gimple *stmt)
{
	node_id n = g.add_node(NULL);

	g.load(n, from, ANY_BYTE, 0, stmt);
	g.load(n, n, ANY_BYTE, 0, stmt);
	return n;
}

/* The node of an argument, NO_NODE if it cannot be an address. */
static node_id argument(body *b, gcall *c, unsigned int nr)
{
	tree arg = gimple_call_arg(c, nr);

	return holds_address(TREE_TYPE(arg)) ? b->value(arg, c) : NO_NODE;
}

void body::add_site(gcall *c, const char *name, tree size, tree count,
		    bool zeroed, bool in_c_library)
{
	site s;

	s.call = c;
	s.object = g.add_object(SITE, c, sites.size());
	s.name = name;
	s.in_c_library = in_c_library;
	s.zeroed = zeroed;
	s.size = size;
	s.count = count;
	sites.push_back(s);
}

void body::add_release(gcall *c, unsigned int arg, int how, const char *name)
{
	release r;

	r.stmt = c;
	r.arg = gimple_call_arg(c, arg);
	r.node = argument(this, c, arg);
	r.how = how == release::FREE ? release::FREE :
		how == release::MOVE ? release::MOVE :
		how == release::ALWAYS ? release::ALWAYS : release::MAYBE;
	r.name = name;
	releases.push_back(r);
}

/* Nothing is known of the function: it may do anything. */
void body::add_unknown(gcall *c)
{
	tree lhs = gimple_call_lhs(c);

	strangers.push_back(c);
	for (unsigned int i = 0; i < gimple_call_num_args(c); i++) {
		node_id n = argument(this, c, i);

		if (n != NO_NODE)
			g.copy(graph::world, n, 0, c);
	}
	if (gimple_call_chain(c))
		leak(gimple_call_chain(c), c);
	if (!lhs)
		return;
	if (TREE_CODE(lhs) == SSA_NAME)
		g.copy(name_node(lhs), graph::world, 0, c);
	else
		write(lhs, graph::world, c);
}

/*
 * Does a format print addresses?  It is the last argument that has a name.  One
 * that is not a literal may.
 */
static bool prints_addresses(gcall *c, const tags &t)
{
	unsigned int nr = t.params.size();
	const char *s = nr && nr <= gimple_call_num_args(c) ?
		c_getstr(gimple_call_arg(c, nr - 1)) : NULL;

	if (!s)
		return true;
	while ((s = strchr(s, '%'))) {
		s += 1 + strspn(s + 1, "-+ #0123456789.*$'lhzjtqL");
		if (*s == 'p')
			return true;
		if (*s)
			s++;
	}
	return false;
}

static bool result_is_listed(const tags &t)
{
	for (const param_tags &p : t.params)
		if (p.result[POINTER] || p.result[REACHED])
			return true;
	return t.is_new || t.no_pointer;
}

static bool passes_function(tree arg)
{
	return POINTER_TYPE_P(TREE_TYPE(arg)) &&
		FUNC_OR_METHOD_TYPE_P(TREE_TYPE(TREE_TYPE(arg)));
}

void body::add_tagged(gcall *c, const tags &t, const char *name)
{
	unsigned int nr = gimple_call_num_args(c);
	std::vector<node_id> arg(nr), deep(nr, NO_NODE), whole(nr, NO_NODE);
	std::vector<node_id> at(nr, NO_NODE);
	node_id out = g.add_node(c);
	tree lhs = gimple_call_lhs(c);
	tree size = NULL_TREE, count = NULL_TREE;

	for (unsigned int i = 0; i < nr; i++) {
		arg[i] = argument(this, c, i);
		if (arg[i] == NO_NODE)
			continue;
		deep[i] = reached(arg[i], c);
		/* at an unknown byte, and with what can be reached */
		at[i] = g.add_node(NULL);
		g.copy(at[i], arg[i], ANY_BYTE, c);
		whole[i] = g.add_node(NULL);
		g.copy(whole[i], arg[i], ANY_BYTE, c);
		g.copy(whole[i], deep[i], 0, c);
	}
	if (t.is_new) {
		if (t.size[0] && (unsigned int)t.size[0] <= nr)
			size = gimple_call_arg(c, t.size[0] - 1);
		if (size && t.size[1] && (unsigned int)t.size[1] <= nr)
			count = gimple_call_arg(c, t.size[1] - 1);
		add_site(c, name, size, count, false, false);
		g.address(out, sites.back().object, 0, c);
		if (t.world_in_new)
			g.write(sites.back().object, ANY_BYTE, 0, graph::world,
				c);
		if (t.new_in_new) {
			node_id n = g.add_node(NULL);

			g.address(n, sites.back().object, ANY_BYTE, c);
			g.write(sites.back().object, ANY_BYTE, 0, n, c);
		}
	}
	if (t.resets)
		resets.push_back(c);
	for (unsigned int i = 0; i < nr; i++) {
		param_tags p = t.of(i);
		node_id from[2] = { arg[i], deep[i] };

		if (arg[i] == NO_NODE)
			continue;
		if (!p.known) {
			if (!t.from_file ||
			    !INTEGRAL_TYPE_P(TREE_TYPE(gimple_call_arg(c, i))))
				g.copy(graph::world, arg[i], 0, c);
			continue;
		}
		for (int l = POINTER; l <= REACHED; l++) {
			if (p.leaks[l])
				g.copy(graph::world, from[l], 0, c);
			if (p.result[l])
				g.copy(out, from[l], l == POINTER &&
				       p.same_byte ? 0 : ANY_BYTE, c);
			if (p.in_new[l] && t.is_new)
				g.write(sites.back().object, ANY_BYTE, 0,
					from[l], c);
			for (unsigned int j = 0; j < MIN(nr, 64); j++) {
				if (arg[j] == NO_NODE)
					continue;
				if (p.in_param[l] >> j & 1)
					g.store(at[j], ANY_BYTE, 0, from[l], c);
				if (p.in_reached[l] >> j & 1)
					g.store(deep[j], ANY_BYTE, 0, from[l],
						c);
			}
		}
		if (i < 64 && t.world_in_param >> i & 1)
			g.store(at[i], ANY_BYTE, 0, graph::world, c);
		if (i < 64 && t.world_in_reached >> i & 1)
			g.store(deep[i], ANY_BYTE, 0, graph::world, c);
		/* what is called back may do anything */
		if (t.from_file && passes_function(gimple_call_arg(c, i)))
			strangers.push_back(c);
		if (p.frees || p.may_free)
			passes.push_back({ c, i, arg[i], deep[i] });
		if (p.frees)
			add_release(c, i, release::ALWAYS, name);
		if (p.may_free) {
			add_release(c, i, release::MAYBE, name);
			releases.back().node = whole[i];
		}
		if (p.observed[POINTER] &&
		    (i < t.params.size() || prints_addresses(c, t)))
			look_at(arg[i], NO_NODE, c);
		if (p.observed[REACHED])
			look_at(deep[i], NO_NODE, c);
	}
	if (!lhs)
		return;
	if (t.any || !result_is_listed(t))
		g.copy(out, graph::world, 0, c);
	if (TREE_CODE(lhs) == SSA_NAME)
		g.copy(name_node(lhs), out, 0, c);
	else
		write(lhs, out, c);
}

/* Builtins that change *p atomically, in whatever form. */
static void add_atomic(body *b, gcall *c, node_id out)
{
	/* a fence has no argument */
	node_id p = gimple_call_num_args(c) ? argument(b, c, 0) : NO_NODE;

	if (p == NO_NODE)
		return;
	b->g.load(out, p, ANY_BYTE, 0, c);
	for (unsigned int i = 1; i < gimple_call_num_args(c); i++) {
		node_id n = argument(b, c, i), in;

		if (n == NO_NODE)
			continue;
		in = b->g.add_node(NULL);
		b->g.load(in, n, ANY_BYTE, 0, c);
		b->g.copy(in, n, 0, c);
		b->g.store(p, ANY_BYTE, 0, in, c);
		b->g.copy(out, in, 0, c);
		b->g.store(n, ANY_BYTE, 0, out, c);
		b->look_at(n, NO_NODE, c);
	}
}

/* true: all of the call is in the graph */
bool body::add_known_builtin(gcall *c)
{
	tree decl = gimple_call_fndecl(c), lhs = gimple_call_lhs(c);
	const char *name = function_text(decl);
	node_id out, n;
	object_id o;

	if (!gimple_call_builtin_p(c, BUILT_IN_NORMAL))
		return false;
	out = lhs && TREE_CODE(lhs) == SSA_NAME ? name_node(lhs) :
		g.add_node(c);
	switch (DECL_FUNCTION_CODE(decl)) {
	CASE_BUILT_IN_ALLOCA:
		untouchable = "alloca() or an array of variable length";
		o = g.add_object(LOCAL, c, 0);
		g.address(out, o, 0, c);
		break;
	case BUILT_IN_STACK_SAVE:
	case BUILT_IN_STACK_RESTORE:
		untouchable = "an array of variable length";
		break;
	case BUILT_IN_MALLOC:
		add_site(c, name, gimple_call_arg(c, 0), NULL_TREE, false, true);
		g.address(out, sites.back().object, 0, c);
		break;
	case BUILT_IN_CALLOC:
		add_site(c, name, gimple_call_arg(c, 0), gimple_call_arg(c, 1),
			 true, true);
		g.address(out, sites.back().object, 0, c);
		break;
	case BUILT_IN_REALLOC:
		/* a new object, with what was in the old one, or that one */
		add_site(c, name, gimple_call_arg(c, 1), NULL_TREE, false,
			 false);
		g.address(out, sites.back().object, 0, c);
		n = argument(this, c, 0);
		if (n == NO_NODE)
			break;
		g.copy(out, n, 0, c);
		g.write(sites.back().object, ANY_BYTE, 0, reached(n, c), c);
		add_release(c, 0, release::MOVE, name);
		break;
	case BUILT_IN_POSIX_MEMALIGN:
		add_site(c, name, gimple_call_arg(c, 2), NULL_TREE, false,
			 false);
		n = g.add_node(NULL);
		g.address(n, sites.back().object, 0, c);
		g.store(value(gimple_call_arg(c, 0), c), 0, POINTER_SIZE_UNITS,
			n, c);
		return true;
	case BUILT_IN_FREE:
		add_release(c, 0, release::FREE, name);
		break;
	case BUILT_IN_EXPECT:
	case BUILT_IN_EXPECT_WITH_PROBABILITY:
	case BUILT_IN_ASSUME_ALIGNED:
		n = argument(this, c, 0);
		if (n != NO_NODE)
			g.copy(out, n, 0, c);
		break;
	case BUILT_IN_CONSTANT_P:
	case BUILT_IN_OBJECT_SIZE:
	case BUILT_IN_DYNAMIC_OBJECT_SIZE:
	case BUILT_IN_PREFETCH:
	case BUILT_IN_UNREACHABLE:
	case BUILT_IN_TRAP:
	case BUILT_IN_VA_END:
		break;
	case BUILT_IN_VA_START:
		n = argument(this, c, 0);
		if (n != NO_NODE)
			g.store(n, ANY_BYTE, 0, graph::world, c);
		break;
	case BUILT_IN_VA_COPY:
		n = argument(this, c, 0);
		if (n != NO_NODE && argument(this, c, 1) != NO_NODE)
			g.store(n, ANY_BYTE, 0,
				reached(argument(this, c, 1), c), c);
		break;
	default:
		if (!begins(name, "__atomic_") && !begins(name, "__sync_"))
			return false;
		add_atomic(this, c, out);
	}
	if (lhs && TREE_CODE(lhs) != SSA_NAME)
		write(lhs, out, c);
	return true;
}

bool body::add_internal(gcall *c)
{
	if (!gimple_call_internal_p(c))
		return false;
	switch (gimple_call_internal_fn(c)) {
	case IFN_FALLTHROUGH:
	case IFN_UNIQUE:
	case IFN_ADD_OVERFLOW:
	case IFN_SUB_OVERFLOW:
	case IFN_MUL_OVERFLOW:
	case IFN_BUILTIN_EXPECT:
		if (!gimple_call_lhs(c))
			return true;
		break;
	default:
		if (!(gimple_call_flags(c) & ECF_CONST)) {
			add_unknown(c);
			return true;
		}
	}
	if (gimple_call_lhs(c) && TREE_CODE(gimple_call_lhs(c)) == SSA_NAME) {
		for (unsigned int i = 0; i < gimple_call_num_args(c); i++) {
			node_id n = argument(this, c, i);

			if (n != NO_NODE)
				g.copy(name_node(gimple_call_lhs(c)), n,
				       ANY_BYTE, c);
		}
		return true;
	}
	add_unknown(c);
	return true;
}

/* true: the call is one of malloc() or free() by another name */
bool body::add_pair(gcall *c)
{
	const char *name = function_text(gimple_call_fndecl(c));
	std::map<std::string, unit::allocator>::const_iterator m;
	std::map<std::string, unsigned int>::const_iterator t;
	unsigned int nr = gimple_call_num_args(c), size, count;
	tree lhs = gimple_call_lhs(c);
	node_id out;

	t = owner->takers.find(name);
	if (t != owner->takers.end() && t->second <= nr) {
		add_release(c, t->second - 1, release::FREE, name);
		return true;
	}
	m = owner->makers.find(name);
	if (m == owner->makers.end())
		return false;
	size = m->second.size;
	count = m->second.count;
	/* with one argument or two their meaning is clear */
	if (!size && (nr == 1 || nr == 2)) {
		size = 1;
		count = nr == 2 ? 2 : 0;
	}
	if (!size || size > nr || count > nr)
		return false;
	add_site(c, name, gimple_call_arg(c, size - 1), count ?
		 gimple_call_arg(c, count - 1) : NULL_TREE, m->second.zeroed,
		 true);
	if (!lhs)
		return true;
	out = TREE_CODE(lhs) == SSA_NAME ? name_node(lhs) : g.add_node(c);
	g.address(out, sites.back().object, 0, c);
	if (TREE_CODE(lhs) != SSA_NAME)
		write(lhs, out, c);
	return true;
}

/*
 * Functions of which gcc knows that they only compute: arguments do not leak,
 * but may be the result.
 */
static tags tags_of_pure(gcall *c, bool looks_at_memory)
{
	tags t;

	t.params.resize(gimple_call_num_args(c));
	for (param_tags &p : t.params) {
		p.known = true;
		p.result[POINTER] = true;
		p.result[REACHED] = looks_at_memory;
		p.observed[POINTER] = true;
		p.observed[REACHED] = looks_at_memory;
	}
	t.any = true;
	return t;
}

/* The arguments that alloc_size names, for a function of the malloc attribute. */
static tags tags_of_allocator(gcall *c, tree decl)
{
	tree attr = lookup_attribute("alloc_size",
				     TYPE_ATTRIBUTES(TREE_TYPE(decl)));
	tags t;
	int n = 0;

	t.params.resize(gimple_call_num_args(c));
	t.is_new = true;
	if (!attr)
		return t;
	for (tree a = TREE_VALUE(attr); a && n < 2; a = TREE_CHAIN(a))
		if (tree_fits_uhwi_p(TREE_VALUE(a)) &&
		    tree_to_uhwi(TREE_VALUE(a)) <= t.params.size() &&
		    tree_to_uhwi(TREE_VALUE(a)) > 0) {
			t.size[n] = tree_to_uhwi(TREE_VALUE(a));
			t.params[t.size[n++] - 1].known = true;
		}
	return t;
}

void body::add_call(gcall *c)
{
	tree decl = gimple_call_fndecl(c);
	unsigned int arg;
	const tags *t;

	if (gimple_call_flags(c) & ECF_RETURNS_TWICE)
		untouchable = "a call that returns twice";
	if (add_internal(c))
		return;
	if (!decl || gimple_call_chain(c)) {
		add_unknown(c);
		return;
	}
	if (add_known_builtin(c) || add_pair(c))
		return;
	t = owner->find(decl);
	if (t) {
		/* the entry may move while others are analysed */
		tags copy = *t;

		add_tagged(c, copy, function_text(decl));
		return;
	}
	if (owner->is_release(decl, &arg) && arg < gimple_call_num_args(c)) {
		tags r;

		r.params.resize(gimple_call_num_args(c));
		r.params[arg].known = true;
		r.params[arg].frees = true;
		add_tagged(c, r, function_text(decl));
		return;
	}
	if (DECL_IS_MALLOC(decl)) {
		add_tagged(c, tags_of_allocator(c, decl), function_text(decl));
		return;
	}
	if (gimple_call_flags(c) & (ECF_CONST | ECF_PURE) &&
	    !(gimple_call_flags(c) & ECF_LOOPING_CONST_OR_PURE)) {
		add_tagged(c, tags_of_pure(c, !(gimple_call_flags(c) &
						ECF_CONST)),
			   function_text(decl));
		return;
	}
	add_unknown(c);
}

} /* namespace escape */
