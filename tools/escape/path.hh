/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path.hh: what can happen to an object between two statements. */
#ifndef ESCAPE_PATH_HH
#define ESCAPE_PATH_HH

#include "body.hh"

namespace escape {

/*
 * Is there a path from behind one statement (NULL: the function's entry) to
 * another (NULL: its exit) that passes none of these statements, and on which
 * pointer, an SSA name or NULL_TREE, is not NULL? *last is set to a statement
 * near the end of it.  Paths that end in exit() or abort() do not count. null:
 * look for paths on which pointer may be NULL instead.
 */
bool path_exists(const body &b, gimple *from, gimple *to,
		 const std::set<gimple *> &without, tree pointer,
		 gimple **last, bool null = false);

/* Are two SSA names one pointer: copies of each other? */
bool same_pointer(tree a, tree b);
/* The pointer that this one is a copy of, in the end. */
tree pointer_origin(tree name);

/* The releases that free this object, and nothing else, each time. */
std::set<gimple *> sure_releases(const body &b, object_id o);

} /* namespace escape */

#endif /* ESCAPE_PATH_HH */
