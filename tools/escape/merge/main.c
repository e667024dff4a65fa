// SPDX-License-Identifier: GPL-2.0-or-later
/* shimcc-report: the verdicts of a whole build in one report; see its page. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"

enum format { TEXT, JSON, SARIF };

static struct {
	struct findings all;
	enum format format;
	const char *profile;
	bool stays;
	size_t top;
} set;

static const struct argp_option options[] = {
	{ "format", 'f', "FORMAT", 0, "text, json or sarif", 0 },
	{ "profile", 'p', "FILE", 0,
	  "Sort by the bytes of a heap profile, of 'hugearena profile --json'", 0 },
	{ "stays", 's', NULL, 0, "Only objects that do not escape", 0 },
	{ "top", 'n', "N", 0, "No more than N findings", 0 },
	{ 0 },
};

static error_t take(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case 'f':
		if (!strcmp(arg, "text"))
			set.format = TEXT;
		else if (!strcmp(arg, "json"))
			set.format = JSON;
		else if (!strcmp(arg, "sarif"))
			set.format = SARIF;
		else
			argp_error(state, "no format '%s': text, json or sarif",
				   arg);
		return 0;
	case 'p':
		set.profile = arg;
		return 0;
	case 's':
		set.stays = true;
		return 0;
	case 'n':
		set.top = strtoul(arg, &end, 10);
		if (*end || !set.top)
			argp_error(state, "no number of findings: '%s'", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (findings_read(&set.all, arg))
			exit(1);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = take,
	.args_doc = "FILE...",
	.doc = "Merge what shimcc --shim-json has written over a build.",
};

/* Leave only what was asked for. */
static void choose(struct findings *all)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct finding *f = &all->f[i];

		if ((set.stays && (f->escapes || strcmp(f->kind, "object"))) ||
		    (set.top && kept >= set.top)) {
			json_decref(f->json);
			continue;
		}
		all->f[kept++] = *f;
	}
	all->n = kept;
}

static int text_write(const struct findings *all)
{
	size_t objects = 0, stay = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct finding *f = &all->f[i];

		if (set.profile)
			printf("%14.0f ", f->bytes);
		printf("%s:%ld:%ld: %s\n", f->file, f->line, f->column,
		       f->text);
		if (strcmp(f->kind, "object"))
			continue;
		objects++;
		stay += !f->escapes;
	}
	printf("%zu objects, %zu do not escape\n", objects, stay);
	return ferror(stdout) || fflush(stdout) ? -1 : 0;
}

static int json_write(const struct findings *all)
{
	for (size_t i = 0; i < all->n; i++) {
		json_t *o = all->f[i].json;

		json_object_set_new(o, "units",
				    json_integer(all->f[i].units));
		if (set.profile)
			json_object_set_new(o, "bytes",
					    json_real(all->f[i].bytes));
		if (json_dumpf(o, stdout, JSON_COMPACT) || putchar('\n') < 0)
			return -1;
	}
	return fflush(stdout) ? -1 : 0;
}

int main(int argc, char **argv)
{
	int err;

	if (argp_parse(&argp, argc, argv, 0, NULL, NULL))
		return 2;
	findings_merge(&set.all);
	if (set.profile && findings_weigh(&set.all, set.profile))
		return 1;
	choose(&set.all);
	err = set.format == SARIF ? sarif_write(&set.all) :
	      set.format == JSON ? json_write(&set.all) :
				   text_write(&set.all);
	if (err)
		perror("shimcc-report");
	findings_free(&set.all);
	return err ? 1 : 0;
}
