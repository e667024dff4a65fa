// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena status: the machine and every arena at a glance.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd.h"
#include "read/kmod.h"
#include "base/out.h"
#include "read/proc.h"
#include "show/heaps.h"

#define THP_DIR		"/sys/kernel/mm/transparent_hugepage/"
#define BLOCK_ORDER	9

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)key;
	(void)arg;
	(void)state;
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.doc = "Show the machine and all arenas at a glance.\v"
	       "Reads no page tables, and does not delay any process. Processes on "
	       "libshim are found by their mappings.",
};

/* Counters that, unless they are 0, mean that something was refused or lost. */
static const struct {
	const char *key, *what;
} troubles[] = {
	{ "Lost", "blocks that a fork had no memory for: SIGBUS" },
	{ "ForkFailed", "forks that could not copy all" },
	{ "QuotaDenied", "faults or arenas past a limit" },
	{ "HugeFailed", "blocks that had to be 4 KiB pages" },
	{ "JoinFailed", "joins without memory" },
	{ "Pinned", "blocks freed while pinned, not reused" },
};

#define NR_TROUBLES	(sizeof(troubles) / sizeof(troubles[0]))

/* The word in brackets of "always [madvise] never". */
static void thp_setting(const char *file, char *buf, size_t size)
{
	char path[128], line[128] = "", *open, *close;
	FILE *f;

	snprintf(buf, size, "unknown");
	snprintf(path, sizeof(path), THP_DIR "%s", file);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(line, sizeof(line), f)) {
		open = strchr(line, '[');
		close = open ? strchr(open, ']') : NULL;
		if (close) {
			*close = '\0';
			snprintf(buf, size, "%s", open + 1);
		}
	}
	fclose(f);
}

/*
 * Blocks that the kernel could hand out without moving anything; -1 if
 * unknown.
 */
static long long free_blocks(void)
{
	FILE *f = fopen("/proc/buddyinfo", "re");
	long long sum = 0;
	char line[512];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, "zone");
		unsigned int order;

		if (!at)
			continue;
		at += strcspn(at, " ");
		at += strspn(at, " ");
		at += strcspn(at, " ");
		for (order = 0;; order++) {
			char *end;
			long long n = strtoll(at, &end, 10);

			if (end == at)
				break;
			at = end;
			if (order >= BLOCK_ORDER)
				sum += n << (order - BLOCK_ORDER);
		}
	}
	fclose(f);
	return sum;
}

struct machine {
	struct utsname uts;
	char thp[32], defrag[32];
	long long total, available, anon_huge, shmem_pmd, file_pmd, hugetlb;
	long long free_blocks;
};

static void machine_read(struct machine *m)
{
	static const char meminfo[] = "/proc/meminfo";

	uname(&m->uts);
	thp_setting("enabled", m->thp, sizeof(m->thp));
	thp_setting("defrag", m->defrag, sizeof(m->defrag));
	m->total = proc_meminfo(meminfo, "MemTotal");
	m->available = proc_meminfo(meminfo, "MemAvailable");
	m->anon_huge = proc_meminfo(meminfo, "AnonHugePages");
	m->shmem_pmd = proc_meminfo(meminfo, "ShmemPmdMapped");
	m->file_pmd = proc_meminfo(meminfo, "FilePmdMapped");
	m->hugetlb = proc_meminfo(meminfo, "Hugetlb");
	m->free_blocks = free_blocks();
}

static void known(json_t *obj, const char *key, long long value)
{
	if (value >= 0)
		json_put_int(obj, key, (uint64_t)value);
	else
		json_put_text(obj, key, NULL);
}

static json_t *machine_json(const struct machine *m)
{
	json_t *obj = json_object();

	json_put_text(obj, "kernel", m->uts.release);
	json_put_text(obj, "host", m->uts.nodename);
	known(obj, "memory_bytes", m->total);
	known(obj, "available_bytes", m->available);
	json_put_text(obj, "thp_enabled", m->thp);
	json_put_text(obj, "thp_defrag", m->defrag);
	known(obj, "anon_huge_bytes", m->anon_huge);
	known(obj, "shmem_pmd_bytes", m->shmem_pmd);
	known(obj, "file_pmd_bytes", m->file_pmd);
	known(obj, "hugetlb_bytes", m->hugetlb);
	known(obj, "free_blocks", m->free_blocks);
	return obj;
}

static const char *amount(long long bytes)
{
	return bytes < 0 ? "unknown" : out_bytes((uint64_t)bytes);
}

static void machine_print(const struct machine *m)
{
	out_heading("Machine");
	out_row("kernel", "%s", m->uts.release);
	out_row("memory", "%s, %s available", amount(m->total),
		amount(m->available));
	out_row("huge anonymous", "%s (THP %s, defrag %s)",
		amount(m->anon_huge), m->thp, m->defrag);
	out_row("huge shared", "%s (tmpfs, arenas), %s of files",
		amount(m->shmem_pmd), amount(m->file_pmd));
	out_row("hugetlb", "%s", amount(m->hugetlb));
	if (m->free_blocks >= 0)
		out_row("free blocks", "%s: what 2 MiB faults find at once",
			out_count((uint64_t)m->free_blocks));
}

