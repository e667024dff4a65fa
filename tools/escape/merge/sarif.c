// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sarif: the findings as a run of SARIF 2.1.0.  Ownership and dangling addresses are
 * warnings; what escapes and what stays is a note.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"

static const struct {
	const char *id, *text;
} rules[] = {
	{ "escapes", "An object's address may outlive the function that makes it" },
	{ "stays", "An object does not escape from the function that makes it" },
	{ "leaks", "A parameter's address may outlive the call" },
	{ "keeps", "A parameter's address does not outlive the call" },
	{ "dangling", "A variable's address outlives the variable" },
	{ "not-analysed", "A unit was compiled, but not analysed" },
	{ "own-use-after", "Something is used after it was given away" },
	{ "own-twice", "Something is given away twice" },
	{ "own-leak", "Something is not released on a path" },
	{ "own-retain", "Something borrowed is kept without a reference" },
	{ "own-borrowed", "Something borrowed is given away" },
};

static json_t *message(const char *text)
{
	return json_pack("{s:s}", "text", text);
}

/* A path as a URI: what a URI cannot have is written by number. */
static char *uri_of(const char *path)
{
	char *uri = malloc(3 * strlen(path) + 1), *to = uri;

	for (; uri && *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (isalnum(c) || strchr("/._-~+,=@", c))
			*to++ = (char)c;
		else
			to += sprintf(to, "%%%02X", c);
	}
	if (uri)
		*to = 0;
	return uri;
}

static json_t *place(const char *file, long line, long column)
{
	char *uri = uri_of(*file ? file : "unknown");
	json_t *physical = json_pack("{s:{s:s}}", "artifactLocation", "uri",
				     uri ? uri : "unknown");

	/* lines and columns count from 1; without one there is no region */
	if (line > 0)
		json_object_set_new(physical, "region", column > 0 ?
			json_pack("{s:I,s:I}", "startLine", (json_int_t)line,
				  "startColumn", (json_int_t)column) :
			json_pack("{s:I}", "startLine", (json_int_t)line));
	free(uri);
	return json_pack("{s:o}", "physicalLocation", physical);
}

static json_t *flow(const json_t *path)
{
	json_t *list = json_array();

	for (size_t i = 0; i < json_array_size(path); i++) {
		const json_t *s = json_array_get(path, i);
		const char *file = json_string_value(json_object_get(s, "file"));
		const char *text = json_string_value(json_object_get(s, "text"));
		json_t *l = place(file ? file : "",
			(long)json_integer_value(json_object_get(s, "line")),
			(long)json_integer_value(json_object_get(s, "column")));

		json_object_set_new(l, "message", message(text ? text : ""));
		json_array_append_new(list, json_pack("{s:o}", "location", l));
	}
	return json_pack("[{s:[{s:o}]}]", "threadFlows", "locations", list);
}

static json_t *result(const struct finding *f)
{
	bool warn = !strncmp(f->rule, "own-", 4) || !strcmp(f->rule, "dangling");
	const json_t *path = json_object_get(f->json, "path");
	json_t *r = json_pack("{s:s,s:s,s:o,s:[o]}", "ruleId", f->rule, "level",
			      warn ? "warning" : "note", "message",
			      message(f->text), "locations",
			      place(f->file, f->line, f->column));
	json_t *more;

	if (json_array_size(path))
		json_object_set_new(r, "codeFlows", flow(path));
	more = json_pack("{s:s,s:f,s:I}", "function", f->function,
			 "profiledBytes", f->bytes,
			 "units", (json_int_t)f->units);
	json_object_set_new(r, "properties", more);
	return r;
}

int sarif_write(const struct findings *all)
{
	json_t *known = json_array(), *results = json_array(), *rule, *root;
	int err;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		rule = json_pack("{s:s,s:o}", "id", rules[i].id,
				 "shortDescription", message(rules[i].text));
		json_array_append_new(known, rule);
	}
	for (size_t i = 0; i < all->n; i++)
		json_array_append_new(results, result(&all->f[i]));
	root = json_pack("{s:s,s:s,s:[{s:{s:{s:s,s:s,s:o}},s:o}]}",
			 "$schema", "https://json.schemastore.org/sarif-2.1.0.json",
			 "version", "2.1.0", "runs", "tool", "driver", "name",
			 "shimcc", "version", SHIMCC_VERSION, "rules", known,
			 "results", results);
	if (!root)
		return -1;
	err = json_dumpf(root, stdout, JSON_INDENT(1));
	json_decref(root);
	putchar('\n');
	return err || fflush(stdout) ? -1 : 0;
}
