// SPDX-License-Identifier: GPL-2.0-only
/*
 * report_png: the plots over time, drawn by gnuplot.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

static const char script[] =
"set terminal pngcairo size 1200,900 font 'sans,11'\n"
"set multiplot layout 2,2\n"
"set grid lc rgb '#d8dee4'\n"
"set xlabel 'seconds'\n"
"set datafile missing 'NaN'\n"
"set key top left\n"
"set yrange [0:1<*]\n"
"set title 'Memory, MiB'\n"
"plot $d using 1:($2/1048576) with lines lw 2 title 'resident',\\\n"
" $d using 1:($3/1048576) with lines lw 2 title 'in 2 MiB pages',\\\n"
" $d using 1:($4/1048576) with lines lw 2 title 'allocated',\\\n"
" $d using 1:($5/1048576) with lines lw 2 title 'kept free'\n"
"set title 'Coverage by 2 MiB pages, %'\n"
"set yrange [0:100]\n"
"plot $d using 1:6 with lines lw 2 notitle\n"
"set yrange [0:1<*]\n"
"set title 'Page faults a second'\n"
"plot $d using 1:7 with lines lw 2 notitle\n"
"set title 'Faults of arenas a second'\n"
"plot $d using 1:8 with lines lw 2 title 'reserve',\\\n"
" $d using 1:9 with lines lw 2 title 'pool',\\\n"
" $d using 1:10 with lines lw 2 title 'demand',\\\n"
" $d using 1:11 with lines lw 2 title '4 KiB',\\\n"
" $d using 1:12 with lines lw 2 title 'copied after fork'\n"
"unset multiplot\n";

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
	fprintf(f, "\n%g 1 1 1 1 1 1 1 1 1 1 1\nEOD\nset xrange [%g:%g]\n",
		r->col[COL_TIME][0], r->col[COL_TIME][0],
		r->col[COL_TIME][r->n - 1] + 1e-3);
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
		data_write(r, f);
		fputs(script, f);
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
