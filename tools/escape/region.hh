/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region.hh: objects that die together, with a request: from malloc() to the
 * struct shim_region that a function has at hand (shim_region(3)).
 *
 * Off unless it is asked for.  An object goes to a region if it does not outlive
 * it: if it stays in a function that has the region as a parameter or variable, or
 * is handed back, through any number of functions of the unit that have been handed
 * the same region, to one where it stays.  Its memory is then taken back with the
 * region's, and each free() of it goes, in the functions that free it for others,
 * too.  That can only be done if such a free() is never of anything else; so all
 * objects of a unit are judged together, and what is in doubt stays on the heap.
 *
 * view.cc sees what one function has to say; region.cc judges and moves.
 */
#ifndef ESCAPE_REGION_HH
#define ESCAPE_REGION_HH

#include "body.hh"
#include "report.hh"

namespace escape {

typedef unsigned int cell_id;

/* What a pointer may lead to, as far as regions are concerned. */
struct region_origin {
	std::set<cell_id> cells;
	/* by parameter; true: what can be reached from it */
	std::set<std::pair<unsigned int, bool>> params;
	bool other;		/* or to anything else */

	region_origin() : other(false) {}
};

/* An object that malloc() makes in a function, or a function that it calls. */
struct region_cell {
	cgraph_node *in, *maker;	/* maker: NULL if it is malloc() */
	site made;
	tree region;		/* SSA name, or NULL_TREE */
	bool by_param;		/* the region is the one of the caller */
	bool sure;		/* it is not NULL, by what the function says */
	bool returned;
	bool brief;		/* it is freed by the function itself */
	std::string against;	/* why it stays on the heap; empty: nothing */
	size_t finding;		/* its place in the report */
};

/* A call of free(), and of what. */
struct region_free {
	cgraph_node *in;
	gimple *stmt;
	region_origin of;
};

/* An argument whose function frees it, or what can be reached from it. */
struct region_pass {
	cgraph_node *in, *to;
	unsigned int arg;
	region_origin at, deep;
};

/* A call that hands on a region. */
struct region_call {
	cgraph_node *in, *to;
	gcall *call;
	bool by_param, sure;
	bool loops;		/* it may come again before a reset */
};

/* All of it in a unit. */
class regions {
public:
	/*
	 * What a function has to say.  findings: of its sites, their places in the
	 * report.  moved: those of its sites that go elsewhere.
	 */
	void add(const body &b, cgraph_node *node, const tags *t,
		 const std::vector<size_t> &findings,
		 const std::set<gcall *> &moved);
	/* Judge, say so in the report, and move. */
	void finish(std::vector<finding> *report);

private:
	std::vector<region_cell> cells;
	std::vector<region_free> frees;
	std::vector<region_pass> passes;
	std::vector<region_call> calls;
	std::map<gcall *, cell_id> by_call;

	/* view.cc */
	void add_cell(const body &b, region_cell *c);
	void add_frees(const body &b, cgraph_node *node, bool known,
		       const std::map<object_id, cell_id> &ids);
	void add_calls(const body &b, cgraph_node *node);

	/* region.cc */
	bool keep(cell_id c, const std::string &why);
	bool judge_callers(cell_id c);
	bool judge_makers(cell_id c);
	bool judge_free(const region_free &f);
	void expand(cgraph_node *in, const region_origin &of,
		    region_origin *all,
		    std::set<std::pair<cgraph_node *,
				       std::pair<unsigned int, bool>>> *seen)
		const;
	bool never_null(cgraph_node *node, std::set<cgraph_node *> *seen) const;
	bool comes_again(cgraph_node *node, std::set<cgraph_node *> *seen) const;
	void move(const region_cell &c);
};

/* A type is struct shim_region *. */
bool is_region(tree type);
/* The parameter that is a function's region, from 0 on, or -1. */
int region_param(tree fndecl);
/* All its callers are known: calls by name, in this unit. */
bool all_callers_known(const cgraph_node *node);
/* Give each region that a function is handed a name, used or not. */
void region_name_params();
/* Keep shim_region_alloc() although nothing calls it yet. */
void region_note_function(tree fndecl);
/* The function is there, and all may be dropped again that is not used. */
bool region_functions_ready();

} /* namespace escape */

#endif /* ESCAPE_REGION_HH */
