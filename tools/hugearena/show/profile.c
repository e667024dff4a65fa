// SPDX-License-Identifier: GPL-2.0-only
/*
 * profile: samples scaled to what they stand for, and written as text.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "profile.h"

/* What of a record the profile is about. */
static struct prof_count count_of(const struct profile *p,
				  const struct prof_stack *s)
{
	switch (p->what) {
	case PROFILE_PEAK:
		return s->peak;
	case PROFILE_TOTAL:
		return s->total;
	default:
		return s->live;
	}
}

static bool same_stack(const struct prof_stack *a, const struct prof_stack *b)
{
	return a->nframes == b->nframes &&
	       !memcmp(a->frame, b->frame, a->nframes * sizeof(a->frame[0]));
}

static int by_stack(const void *a, const void *b)
{
	const struct profile_line *x = a, *y = b;

	if (x->record->nframes != y->record->nframes)
		return x->record->nframes < y->record->nframes ? -1 : 1;
	return memcmp(x->record->frame, y->record->frame,
		      x->record->nframes * sizeof(x->record->frame[0]));
}

static int by_bytes(const void *a, const void *b)
{
	const struct profile_line *x = a, *y = b;

	return fabs(x->bytes) < fabs(y->bytes) ? 1 :
	       fabs(x->bytes) > fabs(y->bytes) ? -1 : 0;
}

static void lines_add(struct profile *p, const struct prof *prof, double sign)
{
	size_t i;

	for (i = 0; i < prof->n; i++) {
		const struct prof_stack *s = &prof->stack[i];
		struct prof_count c = count_of(p, s);
		double scale = prof_scale(prof->rate, &c);
		double ever = p->go ? prof_scale(prof->rate, &s->total) : 0;
		struct profile_line *line = &p->line[p->n];

		if (!c.objects && !ever)
			continue;
		line->record = s;
		line->objects = sign * scale * (double)c.objects;
		line->bytes = sign * scale * (double)c.bytes;
		line->before = sign < 0 ? line->bytes : 0;
		/* each is there with a chance of 1 / scale */
		if (c.objects)
			line->variance = (double)c.bytes * (double)c.bytes /
					 (double)c.objects * (scale - 1) * scale;
		line->ever_objects = sign * ever * (double)s->total.objects;
		line->ever_bytes = sign * ever * (double)s->total.bytes;
		p->n++;
	}
}

int profile_make(struct profile *p)
{
	size_t i, kept = 0;

	p->line = calloc(p->prof->n + p->before->n + 1, sizeof(*p->line));
	if (!p->line)
		return -ENOMEM;
	lines_add(p, p->prof, 1);
	lines_add(p, p->before, -1);
	/* a record is of one size: add those of one stack */
	qsort(p->line, p->n, sizeof(*p->line), by_stack);
	for (i = 0; i < p->n; i++) {
		if (kept && same_stack(p->line[kept - 1].record,
				       p->line[i].record)) {
			p->line[kept - 1].objects += p->line[i].objects;
			p->line[kept - 1].bytes += p->line[i].bytes;
			p->line[kept - 1].before += p->line[i].before;
			p->line[kept - 1].variance += p->line[i].variance;
			p->line[kept - 1].ever_objects +=
				p->line[i].ever_objects;
			p->line[kept - 1].ever_bytes += p->line[i].ever_bytes;
		} else {
			p->line[kept++] = p->line[i];
		}
		p->objects += p->line[i].objects;
		p->bytes += p->line[i].bytes;
		p->variance += p->line[i].variance;
	}
	p->n = kept;
	qsort(p->line, p->n, sizeof(*p->line), by_bytes);
	return 0;
}

void profile_free(struct profile *p)
{
	free(p->line);
}

/* Frames without the allocator's own. */
static void *const *frames(struct profile *p, const struct prof_stack *s,
			   unsigned int *n)
{
	unsigned int own = stacks_own(&p->stacks, s->frame, s->nframes);

	*n = s->nframes - own;
	return s->frame + own;
}

/*
 * The text that google-pprof reads: samples as they were counted, it scales
 * them itself.  A line is "objects: bytes [objects: bytes] @ addresses", first
 * what is in use, then what was allocated ever.
 */
static void heap_write(struct profile *p, FILE *f)
{
	struct prof_count in_use = { 0 }, total = { 0 };
	unsigned int n, k;
	size_t i;

	for (i = 0; i < p->prof->n; i++) {
		struct prof_count c = count_of(p, &p->prof->stack[i]);

		in_use.objects += c.objects;
		in_use.bytes += c.bytes;
		total.objects += p->prof->stack[i].total.objects;
		total.bytes += p->prof->stack[i].total.bytes;
	}
	fprintf(f, "heap profile: %6" PRIu64 ": %8" PRIu64 " [%6" PRIu64
		": %8" PRIu64 "] @ heap_v2/%" PRIu64 "\n", in_use.objects,
		in_use.bytes, total.objects, total.bytes, p->prof->rate);
	for (i = 0; i < p->prof->n; i++) {
		const struct prof_stack *s = &p->prof->stack[i];
		struct prof_count c = count_of(p, s);
		void *const *frame = frames(p, s, &n);

		fprintf(f, "%6" PRIu64 ": %8" PRIu64 " [%6" PRIu64 ": %8"
			PRIu64 "] @", c.objects, c.bytes, s->total.objects,
			s->total.bytes);
		for (k = 0; k < n; k++)
			fprintf(f, " %p", frame[k]);
		fputc('\n', f);
	}
	fputs("\nMAPPED_LIBRARIES:\n", f);
	for (i = 0; i < p->stacks.maps.n; i++) {
		const struct map *m = &p->stacks.maps.v[i];

		fprintf(f, "%" PRIx64 "-%" PRIx64 " %s %08" PRIx64 " %s %"
			PRIu64 " %s\n", m->start, m->end, m->perms, m->offset,
			m->dev, m->inode, m->name);
	}
}

