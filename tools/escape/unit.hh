/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit.hh: what is known about functions, in this unit and elsewhere.
 */
#ifndef ESCAPE_UNIT_HH
#define ESCAPE_UNIT_HH

#include "gcc.hh"
#include "tags.hh"

namespace escape {

class body;

/* Is told of each function when its analysis is complete. */
struct listener {
	/* t: NULL if it may do anything */
	virtual void body_done(body &b, cgraph_node *node, const tags *t) = 0;
	virtual ~listener() {}
};

class unit {
public:
	/* functions that another object may replace at run time are not
	 * trusted to do what their text here says */
	bool strict;

	/* Allocators that are malloc() and free() by other names, with the
	 * arguments, from 1 on, that tell size, count and object; 0: none */
	struct allocator {
		unsigned int size, count;
		bool zeroed;
	};
	std::map<std::string, allocator> makers;
	std::map<std::string, unsigned int> takers;
	/* "MALLOC[,SIZE[,COUNT]]:FREE[,OBJECT][:zeroed]"; false if it is not
	 * that */
	bool add_pair(const std::string &text);

	listener *done;

	unit() : strict(false), done(NULL) {}

	/* Add a summary file; empty, or what is wrong. */
	std::string read(const char *path) { return summary_read(path, &known); }

	/* The tags of a function, or NULL: it may do anything. */
	const tags *find(tree decl);
	/* The same for one with a body here, analysed if it has not been. */
	const tags *analyse(cgraph_node *node);

	/* an allocator and what takes its objects back, by name */
	bool is_release(tree decl, unsigned int *arg);

private:
	enum state { NONE, BUSY, DONE, FAILED };
	struct entry {
		state s;
		tags t;
		bool calls_itself;

		entry() : s(NONE), calls_itself(false) {}
	};

	summary known;
	std::map<cgraph_node *, entry> entries;
	std::vector<cgraph_node *> stack;
};

/* the name of a function that is called, without __builtin_ */
const char *function_text(tree decl);

} /* namespace escape */

#endif /* ESCAPE_UNIT_HH */
