// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_svg: the plots of the page.
 *
 * Drawn 400 units wide: a phone shows a unit as about a pixel, so that text
 * stays readable, and a desk's screen puts two or three side by side.  Colours
 * are classes that the page defines twice, for light and for dark.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "report.h"

#define W		400
#define H		210
#define LEFT		54
#define RIGHT		10
#define TOP		8
#define BOTTOM		24
#define POINTS		320	/* more of them than pixels help nobody */
#define FIRST_BUCKET	7	/* no fault is faster than 128 ns */

void html_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*text, f);
		}
	}
}

/* A step of 1, 2 or 5 times a power of ten, or of two for bytes. */
static double step_nice(double max, int parts, bool bytes)
{
	double rough = max / parts, unit;

	if (rough <= 0)
		return 1;
	if (bytes)
		return exp2(ceil(log2(fmax(rough, 1))));
	unit = pow(10, floor(log10(rough)));
	if (rough / unit <= 1)
		return unit;
	if (rough / unit <= 2)
		return 2 * unit;
	return rough / unit <= 5 ? 5 * unit : 10 * unit;
}

static const char *value_text(double v, const struct plot *p)
{
	static char text[40];

	if (isnan(v))
		return "not known";
	if (p->bytes)
		snprintf(text, sizeof(text), "%s", out_bytes((uint64_t)v));
	else if (v >= 10000)
		snprintf(text, sizeof(text), "%.0fk%s", v / 1000, p->suffix);
	else
		snprintf(text, sizeof(text), v == floor(v) || v >= 100 ?
			 "%.0f%s" : "%.1f%s", v, p->suffix);
	return text;
}

struct axes {
	double x0, x1, y1;
};

static double at_x(const struct axes *a, double x)
{
	return LEFT + (W - LEFT - RIGHT) * (x - a->x0) /
	       fmax(a->x1 - a->x0, 1e-9);
}

static double at_y(const struct axes *a, double y)
{
	return H - BOTTOM - (H - TOP - BOTTOM) * y / a->y1;
}

static void time_axis(FILE *f, const struct axes *a, int height)
{
	double step = step_nice(a->x1 - a->x0, 6, false), t;

	for (t = ceil(a->x0 / step) * step; t <= a->x1 + step / 1e3; t += step)
		fprintf(f, "<text class=\"t\" x=\"%.1f\" y=\"%d\" "
			"text-anchor=\"middle\">%g s</text>\n",
			fmin(at_x(a, t), W - 14), height - 6, t);
}

static void axes_draw(FILE *f, const struct axes *a, const struct plot *p)
{
	double step = step_nice(a->y1, 4, p->bytes), v;

	for (v = 0; v <= a->y1 * 1.001; v += step)
		fprintf(f, "<line class=\"g\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" "
			"y2=\"%.1f\"/><text class=\"t\" x=\"%d\" y=\"%.1f\" "
			"text-anchor=\"end\">%s</text>\n", LEFT, W - RIGHT,
			at_y(a, v), at_y(a, v), LEFT - 5, at_y(a, v) + 4,
			value_text(v, p));
	time_axis(f, a, H);
}

/* The line, broken where nothing is known; of each pixel the greatest value. */
static void line_draw(FILE *f, const struct report *r, const struct axes *a,
		      enum report_col col, unsigned int style)
{
	size_t stride = (r->n + POINTS - 1) / POINTS, i, k;
	bool pen = false;

	fprintf(f, "<path class=\"l s%u\" d=\"", style);
	for (i = 0; i < r->n; i += stride) {
		double v = NAN;

		for (k = i; k < i + stride && k < r->n; k++)
			v = fmax(v, r->col[col][k]);
		if (isnan(v)) {
			pen = false;
			continue;
		}
		fprintf(f, "%c%.1f %.1f", pen ? 'L' : 'M',
			at_x(a, r->col[COL_TIME][i]), at_y(a, v));
		/* a lone point is a dot */
		if (!pen && (i + stride >= r->n ||
			     isnan(r->col[col][i + stride])))
			fputs("h.1", f);
		pen = true;
	}
	fputs("\"/>\n", f);
}

static void legend(FILE *f, const struct report *r, const struct plot *p)
{
	unsigned int i;

	fputs("<ul>", f);
	for (i = 0; i < p->nr; i++) {
		double max = report_max(r, p->col[i]);

		if (isnan(max))
			continue;
		fprintf(f, "<li><i class=\"b%u\"></i>%s <b>%s</b>", i,
			p->name[i], value_text(report_last(r, p->col[i]), p));
		fprintf(f, ", max %s</li>\n", value_text(max, p));
	}
	fputs("</ul>\n", f);
}

static void svg_begin(FILE *f, const char *title, int height)
{
	fprintf(f, "<section><h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" "
		"role=\"img\" aria-label=\"%s\">\n", title, W, height, title);
}

/* An empty card says what would fill it; false if it is not empty. */
static bool nothing(FILE *f, const struct report *r, enum report_card card)
{
	const char *why = report_lacks(r, card);

	if (!why)
		return false;
	fprintf(f, "<section><h2>%s</h2><p class=\"why\">", report_title(card));
	html_text(f, why);
	fputs("</p></section>\n", f);
	return true;
}