/*
 * "main;parse;malloc 4096" a line, for flame graphs; of a difference two
 * numbers, before and now, for differential ones.
 */
static void folded_write(struct profile *p, FILE *f)
{
	unsigned int n;
	size_t i;

	for (i = 0; i < p->n; i++) {
		void *const *frame = frames(p, p->line[i].record, &n);

		while (n-- > 0)
			fprintf(f, "%s%c", stacks_name(&p->stacks, frame[n]),
				n ? ';' : ' ');
		if (p->before->n)
			fprintf(f, "%.0f ", -p->line[i].before);
		fprintf(f, "%.0f\n", p->line[i].bytes - p->line[i].before);
	}
}

/* " +-12 %": twice the standard deviation, nothing if it is none. */
static const char *error_text(double bytes, double variance)
{
	static char text[32];
	double percent = bytes ? 200 * sqrt(variance) / fabs(bytes) : 0;

	text[0] = '\0';
	if (percent >= 0.5)
		snprintf(text, sizeof(text), " +-%.0f %%", percent);
	return text;
}

/* Of 20 samples a half is known to a quarter: less is a guess. */
#define FEW	20u

/* As the option takes it. */
static const char *out_rate(uint64_t rate)
{
	static char text[24];

	if (rate >= 1024)
		snprintf(text, sizeof(text), "%" PRIu64 "k", rate >> 10);
	else
		snprintf(text, sizeof(text), "%" PRIu64, rate ? rate : 1);
	return text;
}

static void table_write(struct profile *p, FILE *f)
{
	static const char *const titles[] = {
		[PROFILE_LIVE] = "Live", [PROFILE_PEAK] = "Live at the peak",
		[PROFILE_TOTAL] = "Allocated ever", [PROFILE_GROWTH] = "Growth",
	};
	size_t i;

	fprintf(f, "%s%s%s: %s%s%s in %s objects, from %s samples, one in %s%s\n",
		out_style(OUT_BOLD), titles[p->what],
		p->before->n && p->what != PROFILE_GROWTH ? ", more than before"
							  : "",
		p->bytes < 0 ? "-" : "", out_bytes((uint64_t)fabs(p->bytes)),
		error_text(p->bytes, p->variance),
		out_count((uint64_t)fabs(p->objects)),
		out_count(p->prof->samples), out_bytes(p->prof->rate),
		out_style(OUT_PLAIN));
	if (p->prof->samples < FEW && p->prof->rate > 1)
		fprintf(f, "  so few samples say little: --rate %s has more\n",
			out_rate(p->prof->rate / 16));
	if (p->prof->lost)
		fprintf(f, "  %s samples found no room for their stack\n",
			out_count(p->prof->lost));
	for (i = 0; i < p->n && i < p->top; i++) {
		const struct profile_line *line = &p->line[i];

		fprintf(f, "\n  %s%s%s%s in %s objects, %s%s\n",
			out_style(OUT_INFO), line->bytes < 0 ? "-" : "",
			out_bytes((uint64_t)fabs(line->bytes)),
			error_text(line->bytes, line->variance),
			out_count((uint64_t)(fabs(line->objects) + 0.5)),
			out_percent((uint64_t)fabs(line->bytes),
				    (uint64_t)fabs(p->bytes)),
			out_style(OUT_PLAIN));
		stacks_print(&p->stacks, line->record->frame,
			     line->record->nframes, f, false);
	}
	if (p->n > p->top)
		fprintf(f, "\n  and %zu stacks more\n", p->n - p->top);
}

int profile_write(struct profile *p, enum profile_format format, FILE *f)
{
	switch (format) {
	case PROFILE_HEAP:
		heap_write(p, f);
		break;
	case PROFILE_PROTO:
		return profile_proto(p, f);
	case PROFILE_FOLDED:
		folded_write(p, f);
		break;
	default:
		table_write(p, f);
	}
	return fflush(f) ? -errno : 0;
}

int profile_json(struct profile *p, FILE *f)
{
	json_t *root = json_object(), *list = json_array(), *obj;
	int err;
	size_t i;

	json_put_int(root, "pid", (uint64_t)p->stacks.pid);
	json_put_int(root, "rate_bytes", p->prof->rate);
	json_put_int(root, "samples", p->prof->samples);
	json_put_int(root, "lost_samples", p->prof->lost);
	json_put_bool(root, "difference", p->before->n > 0);
	json_put_real(root, "objects", p->objects);
	json_put_real(root, "bytes", p->bytes);
	for (i = 0; i < p->n; i++) {
		const struct prof_stack *s = p->line[i].record;

		obj = json_object();
		json_put_real(obj, "objects", p->line[i].objects);
		json_put_real(obj, "bytes", p->line[i].bytes);
		json_put_real(obj, "bytes_deviation",
			      sqrt(p->line[i].variance));
		json_object_set_new(obj, "stack",
				    stacks_json(&p->stacks, s->frame,
						s->nframes));
		json_array_append_new(list, obj);
	}
	json_object_set_new(root, "stacks", list);
	err = json_dumpf(root, f, JSON_INDENT(2));
	json_decref(root);
	fputc('\n', f);
	return err || fflush(f) ? -EIO : 0;
}
