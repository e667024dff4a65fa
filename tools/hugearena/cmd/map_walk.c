// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_walk: the path of one address through the page tables, and the physical
 * memory of the blocks from there on.
 *
 * An arena's frames come from the module; others from pagemap.  The tables
 * themselves cannot be read from user space: the indices are computed, and the
 * level at which the path ends is asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "read/kmod.h"
#include "map.h"
#include "base/exit.h"
#include "base/out.h"
#include "read/pages.h"

/**
 * struct step - where an address leads
 * @addr: the address
 * @level: "PTE", "PMD", "PUD", "none" or "unknown"
 * @frame: OS page frame, 0 if not known
 * @err: why not
 */
struct step {
	uint64_t addr;
	const char *level;
	uint64_t frame;
	int err;
};

static const struct map *map_find(const struct maps *maps, uint64_t addr)
{
	size_t i;

	for (i = 0; i < maps->n; i++)
		if (addr >= maps->v[i].start && addr < maps->v[i].end)
			return &maps->v[i];
	return NULL;
}

/* Ask the module; false if it does not know. */
static bool step_arena(const struct map *m, int view, struct step *s)
{
	uint64_t off = s->addr - m->start + m->offset;
	struct hugearena_block b;

	if (view < 0 || kmod_blocks(view, off & ~(KMOD_BLOCK_SIZE - 1), &b, 1,
				    false) != 1)
		return false;
	if (b.state != HUGEARENA_BLOCK_WHOLE ||
	    !(b.flags & HUGEARENA_BLOCK_MAPPED))
		return false;
	s->level = "PMD";
	if (b.pfn)
		s->frame = b.pfn + off % KMOD_BLOCK_SIZE / OS_PAGE;
	else
		s->err = -EPERM;
	return true;
}

static void step_pages(const struct map *m, int fd, struct step *s)
{
	uint64_t entry;
	int huge;

	s->err = fd < 0 ? fd : pages_read(fd, s->addr, &entry, 1);
	if (s->err)
		return;
	if (!(entry & PAGES_PRESENT)) {
		s->level = "none";
		return;
	}
	s->frame = PAGES_PFN(entry);
	if (!s->frame)
		s->err = -EPERM;
	if (m->pud) {
		s->level = "PUD";
		return;
	}
	huge = pages_huge(fd, s->addr);
	if (huge >= 0)
		s->level = huge ? "PMD" : "PTE";
	else if (!m->pmd)
		s->level = "PTE";
}

static void step_find(const struct map_job *job, uint64_t addr, int fd,
		      struct step *s)
{
	const struct map *m = map_find(&job->maps, addr);
	int view;

	memset(s, 0, sizeof(*s));
	s->addr = addr;
	s->level = m ? "unknown" : "none";
	if (!m)
		return;
	if (m->arena) {
		bool known;

		view = kmod_view(m->arena);
		known = step_arena(m, view, s);
		if (view >= 0)
			close(view);
		if (known)
			return;
	}
	step_pages(m, fd, s);
}

static unsigned int table_index(uint64_t addr, unsigned int shift)
{
	return (unsigned int)(addr >> shift & 511);
}

static const char *frame_text(const struct step *s)
{
	static char text[64];

	if (!strcmp(s->level, "none"))
		snprintf(text, sizeof(text), "nothing there");
	else if (s->frame)
		snprintf(text, sizeof(text), "frame %#" PRIx64
			 ", physical %#" PRIx64, s->frame,
			 s->frame * OS_PAGE + s->addr % OS_PAGE);
	else
		snprintf(text, sizeof(text), "frame not known: %s",
			 s->err == -EPERM ? "needs CAP_SYS_ADMIN" :
			 strerror(-s->err));
	return text;
}

