// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plugin.cc: what gcc loads.  One pass over the whole unit, when each function is
 * in SSA form and nothing has been inlined or optimised: places are those of the
 * source, and calls are those that somebody wrote.
 *
 * gcc is under the GPL, version 3 or later: hence "or later" for all of this
 * folder, other than in the rest of the tools.
 */
#include "gcc.hh"
#include "own.hh"
#include "promote.hh"
#include "region.hh"
#include "report.hh"
#include "unit.hh"

int plugin_is_GPL_compatible;

using namespace escape;

namespace {

struct settings {
	report_options report;
	std::vector<std::string> summaries, pairs;
	const char *write_summary;
	bool promote, regions;
	promotion_limits limits;
};

settings setup;

/*
 * 2 KiB an object and 4 KiB a function: the smallest stack of libshim-co is 16
 * KiB.  Go's limit for what is not a variable is 64 KiB, its stacks grow.
 */
const promotion_limits default_limits = { 2048, 4096 };

const pass_data escape_pass_data = {
	SIMPLE_IPA_PASS, "shim_escape", OPTGROUP_NONE, TV_PLUGIN_RUN,
	PROP_cfg | PROP_ssa, 0, 0, 0, 0
};

class escape_pass : public simple_ipa_opt_pass, public listener {
public:
	explicit escape_pass(gcc::context *c) :
		simple_ipa_opt_pass(escape_pass_data, c) {}
	unsigned int execute(function *) override;
	void body_done(body &b, cgraph_node *node, const tags *t) override;

private:
	void judge_object(const body &b, const site &s, cgraph_node *node,
			  unsigned long *frame, std::set<gcall *> *gone);
	std::vector<cgraph_node *> roots(const unit &u);

