// SPDX-License-Identifier: GPL-2.0-only
/*
 * top_ui: the screen of hugearena top.
 */
#include <ctype.h>
#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit.h"
#include "read/kmod.h"
#include "base/out.h"
#include "keep.h"
#include "top.h"

#define HEAD_LINES	5
#define GROUP_AT	83	/* the column after the last number */
#define PAIR_GOOD	1
#define PAIR_WARN	2
#define PAIR_BAD	3

struct ui {
	struct top *top;
	size_t at;		/* selected, counting shown ones */
	size_t first;		/* first shown on the screen */
	pid_t inside;		/* looked into, 0 for none */
	int err;		/* of the last look */
};

static bool coloured(void)
{
	const char *no = getenv("NO_COLOR");

	return !(no && *no) && has_colors();
}

static int pair(int n)
{
	return coloured() ? COLOR_PAIR(n) : 0;
}

static int cover_pair(double cover)
{
	return cover >= 90 ? PAIR_GOOD : cover >= 50 ? PAIR_WARN : PAIR_BAD;
}

static void head_draw(const struct ui *ui)
{
	static const char meminfo[] = "/proc/meminfo";
	long long total = proc_meminfo(meminfo, "MemTotal");
	long long avail = proc_meminfo(meminfo, "MemAvailable");
	struct kmod_stat st;

	mvprintw(0, 0, "hugearena top   memory %s, %s available   by %s%s%s",
		 out_bytes((uint64_t)total), out_bytes((uint64_t)avail),
		 top_sort_name(ui->top->sort),
		 ui->top->filter[0] ? ", only " : "", ui->top->filter);
	if (!kmod_stat_read(&st))
		mvprintw(1, 0, "module: %s arenas, %s resident, %s blocks, "
			 "%s split, %s in reserve",
			 out_count(kmod_stat_get(&st, "Arenas")),
			 out_bytes(kmod_stat_get(&st, "Resident")),
			 out_count(kmod_stat_get(&st, "Blocks")),
			 out_count(kmod_stat_get(&st, "Split")),
			 out_count(kmod_stat_get(&st, "Reserve")));
	else
		mvprintw(1, 0, "module: hugearena.ko is not loaded");
	if (ui->top->hidden)
		mvprintw(2, 0, "%u processes of others: coverage and heap: %s",
			 ui->top->hidden, proc_lacks());
	if (ui->err)
		mvprintw(2, 0, "cannot look: %s", strerror(-ui->err));
}

static void list_draw(struct ui *ui)
{
	int room = LINES - HEAD_LINES - 1;
	struct top_sums all;
	size_t rows = room > 0 ? room : 1;
	size_t i, k = 0, shown = 0;

	for (i = 0; i < ui->top->n; i++)
		shown += top_shows(ui->top, &ui->top->v[i]);
	if (ui->at >= shown)
		ui->at = shown ? shown - 1 : 0;
	if (ui->at < ui->first)
		ui->first = ui->at;
	if (ui->at >= ui->first + rows)
		ui->first = ui->at - rows + 1;
	attron(A_BOLD);
	mvprintw(3, 0, "%8s %-15s %10s %10s %8s %9s %9s %6s", "PID", "COMMAND",
		 "RESIDENT", "ALLOCATED", "COVERAGE", "FAULTS/s", "COW/s",
		 "CPU");
	if (COLS > GROUP_AT)
		mvprintw(3, GROUP_AT, "UNIT OR CGROUP");
	attroff(A_BOLD);
	for (i = 0; i < ui->top->n; i++) {
		const struct top_proc *p = &ui->top->v[i];
		double cover = sample_coverage(&p->now);
		int y;

		if (!top_shows(ui->top, p))
			continue;
		if (k < ui->first || k >= ui->first + rows) {
			k++;
			continue;
		}
		y = 4 + (int)(k - ui->first);
		if (k == ui->at)
			attron(A_REVERSE);
		mvprintw(y, 0, "%8d %-15.15s %10s %10s ", p->now.pid,
			 p->now.comm, out_bytes(p->now.rss),
			 p->now.shim_err ? "-" :
			 out_bytes(p->now.allocated));
		if (cover >= 0) {
			attron(pair(cover_pair(cover)));
			printw("%6.1f %%", cover);
			attroff(pair(cover_pair(cover)));
		} else {
			printw("%8s", "-");
		}
		printw(" %9.0f %9.0f %6.1f", p->faults, p->cow, p->cpu);
		if (COLS > GROUP_AT)
			mvprintw(y, GROUP_AT, "%.*s", COLS - GROUP_AT,
				 top_group(p));
		attroff(A_REVERSE);
		k++;
	}
	top_sum(ui->top, &all);
	if (LINES > HEAD_LINES) {
		attron(A_BOLD);
		mvprintw(LINES - 2, 0, "%8s %-15s %10s %10s %8s %9.0f %9.0f %6.1f",
			 "all", "", out_bytes(all.rss),
			 out_bytes(all.allocated), "", all.faults, all.cow,
			 all.cpu);
		attroff(A_BOLD);
	}
	if (LINES > HEAD_LINES)
		mvprintw(LINES - 1, 0, "Enter look into  s order  / filter  "
			 "o only ours  q quit");
}