static json_t *arena_json(const struct kmod_arena *a)
{
	json_t *obj = json_object();
	char comm[32];

	proc_comm(a->pid, comm, sizeof(comm));
	json_put_int(obj, "id", a->id);
	json_put_int(obj, "pid", (uint64_t)a->pid);
	json_put_text(obj, "comm", a->pid ? comm : NULL);
	json_put_text(obj, "name", a->name);
	kmod_arena_json(a, obj);
	return obj;
}

struct module {
	bool present;
	struct kmod_stat stat;
	struct kmod_latency lat[KMOD_SOURCES];
	size_t nr_lat;
	struct kmod_pool *pool;
	size_t nr_pool;
	struct kmod_arena *arenas;
	size_t nr_arenas;
	struct hugearena_info info;
	int info_err;
};

static int module_read(struct module *mod)
{
	int err;

	memset(mod, 0, sizeof(*mod));
	mod->present = kmod_present();
	if (!mod->present)
		return 0;
	err = kmod_stat_read(&mod->stat);
	if (!err)
		err = kmod_latency_read(mod->lat, &mod->nr_lat);
	if (!err)
		err = kmod_pool_read(&mod->pool, &mod->nr_pool);
	if (!err)
		err = kmod_arenas_read(&mod->arenas, &mod->nr_arenas);
	mod->info_err = kmod_info(&mod->info);
	return err;
}

/* "QuotaDenied" to "quota_denied", with _bytes where it is an amount. */
static void snake(char *buf, size_t size, const char *key, bool bytes)
{
	size_t n = 0;

	for (; *key && n + 8 < size; key++) {
		if (*key >= 'A' && *key <= 'Z') {
			if (n)
				buf[n++] = '_';
			buf[n++] = (char)(*key + 'a' - 'A');
		} else {
			buf[n++] = *key;
		}
	}
	snprintf(buf + n, size - n, "%s", bytes ? "_bytes" : "");
}

static json_t *module_json(const struct module *mod)
{
	json_t *obj = json_object();
	char key[64];
	size_t i;

	for (i = 0; i < mod->stat.n; i++) {
		snake(key, sizeof(key), mod->stat.key[i], mod->stat.bytes[i]);
		json_put_int(obj, key, mod->stat.value[i]);
	}
	json_object_set_new(obj, "pool",
			    kmod_pool_json(mod->pool, mod->nr_pool));
	json_object_set_new(obj, "latency_log2_ns",
			    kmod_latency_json(mod->lat, mod->nr_lat));
	if (!mod->info_err) {
		json_put_int(obj, "global_limit_bytes",
			     mod->info.global_limit);
		json_put_int(obj, "user_limit_bytes", mod->info.user_limit);
		json_put_int(obj, "cgroup_limit_bytes",
			     mod->info.cgroup_limit);
	}
	return obj;
}

static void faults_print(const struct module *mod)
{
	static const char *const keys[] = {
		"FaultReserve", "FaultPool", "FaultDemand", "FaultSmall",
		"FaultMap",
	};
	static const char *const names[] = {
		"reserve", "pool", "demand", "small", "map", "cow",
	};
	uint64_t n;
	size_t i, k;

	for (i = 0; i < KMOD_SOURCES; i++) {
		const struct kmod_latency *lat = NULL;
		char label[32];

		for (k = 0; k < mod->nr_lat; k++)
			if (!strcmp(mod->lat[k].source, names[i]))
				lat = &mod->lat[k];
		n = i < 5 ? kmod_stat_get(&mod->stat, keys[i]) :
			    kmod_stat_get(&mod->stat, "CowPages") +
			    kmod_stat_get(&mod->stat, "CowBlocks");
		snprintf(label, sizeof(label), "faults: %s", names[i]);
		if (lat && kmod_latency_quantile(lat, 50))
			out_row(label, "%s, half below %s, 99 %% below %s",
				out_count(n),
				out_ns(kmod_latency_quantile(lat, 50)),
				out_ns(kmod_latency_quantile(lat, 99)));
		else
			out_row(label, "%s", out_count(n));
	}
}

static void limits_print(const struct module *mod)
{
	const struct hugearena_info *info = &mod->info;

	if (mod->info_err) {
		out_note("limits: cannot ask %s: %s", HUGEARENA_DEVICE,
			 strerror(-mod->info_err));
		return;
	}
	out_row("limits", "all %s, a user %s, a cgroup %s",
		info->global_limit ? out_bytes(info->global_limit) : "none",
		info->user_limit ? out_bytes(info->user_limit) : "none",
		info->cgroup_limit ? out_bytes(info->cgroup_limit) : "none");
}

