// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_png: the cards of the page as one picture, drawn by gnuplot.
 *
 * The script is made from the same table as the page, in the colours of its
 * light half.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

#define WRAP	56	/* characters in a line of a card that is empty */

static const char *const colours[6] = {
	"#1f6feb", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#6e7781",
};

/* Not a number is what gnuplot calls missing. */
static void data_write(const struct report *r, FILE *f)
{
	size_t i;
	int c;

	fputs("$d << EOD\n", f);
	for (i = 0; i < r->n; i++) {
		for (c = 0; c < COL_NR; c++) {
			double v = r->col[c][i];

			if (isnan(v))
				fputs("NaN ", f);
			else
				fprintf(f, "%.9g ", v);
		}
		fputc('\n', f);
	}
	/* a plot of nothing is an error to gnuplot: a lone point, not seen */
	fprintf(f, "\n%g 1 1 1 1 1 1 1 1 1 1 1\nEOD\n", r->col[COL_TIME][0]);
}

/* A card that is empty says what would fill it. */
static void empty_write(const char *why, FILE *f)
{
	size_t len, at = 0;

	fputs("unset tics\nunset xlabel\nunset ylabel\n"
	      "set xrange [0:1]\nset yrange [0:1]\nunset key\n"
	      "set label 1 \"", f);
	while (why[at]) {
		len = strlen(why + at);
		if (len > WRAP)
			for (len = WRAP; len && why[at + len] != ' '; len--)
				;
		fprintf(f, "%.*s%s", (int)len, why + at,
			why[at + len] ? "\\n" : "");
		at += len + (why[at + len] == ' ');
	}
	fputs("\" at graph 0.5,0.5 center noenhanced\nplot NaN notitle\n"
	      "unset label 1\nset tics\nset xlabel 'seconds'\n"
	      "set key top left\n", f);
}

static void lines_write(const struct report *r, const struct plot *p, FILE *f)
{
	bool percent = p->suffix && !strcmp(p->suffix, " %");
	unsigned int i;

	fprintf(f, "set xrange [%g:%g]\nset yrange %s\nset ylabel '%s'\n",
		r->col[COL_TIME][0], r->col[COL_TIME][r->n - 1] + 1e-3,
		percent ? "[0:100]" : "[0:1<*]",
		p->bytes ? "MiB" : percent ? "%" : "a second");
	for (i = 0; i < p->nr; i++)
		fprintf(f, "%s $d using 1:($%d/%d) with lines lw 2 lc "
			"rgb '%s' title '%s'",
			i ? ",\\\n" : "plot", p->col[i] + 1,
			p->bytes ? 1 << 20 : 1, colours[i], p->name[i]);
	fputc('\n', f);
}

static void latency_write(const struct report *r, FILE *f)
{
	size_t i, below;
	int k;

	fputs("$l << EOD\n", f);
	for (k = 0; k < KMOD_BUCKETS; k++) {
		fprintf(f, "%d", k);
		/* each source on top of those before it */
		for (i = 0; i < r->nr_latency; i++) {
			uint64_t sum = 0;

			for (below = 0; below <= i; below++)
				sum += r->latency[below].bucket[k];
			fprintf(f, " %g", (double)sum);
		}
		fputc('\n', f);
	}
	fputs("EOD\nset xrange [6.5:30.5]\nset yrange [0:1<*]\n"
	      "set xlabel 'below, log2 of ns'\nset ylabel 'faults'\n"
	      "set style fill solid\nset boxwidth 0.9\n", f);
	for (i = r->nr_latency; i-- > 0;)
		fprintf(f, "%s $l using 1:%zu with boxes lc rgb '%s' title '%s'",
			i + 1 == r->nr_latency ? "plot" : ",\\\n", i + 2,
			colours[i % 6], r->latency[i].source);
	fputs("\nset xlabel 'seconds'\n", f);
}

/* The stronger, the fuller; as rectangles of a page on white. */
static int shade(int colour, int fill)
{
	return 255 - (int)((255 - colour) * (0.12 + 0.088 * fill));
}

static void blocks_write(const struct report *r, FILE *f)
{
	size_t rows = r->max_blocks < MAP_ROWS ? r->max_blocks : MAP_ROWS;
	size_t cols = r->n < MAP_COLS ? r->n : MAP_COLS, row, col;
	double end = r->col[COL_TIME][r->n - 1];

	fputs("$m << EOD\n", f);
	for (row = 0; row < rows; row++)
		for (col = 0; col < cols; col++) {
			bool split = false;
			int fill = report_cell(r, col, cols, row, rows, &split);
			int red = split ? 0xbc : 0x1f;
			int green = split ? 0x4c : 0x6f;
			int blue = split ? 0x00 : 0xeb;

			fprintf(f, "%g %zu %d %d %d\n",
				(double)col * end / (double)cols, row,
				fill < 0 ? 255 : shade(red, fill),
				fill < 0 ? 255 : shade(green, fill),
				fill < 0 ? 255 : shade(blue, fill));
		}
	fprintf(f, "EOD\nset xrange [%g:%g]\nset yrange [%zu.5:-0.5]\n"
		"set ylabel 'blocks, lowest first'\nunset key\n"
		"plot $m using 1:2:3:4:5 with rgbimage notitle\n"
		"set key top left\n", r->col[COL_TIME][0], end + 1e-3,
		rows - 1);
}

/* What was recorded, when: a quote would end the text. */
static void title_write(const struct report *r, FILE *f)
{
	static const char *const keys[] = { "command", "began", "host" };
	size_t i;

	fputs("set multiplot layout 3,2 title '", f);
	for (i = 0; i < 3; i++) {
		const char *text = json_string_value(json_object_get(r->header,
								     keys[i]));

		for (; text && *text; text++)
			fputc(*text == '\'' || *text == '\n' ? ' ' : *text, f);
		fputs(i < 2 ? ", " : "' noenhanced\n", f);
	}
}

static void script_write(const struct report *r, FILE *f)
{
	int card;

	data_write(r, f);
	fputs("set terminal pngcairo size 1200,1280 font 'sans,11'\n", f);
	title_write(r, f);
	fputs("set grid lc rgb '#d8dee4'\n"
	      "set xlabel 'seconds'\nset datafile missing 'NaN'\n"
	      "set key top left\n", f);
	for (card = 0; card < CARD_NR; card++) {
		const char *why = report_lacks(r, (enum report_card)card);

		fprintf(f, "set title '%s'\n",
			report_title((enum report_card)card));
		if (why)
			empty_write(why, f);
		else if (card == CARD_LATENCY)
			latency_write(r, f);
		else if (card == CARD_BLOCKS)
			blocks_write(r, f);
		else
			lines_write(r, &report_plots[card], f);
	}
	fputs("unset multiplot\n", f);
}

int report_png(const struct report *r, const char *path)
{
	int in[2], status;
	pid_t pid;
	FILE *f;

	if (pipe(in))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		dup2(in[0], STDIN_FILENO);
		close(in[0]);
		close(in[1]);
		if (!freopen(path, "w", stdout))
			_exit(126);
		execlp("gnuplot", "gnuplot", "-", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	signal(SIGPIPE, SIG_IGN);
	f = fdopen(in[1], "w");
	if (f) {
		script_write(r, f);
		fclose(f);
	}
	if (waitpid(pid, &status, 0) < 0)
		return -EIO;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	unlink(path);		/* no picture rather than an empty one */
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT :
								 -EIO;
}