void svg_plot(FILE *f, const struct report *r, enum report_card card)
{
	const struct plot *p = &report_plots[card];
	struct axes a = { r->col[COL_TIME][0], r->col[COL_TIME][r->n - 1], 0 };
	unsigned int i;
	double step;

	if (nothing(f, r, card))
		return;
	for (i = 0; i < p->nr; i++) {
		double max = report_max(r, p->col[i]);

		if (!isnan(max) && max > a.y1)
			a.y1 = max;
	}
	if (p->suffix && !strcmp(p->suffix, " %"))
		a.y1 = 100;
	step = step_nice(fmax(a.y1, 1), 4, p->bytes);
	a.y1 = fmax(ceil(a.y1 / step), 1) * step;
	svg_begin(f, p->title, H);
	axes_draw(f, &a, p);
	for (i = p->nr; i-- > 0;)
		line_draw(f, r, &a, p->col[i], i);
	fputs("</svg>\n", f);
	legend(f, r, p);
	fputs("</section>\n", f);
}

void svg_latency(FILE *f, const struct report *r)
{
	uint64_t max = 0;
	double width, height = H - TOP - BOTTOM;
	size_t i;
	int k, last = FIRST_BUCKET;

	for (k = 0; k < KMOD_BUCKETS; k++) {
		uint64_t all = 0;

		for (i = 0; i < r->nr_latency; i++)
			all += r->latency[i].bucket[k];
		if (all && k > last)
			last = k;
		max = all > max ? all : max;
	}
	if (nothing(f, r, CARD_LATENCY))
		return;
	width = (double)(W - LEFT - RIGHT) / (last - FIRST_BUCKET + 1);
	svg_begin(f, report_title(CARD_LATENCY), H);
	for (k = FIRST_BUCKET; k <= last; k++) {
		double y = H - BOTTOM;
		double x = LEFT + (k - FIRST_BUCKET) * width;

		for (i = 0; i < r->nr_latency; i++) {
			double h = height * (double)r->latency[i].bucket[k] /
				   (double)max;

			if (h <= 0)
				continue;
			y -= h;
			fprintf(f, "<rect class=\"f%zu\" x=\"%.1f\" y=\"%.1f\" "
				"width=\"%.1f\" height=\"%.2f\"><title>%s: "
				"%" PRIu64 " below %s</title></rect>\n", i,
				x + 1, y, fmax(width - 2, 1), h,
				r->latency[i].source,
				r->latency[i].bucket[k],
				out_ns((uint64_t)1 << k));
		}
		if ((k - FIRST_BUCKET) % ((last - FIRST_BUCKET) / 5 + 1) == 0)
			fprintf(f, "<text class=\"t\" x=\"%.1f\" y=\"%d\" "
				"text-anchor=\"middle\">%s</text>\n",
				x + width / 2, H - 6,
				out_ns((uint64_t)1 << k));
	}
	fprintf(f, "<text class=\"t\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s"
		"</text><line class=\"g\" x1=\"%d\" x2=\"%d\" y1=\"%d\" "
		"y2=\"%d\"/></svg>\n<ul>", LEFT - 5, TOP + 8, out_count(max),
		LEFT, W - RIGHT, H - BOTTOM, H - BOTTOM);
	for (i = 0; i < r->nr_latency; i++)
		if (kmod_latency_quantile(&r->latency[i], 50)) {
			uint64_t half = kmod_latency_quantile(&r->latency[i],
							      50);
			uint64_t most = kmod_latency_quantile(&r->latency[i],
							      99);

			fprintf(f, "<li><i class=\"b%zu\"></i>%s: half below "
				"<b>%s</b>, 99 %% below %s</li>\n", i,
				r->latency[i].source, out_ns(half),
				out_ns(most));
		}
	fputs("</ul><p class=\"why\">Of all arenas of the machine, during the "
	      "recording.</p></section>\n", f);
}

void svg_blocks(FILE *f, const struct report *r)
{
	struct axes a = { r->col[COL_TIME][0], r->col[COL_TIME][r->n - 1], 1 };
	size_t rows, cols, col, row, from;
	double w, h;

	if (nothing(f, r, CARD_BLOCKS))
		return;
	rows = r->max_blocks < MAP_ROWS ? r->max_blocks : MAP_ROWS;
	cols = r->n < MAP_COLS ? r->n : MAP_COLS;
	w = (double)(W - LEFT - RIGHT) / (double)cols;
	h = (double)(H - TOP - BOTTOM) / (double)rows;
	svg_begin(f, report_title(CARD_BLOCKS), H);
	fputs("<g shape-rendering=\"crispEdges\">\n", f);
	for (row = 0; row < rows; row++) {
		int fill = -1, now;
		bool split = false, s = false;

		/* a run of equal cells is one rectangle */
		for (from = 0, col = 0; col <= cols; col++) {
			now = col < cols ? report_cell(r, col, cols, row, rows,
						       &s) : -2;
			if (col && (now != fill || s != split)) {
				if (fill >= 0)
					fprintf(f, "<rect class=\"%s\" "
						"fill-opacity=\"%.2f\" "
						"x=\"%.1f\" y=\"%.2f\" "
						"width=\"%.1f\" "
						"height=\"%.2f\"/>\n",
						split ? "f1" : "f0",
						0.12 + 0.088 * fill,
						LEFT + (double)from * w,
						TOP + (double)row * h,
						(double)(col - from) * w, h);
				from = col;
			}
			if (!col)
				from = 0;
			fill = now;
			split = s;
		}
	}
	fprintf(f, "</g><text class=\"t\" x=\"%d\" y=\"%d\" text-anchor=\"end\">"
		"low</text><text class=\"t\" x=\"%d\" y=\"%d\" "
		"text-anchor=\"end\">high</text>\n", LEFT - 5, TOP + 9,
		LEFT - 5, H - BOTTOM);
	time_axis(f, &a, H);
	fprintf(f, "</svg>\n<ul><li><i class=\"b0\"></i>whole blocks</li><li><i "
		"class=\"b1\"></i>split into 4 KiB</li><li>the fuller, the "
		"stronger; %zu blocks at most</li></ul></section>\n",
		r->max_blocks);
}