static void module_print(const struct module *mod)
{
	const struct kmod_stat *st = &mod->stat;
	uint64_t resident = kmod_stat_get(st, "Resident");
	uint64_t blocks = kmod_stat_get(st, "Blocks"), n;
	size_t i;

	putchar('\n');
	out_heading("Module");
	if (!mod->present) {
		out_note("hugearena.ko is not loaded: no information about "
			 "arenas, faults by source and the pool");
		return;
	}
	out_row("arenas", "%s, %s of address space",
		out_count(kmod_stat_get(st, "Arenas")),
		out_bytes(kmod_stat_get(st, "Size")));
	out_row("resident", "%s, %s of it in whole blocks",
		out_bytes(resident),
		out_percent(blocks * KMOD_BLOCK_SIZE, resident));
	out_row("blocks", "%s whole, %s split, %s shared by fork, %s in reserve",
		out_count(blocks), out_count(kmod_stat_get(st, "Split")),
		out_count(kmod_stat_get(st, "Shared")),
		out_count(kmod_stat_get(st, "Reserve")));
	for (i = 0; i < mod->nr_pool; i++)
		out_row("pool", "node %d: %s clean, %s dirty, target %s, %s out",
			mod->pool[i].node, out_count(mod->pool[i].clean),
			out_count(mod->pool[i].dirty),
			out_count(mod->pool[i].target),
			out_count(mod->pool[i].out));
	faults_print(mod);
	out_row("forks", "%s, %s pages and %s blocks copied after",
		out_count(kmod_stat_get(st, "Forks")),
		out_count(kmod_stat_get(st, "CowPages")),
		out_count(kmod_stat_get(st, "CowBlocks")));
	out_row("released", "%s", out_bytes(kmod_stat_get(st, "Released")));
	limits_print(mod);
	for (i = 0; i < NR_TROUBLES; i++) {
		n = kmod_stat_get(st, troubles[i].key);
		if (n)
			out_row(troubles[i].key, "%s%s%s %s",
				out_style(OUT_WARN), out_count(n),
				out_style(OUT_PLAIN), troubles[i].what);
	}
}

static int by_resident(const void *a, const void *b)
{
	const struct kmod_arena *x = a, *y = b;

	return x->resident < y->resident ? 1 : x->resident > y->resident ? -1 :
	       x->id < y->id ? -1 : x->id > y->id;
}

static void arenas_print(const struct module *mod)
{
	bool hidden = false;
	char comm[32];
	size_t i;

	if (!mod->nr_arenas)
		return;
	putchar('\n');
	printf("%s%6s %8s %-15s %-15s %10s %10s %7s %6s %6s %7s %9s %6s%s\n",
	       out_style(OUT_BOLD), "ARENA", "PID", "COMMAND", "NAME", "SIZE",
	       "RESIDENT", "WHOLE", "SPLIT", "SHARED", "COVER", "FAULTS",
	       "FORKS", out_style(OUT_PLAIN));
	for (i = 0; i < mod->nr_arenas; i++) {
		const struct kmod_arena *a = &mod->arenas[i];

		proc_comm(a->pid, comm, sizeof(comm));
		hidden |= !a->pid;
		printf("%6" PRIu64 " %8d %-15s %-15.15s %10s %10s %7" PRIu64
		       " %6" PRIu64 " %6" PRIu64 " %7s %9" PRIu64 " %6" PRIu64
		       "\n", a->id, a->pid, comm, a->name, out_bytes(a->size),
		       out_bytes(a->resident), a->blocks, a->split, a->shared,
		       out_percent(a->blocks * KMOD_BLOCK_SIZE, a->resident),
		       a->f_reserve + a->f_pool + a->f_demand + a->f_small +
		       a->f_map, a->forks);
	}
	if (hidden)
		out_note("PID 0: a process of another PID namespace, or one "
			 "that is ending");
}

int cmd_status(int argc, char **argv)
{
	struct heaps heaps = { 0 };
	struct machine m;
	struct module mod;
	int err, ret = CMD_OK;
	json_t *root, *list;
	size_t i;

	args_parse(&argp, "status", argc, argv, 0, NULL);
	machine_read(&m);
	err = module_read(&mod);
	if (err) {
		out_error("cannot read the module's reports: %s",
			  strerror(-err));
		ret = exit_errno(err);
		goto out;
	}
	err = heaps_read(&heaps);
	if (err) {
		out_error("cannot list processes: %s", strerror(-err));
		ret = exit_errno(err);
		goto out;
	}
	if (mod.nr_arenas)
		qsort(mod.arenas, mod.nr_arenas, sizeof(*mod.arenas),
		      by_resident);
	if (out_json) {
		root = json_object();
		json_object_set_new(root, "machine", machine_json(&m));
		json_object_set_new(root, "module", mod.present ?
				    module_json(&mod) : json_null());
		list = json_array();
		for (i = 0; i < mod.nr_arenas; i++)
			json_array_append_new(list,
					      arena_json(&mod.arenas[i]));
		json_object_set_new(root, "arenas", list);
		json_object_set_new(root, "heaps", heaps_json(&heaps));
		ret = out_print_json(root);
	} else {
		machine_print(&m);
		module_print(&mod);
		arenas_print(&mod);
		heaps_print(&heaps);
	}
out:
	heaps_free(&heaps);
	free(mod.pool);
	free(mod.arenas);
	return ret;
}
