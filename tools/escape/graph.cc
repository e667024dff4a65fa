// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * graph.cc: see graph.hh.  Facts are passed on as they are found, from a queue of
 * nodes with new ones; loads and stores become edges as the addresses come in
 * that they go by.
 */
#include "graph.hh"

#include <algorithm>

namespace escape {

/* bytes in a word; a pointer is stored in one, or in two if it is not aligned */
static const long word_size = 8;
/* with more addresses in one object than this, the byte counts as unknown */
static const size_t max_bytes = 8;

static const size_t long_bits = 8 * sizeof(unsigned long);

static bool in_order(const fact &a, const fact &b)
{
	return a.to < b.to;
}

graph::graph()
{
	object_id o;

	nodes.resize(1);
	nodes[0].what = NULL;
	nodes[0].owner = 0;
	nodes[0].queued = false;
	objects.resize(1);
	o = 0;
	objects[o].kind = WORLD;
	objects[o].what = NULL;
	objects[o].nr = 0;
	objects[o].any = objects[o].all = objects[o].stored = world;
	objects[o].escaped = true;
	address(world, world_object, ANY_BYTE, NULL);
}

node_id graph::add_node(const void *what)
{
	node n;

	n.what = what;
	n.owner = ~0u;
	n.queued = false;
	nodes.push_back(n);
	return nodes.size() - 1;
}

node_id graph::own_node(object_id o)
{
	node_id n = add_node(NULL);

	nodes[n].owner = o;
	return n;
}

object_id graph::add_object(object_kind kind, const void *what,
			    unsigned int nr)
{
	object_id id = objects.size();
	node_id any = own_node(id), all = own_node(id);
	object o;

	o.kind = kind;
	o.what = what;
	o.nr = nr;
	o.any = any;
	o.all = all;
	o.stored = all;
	o.escaped = false;
	objects.push_back(o);
	add_edge(all, any, 0, ALL, COPY, NULL);
	/*
	 * What a caller passes may be known to the world as well: what the
	 * world gets here may be read from it, and the world may read what is
	 * stored in it.
	 */
	if (kind == PARAM || kind == CONTENT) {
		node_id stored = own_node(id);

		objects[id].stored = stored;
		add_edge(any, world, 0, NOT_WORLD, COPY, NULL);
		add_edge(world, all, 0, NOT_PARAM, COPY, NULL);
	}
	return id;
}

bool graph::is_word(node_id n, object_id *object) const
{
	if (nodes[n].owner == ~0u)
		return false;
	*object = nodes[n].owner;
	return true;
}

/* Most facts that come along an edge are known: this is what is asked first. */
bool graph::holds_whole(const node &n, object_id object) const
{
	size_t nr = object / long_bits;

	return nr < n.whole.size() && n.whole[nr] >> object % long_bits & 1;
}

/* Insert a fact unless it is known, or says less than one that is. */
bool graph::add_fact(node_id n, const fact &f)
{
	std::vector<fact> &facts = nodes[n].facts;
	std::vector<fact>::iterator first, it;
	fact g = f;
	size_t count = 0, nr;

	if (holds_whole(nodes[n], f.to.object))
		return false;
	g.to.byte = 0;
	first = std::lower_bound(facts.begin(), facts.end(), g, in_order);
	for (it = first; it != facts.end() &&
	     it->to.object == f.to.object; ++it) {
		if (it->to.byte == f.to.byte)
			return false;
		count++;
	}
	g.to.byte = count < max_bytes ? f.to.byte : (unsigned int)ANY_BYTE;
	if (g.to.byte == ANY_BYTE) {
		nr = g.to.object / long_bits;
		if (nr >= nodes[n].whole.size())
			nodes[n].whole.resize(nr + 1);
		nodes[n].whole[nr] |= 1ul << g.to.object % long_bits;
	}
	it = std::lower_bound(first, facts.end(), g, in_order);
	facts.insert(it, g);
	nodes[n].fresh.push_back(g);
	if (!nodes[n].queued) {
		nodes[n].queued = true;
		queue.push_back(n);
	}
	return true;
}

void graph::address(node_id dst, object_id object, long byte,
		    const void *why)
{
	fact f;

	f.to.object = object;
	f.to.byte = byte < 0 || byte > ANY_BYTE ? ANY_BYTE : byte;
	f.from = NO_NODE;
	f.w = ADDRESS;
	f.why = why;
	add_fact(dst, f);
}

/* One fact along one edge. */
void graph::pass(node_id src, const out &e, const fact &f)
{
	object_kind kind = objects[f.to.object].kind;
	fact g = f;
	long byte;

	if (e.only == NOT_WORLD && kind == WORLD)
		return;
	if (e.only == NOT_PARAM && (kind == PARAM || kind == CONTENT))
		return;
	if (e.bytes == ANY_BYTE || f.to.byte == (unsigned int)ANY_BYTE) {
		g.to.byte = ANY_BYTE;
	} else {
		byte = (long)f.to.byte + e.bytes;
		g.to.byte = byte < 0 || byte > ANY_BYTE ? ANY_BYTE : byte;
	}
	g.from = src;
	g.w = e.w;
	g.why = e.why;
	add_fact(e.dst, g);
}

void graph::add_edge(node_id dst, node_id src, long bytes, filter only,
		     weight w, const void *why)
{
	std::vector<fact> known;
	out e;

	if (dst == src && !bytes)
		return;
	if (!bytes && only == ALL &&
	    !joined.insert((unsigned long)dst << 32 | src).second)
		return;
	e.dst = dst;
	e.bytes = bytes;
	e.only = only;
	e.w = w;
	e.why = why;
	nodes[src].outs.push_back(e);
	/* where dst is src, what is passed on moves what is to be */
	if (dst == src)
		known = nodes[src].facts;
	for (const fact &f : dst == src ? known : nodes[src].facts)
		if (!holds_whole(nodes[dst], f.to.object))
			pass(src, e, f);
}

void graph::copy(node_id dst, node_id src, long bytes, const void *why)
{
	add_edge(dst, src, bytes, ALL, COPY, why);
}

void graph::mix_in(node_id dst, node_id src, const void *why)
{
	add_edge(dst, src, ANY_BYTE, NOT_WORLD, COPY, why);
}

void graph::outward(node_id dst, node_id src, const void *why)
{
	add_edge(dst, src, 0, NOT_PARAM, COPY, why);
}

/* The node of a word, made when it is first asked for. */
node_id graph::word(object_id o, unsigned int nr)
{
	std::map<unsigned int, node_id>::iterator it;
	node_id n;

	it = objects[o].words.find(nr);
	if (it != objects[o].words.end())
		return it->second;
	n = own_node(o);
	objects[o].words[nr] = n;
	add_edge(objects[o].all, n, 0, ALL, COPY, NULL);
	return n;
}

void graph::read(node_id dst, object_id o, long byte, long size,
		 const void *why)
{
	if (objects[o].kind == WORLD) {
		add_edge(dst, world, 0, ALL, DEREF, why);
		return;
	}
	if (byte == ANY_BYTE || !size || byte < 0 ||
	    byte + size > ANY_BYTE) {
		add_edge(dst, objects[o].all, 0, ALL, DEREF, why);
		return;
	}
	for (long nr = byte / word_size;
	     nr <= (byte + size - 1) / word_size; nr++)
		add_edge(dst, word(o, nr), 0, ALL, DEREF, why);
	add_edge(dst, objects[o].any, 0, ALL, DEREF, why);
}

void graph::write(object_id o, long byte, long size, node_id src,
		  const void *why)
{
	if (objects[o].kind == WORLD) {
		add_edge(world, src, 0, ALL, COPY, why);
		return;
	}
	if (objects[o].stored != objects[o].all)
		add_edge(objects[o].stored, src, 0, ALL, COPY, why);
	if (byte == ANY_BYTE || !size || byte < 0 ||
	    byte + size > ANY_BYTE) {
		add_edge(objects[o].any, src, 0, ALL, COPY, why);
		return;
	}
	for (long nr = byte / word_size;
	     nr <= (byte + size - 1) / word_size; nr++)
		add_edge(word(o, nr), src, 0, ALL, COPY, why);
}

void graph::load_from(const target &t, const access &a)
{
	long byte = ANY_BYTE;

	if (t.byte != (unsigned int)ANY_BYTE && a.byte != ANY_BYTE)
		byte = (long)t.byte + a.byte;
	read(a.other, t.object, byte, a.size, a.why);
}

void graph::store_to(const target &t, const access &a)
{
	long byte = ANY_BYTE;

	if (t.byte != (unsigned int)ANY_BYTE && a.byte != ANY_BYTE)
		byte = (long)t.byte + a.byte;
	write(t.object, byte, a.size, a.other, a.why);
}

void graph::load(node_id dst, node_id src, long byte, long size,
		 const void *why)
{
	access a = { dst, byte, size, why };
	std::vector<fact> known = nodes[src].facts;

	nodes[src].loads.push_back(a);
	for (const fact &f : known)
		load_from(f.to, a);
}

void graph::store(node_id dst, long byte, long size, node_id src,
		  const void *why)
{
	access a = { src, byte, size, why };
	std::vector<fact> known = nodes[dst].facts;

	nodes[dst].stores.push_back(a);
	for (const fact &f : known)
		store_to(f.to, a);
}

void graph::difference(node_id dst, node_id a, node_id b, const void *why)
{
	pair p = { dst, b, why, false };

	nodes[a].pairs.push_back(p);
	check_pair(a, nodes[a].pairs.size() - 1, false);
	p.other = a;
	nodes[b].pairs.push_back(p);
	check_pair(b, nodes[b].pairs.size() - 1, false);
}

/*
 * at the end, when all else is known: a side that holds nothing might have got
 * something until then
 */
bool graph::check_pair(node_id n, size_t nr, bool late)
{
	pair p = nodes[n].pairs[nr];
	bool none = nodes[n].facts.empty(), other = nodes[p.other].facts.empty();
	object_id a, b;

	if (p.done || (none && other) || (!late && (none || other)))
		return false;
	if (holds_one_object(n, &a) && holds_one_object(p.other, &b) && a == b)
		return false;
	nodes[n].pairs[nr].done = true;
	mix_in(p.dst, n, p.why);
	mix_in(p.dst, p.other, p.why);
	return true;
}

bool graph::holds_one_object(node_id n, object_id *object) const
{
	const std::vector<fact> &facts = nodes[n].facts;

	if (facts.empty() ||
	    facts.front().to.object != facts.back().to.object)
		return false;
	*object = facts.front().to.object;
	return true;
}

const fact *graph::holds_object(node_id n, object_id object) const
{
	const std::vector<fact> &facts = nodes[n].facts;
	std::vector<fact>::const_iterator it;
	fact f;

	f.to.object = object;
	f.to.byte = 0;
	it = std::lower_bound(facts.begin(), facts.end(), f, in_order);
	return it != facts.end() && it->to.object == object ? &*it : NULL;
}

bool graph::holds_only(node_id n, target t) const
{
	return nodes[n].facts.size() == 1 && nodes[n].facts[0].to == t;
}

void graph::step(node_id n)
{
	std::vector<fact> fresh;

	fresh.swap(nodes[n].fresh);
	nodes[n].queued = false;
	for (const fact &f : fresh) {
		object_id o = f.to.object;

		/* this adds facts only, to nodes that there are */
		for (const out &e : nodes[n].outs)
			if (!holds_whole(nodes[e.dst], o))
				pass(n, e, f);
		/* edges may be added meanwhile: by index, by value */
		for (size_t i = 0; i < nodes[n].loads.size(); i++) {
			access a = nodes[n].loads[i];

			load_from(f.to, a);
		}
		for (size_t i = 0; i < nodes[n].stores.size(); i++) {
			access a = nodes[n].stores[i];

			store_to(f.to, a);
		}
		if (n != world || objects[o].escaped)
			continue;
		objects[o].escaped = true;
		/* those of a caller have these edges already */
		if (objects[o].kind != SITE && objects[o].kind != LOCAL)
			continue;
		add_edge(world, objects[o].all, 0, ALL, COPY, NULL);
		add_edge(objects[o].any, world, 0, ALL, COPY, NULL);
	}
	for (size_t i = 0; i < nodes[n].pairs.size(); i++)
		check_pair(n, i, false);
}

void graph::solve()
{
	bool again;

	do {
		while (!queue.empty()) {
			node_id n = queue.back();

			queue.pop_back();
			step(n);
		}
		again = false;
		for (node_id n = 0; n < nodes.size(); n++)
			for (size_t i = 0; i < nodes[n].pairs.size(); i++)
				again |= check_pair(n, i, true);
	} while (again);
}

} /* namespace escape */
