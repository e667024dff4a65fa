// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * region.cc: see region.hh.  All objects are taken to be fit for a region at first;
 * what one of them cannot have, those cannot have either that are made, returned or
 * freed together with it, until nothing changes.
 */
#include "region.hh"

#include "promote.hh"
#include "unit.hh"

namespace escape {

/* shim_region_alloc() and shim_region_calloc(), of shim_region.h */
static cgraph_node *alloc_node, *calloc_node;

void region_note_function(tree fndecl)
{
	const char *name = DECL_NAME(fndecl) ?
		IDENTIFIER_POINTER(DECL_NAME(fndecl)) : "";

	if ((strcmp(name, "shim_region_alloc") &&
	     strcmp(name, "shim_region_calloc")) || TREE_PUBLIC(fndecl))
		return;
	/*
	 * gcc drops functions that nothing calls; these are dropped later, if
	 * they are still unused
	 */
	TREE_USED(fndecl) = 1;
	DECL_PRESERVE_P(fndecl) = 1;
}

bool region_functions_ready()
{
	cgraph_node *node;

	FOR_EACH_FUNCTION_WITH_GIMPLE_BODY(node) {
		const char *name = function_text(node->decl);
		bool is_alloc = !strcmp(name, "shim_region_alloc");

		if (!is_alloc && strcmp(name, "shim_region_calloc"))
			continue;
		(is_alloc ? alloc_node : calloc_node) = node;
		DECL_PRESERVE_P(node->decl) = 0;
		node->force_output = 0;
	}
	return alloc_node && calloc_node;
}

/* It stays on the heap; true if that is new. */
bool regions::keep(cell_id c, const std::string &why)
{
	if (!cells[c].against.empty())
		return false;
	cells[c].against = why;
	return true;
}

/* Does the region of a function exist whenever the function is called? */
bool regions::never_null(cgraph_node *node, std::set<cgraph_node *> *seen) const
{
	if (!seen->insert(node).second)
		return true;
	if (!all_callers_known(node))
		return false;
	for (cgraph_edge *e = node->callers; e; e = e->next_caller) {
		bool found = false;

		for (const region_call &c : calls) {
			if (c.call != e->call_stmt)
				continue;
			found = c.sure ||
				(c.by_param && never_null(c.in, seen));
		}
		if (!found)
			return false;
	}
	return true;
}

/* May a function be called again before its region is reset? */
bool regions::comes_again(cgraph_node *node, std::set<cgraph_node *> *seen) const
{
	if (!seen->insert(node).second)
		return true;
	for (const region_call &c : calls) {
		std::set<cgraph_node *> before = *seen;

		if (c.to == node &&
		    (c.loops || (c.by_param && comes_again(c.in, &before))))
			return true;
	}
	return false;
}

/*
 * Do all callers of the function that returns an object use it as they should?
 */
bool regions::judge_callers(cell_id id)
{
	cgraph_node *in = cells[id].in;
	std::map<gcall *, cell_id>::const_iterator it;
	bool changed = false;

	if (!all_callers_known(in))
		return keep(id, "it is returned to callers that are not known");
	for (cgraph_edge *e = in->callers; e; e = e->next_caller) {
		std::string at = function_text(e->caller->decl);

		it = e->call_stmt ? by_call.find(e->call_stmt) : by_call.end();
		if (it == by_call.end())
			changed |= keep(id, "it is returned to " + at +
					"(), which is not followed");
		else if (!cells[it->second].against.empty())
			changed |= keep(id, "in " + at + "(): " +
					cells[it->second].against);
		else if (!cells[id].against.empty())
			changed |= keep(it->second, cells[id].against);
	}
	return changed;
}

/* Is all that a function returns fit for the region? */
bool regions::judge_makers(cell_id id)
{
	bool changed = false, any = false;

	for (cell_id m = 0; m < cells.size(); m++) {
		if (cells[m].in != cells[id].maker || !cells[m].returned)
			continue;
		any = true;
		if (!cells[m].against.empty())
			changed |= keep(id, cells[m].against);
		else if (!cells[id].against.empty())
			changed |= keep(m, std::string("in ") +
					function_text(cells[id].in->decl) +
					"(): " + cells[id].against);
	}
	if (!any)
		changed |= keep(id, "it does not come from malloc()");
	return changed;
}

/* Replace parameters by what callers pass, until none is left. */
void regions::expand(cgraph_node *in, const region_origin &of,
		     region_origin *all,
		     std::set<std::pair<cgraph_node *,
					std::pair<unsigned int, bool>>> *seen)
	const
{
	all->cells.insert(of.cells.begin(), of.cells.end());
	all->other |= of.other;
	for (const std::pair<unsigned int, bool> &p : of.params) {
		if (!seen->insert({ in, p }).second)
			continue;
		if (!all_callers_known(in)) {
			all->other = true;
			continue;
		}
		for (const region_pass &r : passes)
			if (r.to == in && r.arg == p.first)
				expand(r.in, p.second ? r.deep : r.at, all, seen);
		/* a call that no pass reports */
		for (cgraph_edge *e = in->callers; e; e = e->next_caller) {
			bool found = false;

			for (const region_pass &r : passes)
				found |= r.to == in && r.in == e->caller;
			all->other |= !found;
		}
	}
}

/*
 * A free() is removed if everything that it may free is in a region, or stays.
 */
bool regions::judge_free(const region_free &f)
{
	std::set<std::pair<cgraph_node *, std::pair<unsigned int, bool>>> seen;
	bool changed = false, heap;
	region_origin all;
	std::string why;

	expand(f.in, f.of, &all, &seen);
	heap = all.other;
	if (heap)
		why = "what is freed at " + where(f.stmt).text() +
			" may be something else";
	for (cell_id c : all.cells)
		if (!heap && !cells[c].against.empty()) {
			heap = true;
			why = "what is freed at " + where(f.stmt).text() +
				" may be another: " + cells[c].against;
		}
	if (heap)
		for (cell_id c : all.cells)
			changed |= keep(c, why);
	return changed;
}

/* malloc(n) to shim_region_alloc(r, n) */
void regions::move(const region_cell &c)
{
	gimple_stmt_iterator i = gsi_for_stmt(c.made.call);
	tree lhs = gimple_call_lhs(c.made.call);
	gcall *call;

	if (c.made.zeroed)
		call = gimple_build_call(calloc_node->decl, 3, c.region,
					 gimple_call_arg(c.made.call, 0),
					 gimple_call_arg(c.made.call, 1));
	else
		call = gimple_build_call(alloc_node->decl, 2, c.region,
					 c.made.size);
	gimple_set_location(call, gimple_location(c.made.call));
	gimple_call_set_lhs(c.made.call, NULL_TREE);
	gimple_call_set_lhs(call, lhs);
	unlink_stmt_vdef(c.made.call);
	if (gimple_vdef(c.made.call) &&
	    TREE_CODE(gimple_vdef(c.made.call)) == SSA_NAME)
		release_ssa_name(gimple_vdef(c.made.call));
	gsi_insert_before(&i, call, GSI_SAME_STMT);
	gsi_remove(&i, true);
}

void regions::finish(std::vector<finding> *report)
{
	bool ready = region_functions_ready(), changed = true;
	std::set<cgraph_node *> touched;

	for (cell_id id = 0; id < cells.size(); id++) {
		region_cell &c = cells[id];
		std::set<cgraph_node *> seen, again;

		if (!c.against.empty())
			continue;
		if (!ready)
			c.against = "shim_region.h is not included";
		else if (!c.sure && !never_null(c.in, &seen))
			c.against = "the region may be NULL";
		else if (c.brief && !c.returned && c.by_param &&
			 comes_again(c.in, &again))
			c.against = "it is freed by a function that is called again before a reset";
	}
	while (changed) {
		changed = false;
		for (cell_id id = 0; id < cells.size(); id++) {
			if (cells[id].returned)
				changed |= judge_callers(id);
			if (cells[id].maker)
				changed |= judge_makers(id);
		}
		for (const region_free &f : frees)
			changed |= judge_free(f);
	}
	for (const region_cell &c : cells) {
		finding *f = c.finding < report->size() ?
			&(*report)[c.finding] : NULL;

		if (f && c.against.empty())
			f->region = text_of(c.region);
		else if (f && c.region)
			f->stays += (f->stays.empty() ? "" : "; ") +
				("not in a region: " + c.against);
		if (!c.against.empty() || c.maker)
			continue;
		push_cfun(DECL_STRUCT_FUNCTION(c.in->decl));
		move(c);
		pop_cfun();
		touched.insert(c.in);
	}
	for (const region_free &f : frees) {
		std::set<std::pair<cgraph_node *,
				   std::pair<unsigned int, bool>>> seen;
		region_origin all;

		expand(f.in, f.of, &all, &seen);
		if (all.cells.empty() || all.other ||
		    !cells[*all.cells.begin()].against.empty())
			continue;
		push_cfun(DECL_STRUCT_FUNCTION(f.in->decl));
		replace_call(f.stmt, gimple_build_nop());
		pop_cfun();
		touched.insert(f.in);
	}
	update_functions(touched);
}

} /* namespace escape */
