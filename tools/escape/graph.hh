/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * graph.hh: who may point to what, in one function.
 *
 * A node is a place that can hold a pointer: a variable, a temporary, a word of an
 * object, the function's result, the world outside.  An edge says how one node
 * gets its value from another; its weight is what Go's escape analysis gives it:
 *
 *	-1	p = &o	the address of an object
 *	 0	p = q	a copy
 *	+1	p = *q	a dereference
 *
 * A store *p = q is an edge of weight 0 from q to each word that p may point to.
 * What a node may hold is found by following all edges until nothing is new, so
 * that a chain of weights -1, +1, -1 adds up as in Go.  Unlike Go's, objects have
 * words: what is stored in one field is not read from another, and a list that is
 * built and taken apart in one function is seen to stay in it.
 *
 * The order of statements is ignored: what holds is true at every point.
 *
 * Knows nothing of gcc.  Not used by several threads.
 */
#ifndef ESCAPE_GRAPH_HH
#define ESCAPE_GRAPH_HH

#include <stddef.h>

#include <map>
#include <unordered_set>
#include <vector>

namespace escape {

typedef unsigned int node_id;
typedef unsigned int object_id;

const node_id NO_NODE = ~0u;

enum weight { ADDRESS = -1, COPY = 0, DEREF = 1 };

/* What an object is. */
enum object_kind {
	WORLD,		/* all that outlives the call and is not our caller's
			 * argument: globals, and what was stored there */
	SITE,		/* what a call of malloc() and the like returns */
	LOCAL,		/* a variable in memory */
	PARAM,		/* what a parameter points to */
	CONTENT,	/* what can be reached from there */
};

/*
 * An address: an object and the byte in it.  Bytes that are not known, negative
 * or too far in are ANY_BYTE.
 */
struct target {
	object_id object;
	unsigned int byte;

	bool operator==(const target &o) const
	{
		return object == o.object && byte == o.byte;
	}
	bool operator<(const target &o) const
	{
		return object != o.object ? object < o.object : byte < o.byte;
	}
};

const long ANY_BYTE = 1024;

/*
 * Records that a node may hold a target, and why: the edge by which that came.
 */
struct fact {
	target to;
	node_id from;		/* NO_NODE: by an edge of weight -1 */
	weight w;
	const void *why;	/* the caller's: a statement */
};

struct object {
	object_kind kind;
	const void *what;	/* the caller's: a statement, a declaration */
	unsigned int nr;	/* the caller's: of a parameter */
	node_id any;		/* a word that was stored at an unknown byte */
	node_id all;		/* the union of all words */
	node_id stored;		/* of PARAM and CONTENT: what was stored in
				 * it here, apart from what the caller had */
	std::map<unsigned int, node_id> words;
	bool escaped;		/* the world may hold its address */
};

class graph {
public:
	graph();

	/* The world's node, and the node that all of it is. */
	static const object_id world_object = 0;
	static const node_id world = 0;

	/* what: the caller's; label() gives it back */
	node_id add_node(const void *what);
	object_id add_object(object_kind kind, const void *what,
			     unsigned int nr);

	/* dst = &object + byte */
	void address(node_id dst, object_id object, long byte,
		     const void *why);
	/* dst = src + bytes */
	void copy(node_id dst, node_id src, long bytes, const void *why);
	/* the same for what is not the world's: an integer that is added */
	void mix_in(node_id dst, node_id src, const void *why);
	/* dst = src, unless src is a parameter's: what a caller sees is not
	 * yet what the world sees */
	void outward(node_id dst, node_id src, const void *why);
	/* dst = *(src + byte), of size bytes; ANY_BYTE, 0: anywhere */
	void load(node_id dst, node_id src, long byte, long size,
		  const void *why);
	/* *(dst + byte) = src */
	void store(node_id dst, long byte, long size, node_id src,
		   const void *why);
	/* the same for an object that is known */
	void read(node_id dst, object_id object, long byte, long size,
		  const void *why);
	void write(object_id object, long byte, long size, node_id src,
		   const void *why);
	/* dst = a - b: carries an address only if they are of two objects */
	void difference(node_id dst, node_id a, node_id b, const void *why);

	/* Follow all edges; may be called again after more were added. */
	void solve();

	const std::vector<fact> &holds(node_id n) const
	{
		return nodes[n].facts;
	}
	/* the fact that n holds an address in that object, or NULL */
	const fact *holds_object(node_id n, object_id object) const;
	/* n holds nothing but this one address, which it may lack */
	bool holds_only(node_id n, target t) const;
	/* all addresses in n, if any, are in one object */
	bool holds_one_object(node_id n, object_id *object) const;
	const object &get(object_id o) const { return objects[o]; }
	object_id object_count() const { return objects.size(); }
	const void *label(node_id n) const { return nodes[n].what; }
	/* a word of which object, or none */
	bool is_word(node_id n, object_id *object) const;

private:
	enum filter { ALL, NOT_WORLD, NOT_PARAM };

	struct out {
		node_id dst;
		long bytes;
		filter only;
		weight w;
		const void *why;
	};
	struct access {
		node_id other;
		long byte, size;
		const void *why;
	};
	struct pair {
		node_id dst, other;
		const void *why;
		bool done;
	};
	struct node {
		const void *what;
		object_id owner;
		bool queued;
		std::vector<fact> facts;
		std::vector<fact> fresh;
		/* a bit for each object that facts have with ANY_BYTE: there
		 * is no more to know of it */
		std::vector<unsigned long> whole;
		std::vector<out> outs;
		std::vector<access> loads, stores;
		std::vector<pair> pairs;
	};

	std::vector<node> nodes;
	std::vector<object> objects;
	std::vector<node_id> queue;
	std::unordered_set<unsigned long> joined;

	bool add_fact(node_id n, const fact &f);
	bool holds_whole(const node &n, object_id object) const;
	void add_edge(node_id dst, node_id src, long bytes, filter only,
		      weight w, const void *why);
	void pass(node_id src, const out &e, const fact &f);
	node_id word(object_id o, unsigned int nr);
	void load_from(const target &t, const access &a);
	void store_to(const target &t, const access &a);
	void step(node_id n);
	bool check_pair(node_id n, size_t nr, bool late);
	node_id own_node(object_id o);
};

} /* namespace escape */

#endif /* ESCAPE_GRAPH_HH */
