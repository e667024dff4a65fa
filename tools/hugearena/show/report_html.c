// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_html: the page.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/out.h"
#include "report.h"

static const char head[] =
"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
"<meta name=\"color-scheme\" content=\"light dark\">\n"
"<style>\n"
":root{--bg:#fff;--ink:#1b1f24;--dim:#57606a;--line:#d8dee4;--card:#f6f8fa;\n"
"--c0:#1f6feb;--c1:#bc4c00;--c2:#1a7f37;--c3:#8250df;--c4:#bf3989;--c5:#6e7781}\n"
"@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--ink:#e6edf3;\n"
"--dim:#9ea7b3;--line:#30363d;--card:#161b22;--c0:#58a6ff;--c1:#f0883e;\n"
"--c2:#3fb950;--c3:#bc8cff;--c4:#f778ba;--c5:#8b949e}}\n"
"*{box-sizing:border-box}\n"
"body{margin:0 auto;padding:16px;max-width:1280px;background:var(--bg);\n"
"color:var(--ink);font:16px/1.45 system-ui,sans-serif}\n"
"h1{font-size:1.4rem;margin:.2rem 0;overflow-wrap:anywhere}\n"
"h2{font-size:1.05rem;margin:0 0 .5rem}\n"
"p{margin:.2rem 0 1rem;color:var(--dim)}\n"
"main{display:grid;gap:16px;align-items:start;\n"
"grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr))}\n"
"section{background:var(--card);border:1px solid var(--line);\n"
"border-radius:8px;padding:12px;min-width:0}\n"
"svg{display:block;width:100%;height:auto}\n"
"ul{list-style:none;margin:.5rem 0 0;padding:0;font-size:.875rem;\n"
"display:flex;flex-wrap:wrap;gap:.2rem 1rem}\n"
"i{display:inline-block;width:.75em;height:.75em;border-radius:2px;\n"
"margin-right:.4em}\n"
"dl{display:grid;gap:12px 24px;margin:0 0 16px;\n"
"grid-template-columns:repeat(auto-fit,minmax(130px,1fr))}\n"
"dt{color:var(--dim);font-size:.8125rem}\n"
"dd{margin:0;font-size:1.25rem;font-weight:600}\n"
".why{margin:.3rem 0 0;font-size:.875rem}\n"
".t{fill:var(--dim);font:11px system-ui,sans-serif}\n"
".g{stroke:var(--line);stroke-width:1}\n"
".l{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n";

static void styles(FILE *f)
{
	int i;

	for (i = 0; i < 6; i++)
		fprintf(f, ".s%d{stroke:var(--c%d)}.f%d{fill:var(--c%d)}"
			".b%d{background:var(--c%d)}\n", i, i, i, i, i, i);
	fputs("</style>\n", f);
}

static const char *header_text(const struct report *r, const char *key)
{
	const char *text = json_string_value(json_object_get(r->header, key));

	return text ? text : "?";
}

static void figure(FILE *f, const char *name, double value, bool bytes,
		   const char *suffix)
{
	fprintf(f, "<div><dt>%s</dt><dd>", name);
	if (isnan(value))
		fputs("not known", f);
	else if (bytes)
		fputs(out_bytes((uint64_t)value), f);
	else
		fprintf(f, "%.*f%s", value < 100 ? 1 : 0, value, suffix);
	fputs("</dd></div>\n", f);
}

static void figures(FILE *f, const struct report *r)
{
	fputs("<dl>\n", f);
	figure(f, "Peak resident", report_max(r, COL_RESIDENT), true, "");
	figure(f, "Resident, last", report_last(r, COL_RESIDENT), true, "");
	figure(f, "Allocated, last", report_last(r, COL_ALLOCATED), true, "");
	figure(f, "Peak allocated", report_max(r, COL_ALLOCATED), true, "");
	figure(f, "Coverage, mean", report_mean(r, COL_COVERAGE), false, " %");
	figure(f, "Faults a second, mean", report_mean(r, COL_FAULTS), false,
	       "");
	figure(f, "Recorded for", r->col[COL_TIME][r->n - 1] -
	       r->col[COL_TIME][0], false, " s");
	fputs("</dl>\n", f);
}

int report_html(const struct report *r, FILE *f)
{
	size_t i;

	fputs(head, f);
	styles(f);
	fputs("<title>", f);
	html_text(f, header_text(r, "command"));
	fputs(" - hugearena</title></head><body>\n<h1>", f);
	html_text(f, header_text(r, "command"));
	fputs("</h1>\n<p>", f);
	html_text(f, header_text(r, "began"));
	fprintf(f, ", process %" JSON_INTEGER_FORMAT ", ",
		json_integer_value(json_object_get(r->header, "pid")));
	html_text(f, header_text(r, "host"));
	fputs(", Linux ", f);
	html_text(f, header_text(r, "kernel"));
	fprintf(f, ", %zu samples", r->n);
	if (!json_is_true(json_object_get(r->header, "module")))
		fputs(", hugearena.ko not loaded", f);
	fputs("</p>\n", f);
	figures(f, r);
	fputs("<main>\n", f);
	for (i = 0; i < CARD_LATENCY; i++)
		svg_plot(f, r, (enum report_card)i);
	svg_latency(f, r);
	svg_blocks(f, r);
	fputs("</main></body></html>\n", f);
	return ferror(f) ? -EIO : 0;
}