static void path_print(const struct map_job *job, const struct step *s)
{
	const struct map *m = map_find(&job->maps, s->addr);
	bool pmd = !strcmp(s->level, "PMD"), pud = !strcmp(s->level, "PUD");

	if (m)
		out_row("mapping", "%" PRIx64 "-%" PRIx64 " %s %s %s", m->start,
			m->end, m->perms, map_kind_name(m->kind), m->name);
	else
		out_row("mapping", "none: an access is SIGSEGV");
	out_row("PGD", "entry %u of 512, 512 GiB each",
		table_index(s->addr, 39));
	out_row("PUD", "entry %u, 1 GiB%s", table_index(s->addr, 30),
		pud ? ": a leaf" : "");
	if (!pud)
		out_row("PMD", "entry %u, 2 MiB%s", table_index(s->addr, 21),
			pmd ? ": a leaf" : "");
	if (!pud && !pmd)
		out_row("PTE", "entry %u, 4 KiB%s", table_index(s->addr, 12),
			!strcmp(s->level, "PTE") ? ": a leaf" :
			!strcmp(s->level, "none") ? ": empty, or no table" :
			", unless the PMD is a leaf (not known here)");
	out_row("memory", "%s", frame_text(s));
}

static json_t *step_json(const struct step *s)
{
	json_t *obj = json_object();
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, s->addr);
	json_put_text(obj, "address", text);
	json_put_text(obj, "level", s->level);
	snprintf(text, sizeof(text), "0x%" PRIx64,
		 s->frame * OS_PAGE + s->addr % OS_PAGE);
	json_put_text(obj, "physical", s->frame ? text : NULL);
	if (s->err)
		json_put_text(obj, "unknown", strerror(-s->err));
	return obj;
}

static int walk_json(const struct map_job *job, const struct step *steps,
		     unsigned int n)
{
	json_t *root = json_object(), *list = json_array(), *index;
	uint64_t addr = steps[0].addr;
	unsigned int i;

	json_put_int(root, "pid", (uint64_t)job->pid);
	index = json_object();
	json_put_int(index, "pgd", table_index(addr, 39));
	json_put_int(index, "pud", table_index(addr, 30));
	json_put_int(index, "pmd", table_index(addr, 21));
	json_put_int(index, "pte", table_index(addr, 12));
	json_put_int(index, "offset", addr % OS_PAGE);
	json_object_set_new(root, "index", index);
	for (i = 0; i < n; i++)
		json_array_append_new(list, step_json(&steps[i]));
	json_object_set_new(root, "steps", list);
	return out_print_json(root);
}

int map_walk(struct map_job *job, uint64_t addr, unsigned int around)
{
	struct step *steps = calloc(around, sizeof(*steps));
	int fd = pages_open(job->pid), ret = CMD_OK;
	unsigned int i, runs = 1, known = 1;

	if (!steps) {
		out_error("%m");
		return CMD_FAILED;
	}
	for (i = 0; i < around; i++) {
		uint64_t at = i ? (addr & ~(KMOD_BLOCK_SIZE - 1)) +
				  i * KMOD_BLOCK_SIZE : addr;

		step_find(job, at, fd, &steps[i]);
	}
	if (out_json) {
		ret = walk_json(job, steps, around);
		goto out;
	}
	printf("%sAddress %#" PRIx64 " of process %d%s\n", out_style(OUT_BOLD),
	       addr, job->pid, out_style(OUT_PLAIN));
	path_print(job, &steps[0]);
	if (around < 2)
		goto out;
	printf("\n%sThe blocks from there on%s\n", out_style(OUT_BOLD),
	       out_style(OUT_PLAIN));
	for (i = 0; i < around; i++) {
		uint64_t before = i ? steps[i - 1].frame / OS_BLOCK_PAGES : 0;

		printf("  %012" PRIx64 "  %-7s %s\n", steps[i].addr,
		       steps[i].level, frame_text(&steps[i]));
		if (!i || !steps[i].frame || !before)
			continue;
		known++;
		runs += steps[i].frame / OS_BLOCK_PAGES != before + 1;
	}
	if (known > 1)
		out_note("%u blocks of address space in a row, %u runs of "
			 "physical memory", known, runs);
out:
	if (fd >= 0)
		close(fd);
	free(steps);
	return ret;
}