	std::vector<finding> all, owned;
	std::vector<promotion> moved;
	regions together;
	std::string summary;
};

void fail(const std::string &text)
{
	fatal_error(UNKNOWN_LOCATION, "shimcc: %s", text.c_str());
}

/* One sentence that says why there is no report for this unit, or NULL. */
const char *no_analysis()
{
	if (strcmp(lang_hooks.name, "GNU C11") &&
	    strncmp(lang_hooks.name, "GNU C", 5))
		return "not analysed: only C is";
	if (lang_GNU_CXX())
		return "not analysed: this is C++, and only C is";
	if (in_lto_p || flag_lto)
		return "not analysed: -flto leaves the work to the linker; "
		       "without it, summaries see through other units";
	if (!optimize)
		return "not analysed: -O0 asks for code as it is written; "
		       "-O1 or more, or -Og, asks for a look at it";
	return NULL;
}

/* The verdict, and what follows from it. */
void escape_pass::judge_object(const body &b, const site &s, cgraph_node *node,
			       unsigned long *frame, std::set<gcall *> *gone)
{
	finding f = judge_site(b, s);
	std::string against;
	promotion p;

	if (!f.escapes) {
		against = obstacle(b, s, node, setup.limits, &p);
		if (against.empty() && *frame + p.size > setup.limits.frame)
			against = "the function's frame would grow too much";
		if (against.empty() && setup.promote) {
			moved.push_back(p);
			gone->insert(s.call);
			f.promoted = true;
			*frame += p.size;
		} else {
			f.stays = against.empty() ? "could be on the stack" :
				"stays on the heap: " + against;
		}
	}
	all.push_back(f);
}

/*
 * The functions to begin with: all, or, where only promotion is wanted and nothing
 * is marked as owned, those that make objects.
 */
std::vector<cgraph_node *> escape_pass::roots(const unit &u)
{
	std::vector<cgraph_node *> found;
	std::set<cgraph_node *> seen;
	cgraph_node *node;

	if (setup.report.verbose || setup.report.json || setup.write_summary ||
	    own_seen || setup.regions) {
		FOR_EACH_FUNCTION_WITH_GIMPLE_BODY(node)
			if (!node->alias && !node->thunk)
				found.push_back(node);
		return found;
	}
	/* malloc and __builtin_malloc are two declarations */
	FOR_EACH_FUNCTION(node) {
		if (!fndecl_built_in_p(node->decl, BUILT_IN_MALLOC) &&
		    !fndecl_built_in_p(node->decl, BUILT_IN_CALLOC) &&
		    !u.makers.count(function_text(node->decl)))
			continue;
		for (cgraph_edge *e = node->callers; e; e = e->next_caller)
			if (seen.insert(e->caller).second)
				found.push_back(e->caller);
	}
	return found;
}

void escape_pass::body_done(body &b, cgraph_node *node, const tags *t)
{
	unsigned long frame = 0;
	std::vector<size_t> places;
	std::set<gcall *> gone;
	finding f;

	if (t && TREE_PUBLIC(node->decl) && !DECL_WEAK(node->decl) &&
	    !DECL_EXTERNAL(node->decl) && setup.write_summary)
		summary += std::string(function_text(node->decl)) + ' ' +
			tags_print(*t) + '\n';
	if (in_system_header_at(DECL_SOURCE_LOCATION(node->decl))) {
		if (setup.regions)
			together.add(b, node, t, places, gone);
		return;
	}
	own_check(b, &owned);
	if (!setup.report.verbose && !setup.report.json && !setup.promote &&
	    !setup.regions)
		return;
	for (unsigned int i = 0; i < b.params.size(); i++) {
		f = finding();
		if (judge_param(b, i, t, &f))
			all.push_back(f);
	}
	for (const site &s : b.sites) {
		places.push_back(all.size());
		judge_object(b, s, node, &frame, &gone);
	}
	if (setup.regions)
		together.add(b, node, t, places, gone);
	for (const local &l : b.locals) {
		f = finding();
		if (judge_local(b, l, &f))
			all.push_back(f);
	}
}

unsigned int escape_pass::execute(function *)
{
	const char *none = no_analysis();
	std::string error;
	unit u;

	if (none) {
		finding f;

		f.kind = finding::NOTE;
		f.rule = "not-analysed";
		f.what = none;
		f.at.file = main_input_filename ? main_input_filename : "?";
		f.at.line = f.at.column = 1;
		all.push_back(f);
	} else {
		for (const std::string &path : setup.summaries) {
			error = u.read(path.c_str());
			if (!error.empty())
				fail(error);
		}
		for (const std::string &pair : setup.pairs)
			if (!u.add_pair(pair))
				fail(pair + " is no MALLOC:FREE");
		if (setup.regions)
			region_name_params();
		u.done = this;
		u.strict = setup.promote || setup.regions;
		for (cgraph_node *node : roots(u))
			u.analyse(node);
		if (setup.regions)
			together.finish(&all);
		promote(moved);
	}
	/* as warnings, unless there is a report that they are part of */
	for (const finding &f : owned)
		if (!setup.report.verbose)
			warning_at(f.place, 0, "%s", f.text().c_str());
	all.insert(all.end(), owned.begin(), owned.end());
	error = report_write(&all, setup.report);
	if (error.empty() && setup.write_summary && !summary.empty())
		error = append(setup.write_summary, summary);
	if (!error.empty())
		fail(error);
	return 0;
}

/* An argument, -fplugin-arg-shim_escape-KEY=VALUE; false if it is none of ours. */
bool take_argument(const plugin_argument &a)
{
	if (!strcmp(a.key, "m") && a.value)
		setup.report.verbose = atoi(a.value);
	else if (!strcmp(a.key, "out") && a.value)
		setup.report.out = a.value;
	else if (!strcmp(a.key, "json") && a.value)
		setup.report.json = a.value;
	else if (!strcmp(a.key, "summary") && a.value)
		setup.summaries.push_back(a.value);
	else if (!strcmp(a.key, "pair") && a.value)
		setup.pairs.push_back(a.value);
	else if (!strcmp(a.key, "write") && a.value)
		setup.write_summary = a.value;
	else if (!strcmp(a.key, "promote"))
		setup.promote = true;
	else if (!strcmp(a.key, "regions"))
		setup.regions = true;
	else if (!strcmp(a.key, "max") && a.value)
		setup.limits.object = strtoul(a.value, NULL, 0);
	else if (!strcmp(a.key, "frame") && a.value)
		setup.limits.frame = strtoul(a.value, NULL, 0);
	else
		return false;
	return true;
}

void mark_attributes(void *, void *)
{
	own_register();
}

/* A function is complete, and not yet given to the rest of gcc. */
void note_function(void *fndecl, void *)
{
	region_note_function((tree)fndecl);
}

void note_params(void *, void *)
{
	own_note_params();
}

plugin_info about = {
	"0.2", "see shimcc(1)"
};

} /* namespace */

int plugin_init(plugin_name_args *info, plugin_gcc_version *version)
{
	register_pass_info p = {};

	if (!plugin_default_version_check(version, &gcc_version)) {
		fprintf(stderr, "shimcc: the plugin is made for gcc %s and does not fit gcc %s: build it with that one's plugin-dev\n",
			gcc_version.basever, version->basever);
		return 1;
	}
	setup.limits = default_limits;
	for (int i = 0; i < info->argc; i++) {
		if (take_argument(info->argv[i]))
			continue;
		fprintf(stderr, "shimcc: the plugin knows no argument %s\n",
			info->argv[i].key);
		return 1;
	}
	p.pass = new escape_pass(g);
	p.reference_pass_name = "build_ssa_passes";
	p.ref_pass_instance_number = 1;
	p.pos_op = PASS_POS_INSERT_AFTER;
	register_callback(info->base_name, PLUGIN_ATTRIBUTES, mark_attributes,
			  NULL);
	register_callback(info->base_name, PLUGIN_ALL_IPA_PASSES_START,
			  note_params, NULL);
	if (setup.regions)
		register_callback(info->base_name, PLUGIN_PRE_GENERICIZE,
				  note_function, NULL);
	register_callback(info->base_name, PLUGIN_PASS_MANAGER_SETUP, NULL, &p);
	register_callback(info->base_name, PLUGIN_INFO, NULL, &about);
	return 0;
}