struct class_line {
	unsigned int cls;
	uint64_t bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct class_line *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static int classes_draw(const struct shim_heap *h, int y)
{
	struct class_line line[SIZECLASS_COUNT];
	unsigned int i;

	for (i = 0; i < SIZECLASS_COUNT; i++) {
		const struct shim_class *c = &h->cls[i + 1];

		line[i].cls = i + 1;
		line[i].bytes = h->size[i + 1] * (c->live + c->cached +
						  c->free);
	}
	qsort(line, SIZECLASS_COUNT, sizeof(line[0]), by_bytes);
	attron(A_BOLD);
	mvprintw(y++, 0, "%8s %8s %12s %10s %10s %10s", "SIZE", "SPANS",
		 "OBJECTS", "LIVE", "CACHED", "FREE");
	attroff(A_BOLD);
	for (i = 0; i < SIZECLASS_COUNT && line[i].bytes && y < LINES * 2 / 3;
	     i++) {
		const struct shim_class *c = &h->cls[line[i].cls];
		uint64_t size = h->size[line[i].cls];

		mvprintw(y++, 0, "%8" PRIu64 " %8" PRIu64 " %12s %10s %10s %10s",
			 size, c->spans, out_count(c->live),
			 out_bytes(c->live * size),
			 out_bytes(c->cached * size),
			 out_bytes(c->free * size));
	}
	mvprintw(y++, 0, "%8s %8s %12s %10s", "large", "",
		 out_count(h->nr_large), out_bytes(h->large));
	return y;
}

static void blocks_draw(const struct shim_heap *h, int y)
{
	static const char signs[] = ".123456789#";
	size_t i;
	int x = 0;

	attron(A_BOLD);
	mvprintw(y++, 0, "%s blocks, by how much of each is in spans",
		 out_count(h->nr_blocks));
	attroff(A_BOLD);
	for (i = 0; i < h->nr_blocks && y < LINES - 1; i++) {
		const struct shim_block *b = &h->blocks[i];
		int p = pair(b->whole ? PAIR_GOOD : PAIR_WARN);

		attron(p);
		mvaddch(y, x, (chtype)signs[b->used * 10 / BLOCK_PAGES]);
		attroff(p);
		if (++x == COLS) {
			x = 0;
			y++;
		}
	}
}

/* Why memory is kept that no object is in. */
static int keep_draw(const struct shim_heap *heap, int y)
{
	struct keep keep[KEEP_REASONS];
	int i;

	keep_list(heap, keep);
	attron(A_BOLD);
	mvprintw(y++, 0, "%-14s %10s  %s", "KEPT", "BYTES", "UNTIL");
	attroff(A_BOLD);
	for (i = 0; i < KEEP_REASONS; i++)
		if (keep[i].bytes)
			mvprintw(y++, 0, "%-14s %10s  %s", keep[i].name,
				 out_bytes(keep[i].bytes), keep[i].until);
	return y;
}

static void inside_draw(struct ui *ui)
{
	struct shim_heap heap;
	struct shim shim;
	char comm[32];
	int err, y = 4;

	proc_comm(ui->inside, comm, sizeof(comm));
	mvprintw(3, 0, "Process %d, %s   (q or Esc goes back)", ui->inside,
		 comm);
	err = shim_open(&shim, ui->inside);
	if (!err) {
		err = shim_heap_read(&shim, &heap, SHIM_BLOCKS);
		shim_close(&shim);
	}
	if (err) {
		mvprintw(y, 0, "%s", shim_strerror(err));
		return;
	}
	mvprintw(y++, 0, "allocated %s, in spans %s, free pages %s, limit %s",
		 out_bytes(heap.allocated), out_bytes(heap.inuse),
		 out_bytes(heap.idle),
		 heap.limit ? out_bytes(heap.limit) : "none");
	y = keep_draw(&heap, y + 1);
	y = classes_draw(&heap, y + 1);
	blocks_draw(&heap, y + 1);
	shim_heap_free(&heap);
}

static void draw(struct ui *ui)
{
	erase();
	head_draw(ui);
	if (ui->inside)
		inside_draw(ui);
	else
		list_draw(ui);
	refresh();
}

static pid_t selected(const struct ui *ui)
{
	size_t i, k = 0;

	for (i = 0; i < ui->top->n; i++)
		if (top_shows(ui->top, &ui->top->v[i]) && k++ == ui->at)
			return ui->top->v[i].now.pid;
	return 0;
}

static void filter_ask(struct ui *ui)
{
	mvprintw(LINES - 1, 0, "only commands with: ");
	clrtoeol();
	echo();
	curs_set(1);
	timeout(-1);
	getnstr(ui->top->filter, (int)sizeof(ui->top->filter) - 1);
	noecho();
	curs_set(0);
}

/* A key; false to leave. */
static bool key_press(struct ui *ui, int key)
{
	switch (key) {
	case 'q':
	case 27:
		if (!ui->inside)
			return false;
		ui->inside = 0;
		break;
	case KEY_UP:
	case 'k':
		ui->at -= ui->at > 0;
		break;
	case KEY_DOWN:
	case 'j':
		ui->at++;
		break;
	case KEY_NPAGE:
		ui->at += (size_t)LINES / 2;
		break;
	case KEY_PPAGE:
		ui->at -= ui->at < (size_t)LINES / 2 ? ui->at :
						       (size_t)LINES / 2;
		break;
	case '\n':
	case KEY_ENTER:
		ui->inside = selected(ui);
		break;
	case 's':
		ui->top->sort = (enum top_sort)((ui->top->sort + 1) %
						TOP_SORTS);
		break;
	case 'o':
		ui->top->ours = !ui->top->ours;
		break;
	case '/':
		filter_ask(ui);
		break;
	}
	return true;
}

int top_ui(struct top *top, double delay)
{
	struct ui ui = { .top = top };
	uint64_t due = 0, now;
	bool go = true;

	if (!initscr()) {
		out_error("cannot use this terminal; try --batch");
		return CMD_FAILED;
	}
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(PAIR_GOOD, COLOR_GREEN, -1);
		init_pair(PAIR_WARN, COLOR_YELLOW, -1);
		init_pair(PAIR_BAD, COLOR_RED, -1);
	}
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	while (go) {
		now = sample_now();
		if (now >= due) {
			ui.err = top_look(top);
			due = now + (uint64_t)(delay * 1e9);
		}
		draw(&ui);
		now = sample_now();
		timeout(now < due ? (int)((due - now) / 1000000) + 1 : 0);
		go = key_press(&ui, getch());
	}
	endwin();
	return CMD_OK;
}
