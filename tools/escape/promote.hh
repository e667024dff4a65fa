/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * promote.hh: objects that become variables.
 *
 * Off unless it is asked for.  An object is moved to the frame only if nothing at
 * all speaks against it; obstacle() has the list.
 */
#ifndef ESCAPE_PROMOTE_HH
#define ESCAPE_PROMOTE_HH

#include "body.hh"

namespace escape {

struct promotion_limits {
	/* bytes of an object, and of all objects of a function */
	unsigned long object, frame;
};

/* One object that is to be moved. */
struct promotion {
	cgraph_node *node;
	gcall *call;
	std::vector<release> releases;
	unsigned long size;
	bool zeroed;
};

/*
 * Why an object that does not escape stays on the heap; an empty string if nothing
 * speaks against moving it, and then *p is filled in.
 */
std::string obstacle(const body &b, const site &s, cgraph_node *node,
		     const promotion_limits &limits, promotion *p);

/* Put a statement in the place of a call. */
void replace_call(gimple *stmt, gimple *instead);
/* After the statements of functions were changed. */
void update_functions(const std::set<cgraph_node *> &done);

/* Do it.  Nothing may refer to the statements afterwards. */
void promote(const std::vector<promotion> &all);

} /* namespace escape */

#endif /* ESCAPE_PROMOTE_HH */
