/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body.hh: the graph of one function, made from its statements.
 *
 * Whatever a statement does that is not understood here counts as a leak:
 * readers rely on "does not escape", so this verdict must be earned.
 */
#ifndef ESCAPE_BODY_HH
#define ESCAPE_BODY_HH

#include "gcc.hh"
#include "graph.hh"
#include "tags.hh"

namespace escape {

class unit;

/* A call that makes an object. */
struct site {
	gcall *call;
	object_id object;
	std::string name;	/* of the function */
	bool in_c_library;	/* malloc, calloc: may be promoted */
	bool zeroed;
	tree size, count;	/* bytes, times count; NULL_TREE: not known */
};

/* What ends an object's life, or may. */
struct release {
	gimple *stmt;
	tree arg;
	node_id node;
	enum { FREE, MOVE, ALWAYS, MAYBE } how;	/* free(), realloc(), a function
						 * that always or perhaps does */
	std::string name;
};

/* An address that was looked at; two that were compared. */
struct look {
	node_id a, b;
	const gimple *stmt;
};

/* An argument of a function that frees it, or what can be reached from it. */
struct pass {
	gcall *call;
	unsigned int arg;
	node_id at, deep;
};

/* A variable in memory. */
struct local {
	tree decl;
	object_id object;
};

class body {
public:
	body(function *f, unit *u);

	/* Make the graph and solve it. */
	void analyse();
	/* What callers have to know. */
	tags derive();

	function *const fun;
	graph g;
	node_id result;
	std::vector<site> sites;
	std::vector<release> releases;
	std::vector<look> looks;
	std::vector<local> locals;
	std::vector<pass> passes;
	/* calls that may take back the memory of a region; calls that nothing
	 * is known of, and so may do that as well */
	std::vector<gcall *> resets, strangers;
	/* PARAM and CONTENT of each parameter; both 0 if it holds no pointer */
	std::vector<object_id> params, contents;

	/* a reason why nothing in the function's frame may be changed, or NULL */
	const char *untouchable;
	/* the function does things that are not understood */
	const char *opaque;

	/* the node of an operand, or NO_NODE if it carries no address */
	node_id value(tree op, const gimple *stmt);
	/* the node of an SSA name, or NO_NODE if it has none */
	node_id node_of(tree name) const { return names[SSA_NAME_VERSION(name)]; }
	/* what is known of a function that is called */
	const tags *tags_of(tree decl) const;
	/* two addresses are compared; or one, with NO_NODE, looked at */
	void look_at(node_id a, node_id b, const gimple *stmt);
	/* the address of this object was compared with another's, or the like */
	const gimple *looked_at(object_id o) const;
	/* r may end the life of o; only: and of nothing else */
	bool releases_object(const release &r, object_id o, bool *only) const;
	/* objects that the result is, or leads to */
	std::set<object_id> returned() const;

private:
	/* where a reference leads */
	struct place {
		enum { NOTHING, REGISTER, OBJECT, POINTER, OUTSIDE, RESULT } kind;
		object_id object;
		node_id node;
		long byte, size;
		bool carries;	/* what is read there may be part of an address */
	};

	unit *const owner;
	std::vector<node_id> names;
	std::map<tree, object_id> vars;

	void add_params();
	void add_statement(gimple *stmt);
	void add_phi(gphi *phi);
	void add_assign(gassign *a);
	void add_return(greturn *r);
	void add_asm(gasm *a);
	void add_condition(gcond *c);
	void compare(tree a, tree b, const gimple *stmt);
	node_id name_node(tree name);
	object_id var_object(tree decl);
	void leak(tree op, const gimple *stmt);

	/* place.cc */
	place find(tree ref, const gimple *stmt);
	node_id read(tree ref, const gimple *stmt);
	void write(tree ref, node_id src, const gimple *stmt);
	void copy_object(tree lhs, tree rhs, const gimple *stmt);

	/* call.cc */
	void add_call(gcall *c);
	bool add_known_builtin(gcall *c);
	bool add_internal(gcall *c);
	bool add_pair(gcall *c);
	void add_site(gcall *c, const char *name, tree size, tree count,
		      bool zeroed, bool in_c_library);
	void add_tagged(gcall *c, const tags &t, const char *name);
	void add_unknown(gcall *c);
	void add_release(gcall *c, unsigned int arg, int how, const char *name);
	node_id reached(node_id from, const gimple *stmt);
};

/* an operand of this type may be a whole address */
bool holds_address(tree type);

} /* namespace escape */

#endif /* ESCAPE_BODY_HH */
