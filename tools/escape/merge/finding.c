// SPDX-License-Identifier: GPL-2.0-or-later
/* finding: read, put together, weighed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"

static int bad(const char *path, size_t line, const char *what)
{
	fprintf(stderr, "shimcc-report: %s:%zu: %s\n", path, line, what);
	return -1;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static int add(struct findings *all, json_t *o)
{
	struct finding *f;

	if (all->n == all->room) {
		size_t room = all->room ? 2 * all->room : 256;

		f = realloc(all->f, room * sizeof(*f));
		if (!f)
			return -1;
		all->f = f;
		all->room = room;
	}
	f = &all->f[all->n++];
	f->json = o;
	f->file = text_of(o, "file");
	f->kind = text_of(o, "kind");
	f->rule = text_of(o, "rule");
	f->function = text_of(o, "function");
	f->text = text_of(o, "text");
	f->line = (long)json_integer_value(json_object_get(o, "line"));
	f->column = (long)json_integer_value(json_object_get(o, "column"));
	f->escapes = json_is_true(json_object_get(o, "escapes"));
	f->units = 1;
	f->bytes = 0;
	return 0;
}

int findings_read(struct findings *all, const char *path)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	json_error_t error;
	size_t nr = 0, room = 0;
	char *line = NULL;
	int err = 0;

	if (!in) {
		fprintf(stderr, "shimcc-report: %s: %s\n", path,
			strerror(errno));
		return -1;
	}
	while (!err && getline(&line, &room, in) > 0) {
		json_t *o = json_loads(line, 0, &error);

		nr++;
		if (!o)
			err = bad(path, nr, error.text);
		else if (!*text_of(o, "text") || !*text_of(o, "kind"))
			err = bad(path, nr, "not a line of shimcc --shim-json");
		else if (add(all, o))
			err = bad(path, nr, "out of memory");
		if (err)
			json_decref(o);
	}
	if (!err && ferror(in))
		err = bad(path, nr, strerror(errno));
	free(line);
	if (in != stdin)
		fclose(in);
	return err;
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int r = strcmp(x->file, y->file);

	if (!r)
		r = (x->line > y->line) - (x->line < y->line);
	if (!r)
		r = (x->column > y->column) - (x->column < y->column);
	if (!r)
		r = strcmp(x->kind, y->kind);
	return r ? r : strcmp(x->text, y->text);
}

static int by_bytes(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return by_place(a, b);
}

void findings_merge(struct findings *all)
{
	size_t kept = 0;

	if (!all->n)
		return;
	qsort(all->f, all->n, sizeof(all->f[0]), by_place);
	for (size_t i = 1; i < all->n; i++) {
		if (!by_place(&all->f[kept], &all->f[i])) {
			all->f[kept].units++;
			json_decref(all->f[i].json);
			continue;
		}
		all->f[++kept] = all->f[i];
	}
	all->n = kept + 1;
}

/* Does a frame, "NAME+0x12 (FILE)" or "NAME", name a function? */
static bool frame_is(const char *frame, const char *function)
{
	size_t n = strcspn(frame, "+ (");

	return n && strlen(function) == n && !strncmp(frame, function, n);
}

static bool makes_object(const struct finding *f)
{
	return !strcmp(f->kind, "object");
}

static void weigh_stack(struct findings *all, const json_t *stack, double bytes)
{
	bool found = false;

	for (size_t i = 0; !found && i < json_array_size(stack); i++) {
		const char *frame =
			json_string_value(json_array_get(stack, i));

		for (size_t j = 0; frame && j < all->n; j++) {
			struct finding *f = &all->f[j];

			if (!makes_object(f) || !frame_is(frame, f->function))
				continue;
			f->bytes += bytes;
			found = true;
		}
	}
}

int findings_weigh(struct findings *all, const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error), *stacks;

	if (!root) {
		fprintf(stderr, "shimcc-report: %s: %s\n", path, error.text);
		return -1;
	}
	stacks = json_object_get(root, "stacks");
	if (!json_is_array(stacks)) {
		fprintf(stderr, "shimcc-report: %s: not a profile of 'hugearena profile --json'\n",
			path);
		json_decref(root);
		return -1;
	}
	for (size_t i = 0; i < json_array_size(stacks); i++) {
		const json_t *s = json_array_get(stacks, i);

		weigh_stack(all, json_object_get(s, "stack"),
			    json_number_value(json_object_get(s, "bytes")));
	}
	json_decref(root);
	qsort(all->f, all->n, sizeof(all->f[0]), by_bytes);
	return 0;
}

void findings_free(struct findings *all)
{
	for (size_t i = 0; i < all->n; i++)
		json_decref(all->f[i].json);
	free(all->f);
}
