// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: one process, or the unit that will start it.
 *
 * Is libshim its malloc at all?  If so, where do its blocks come from?  And
 * what may keep those from being mapped whole?
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"
#include "read/kmod.h"
#include "read/proc.h"
#include "read/shim.h"

/* A file of /proc/PID, whole; NULL and errno.  To be freed. */
static char *file_load(pid_t pid, const char *name, size_t *len)
{
	FILE *f = proc_open(pid, name);
	char *text = NULL;
	size_t n, room = 0;

	*len = 0;
	if (!f)
		return NULL;
	do {
		char *more;

		room += 65536;
		more = realloc(text, room + 1);
		if (!more)
			break;
		text = more;
		n = fread(text + *len, 1, room - *len, f);
		*len += n;
	} while (*len == room);
	fclose(f);
	if (text)
		text[*len] = '\0';
	return text;
}

/* What the process was started with; "" if the variable is not there. */
static void variable_read(pid_t pid, const char *name, char *buf, size_t size)
{
	size_t len, at, n = strlen(name);
	char *text = file_load(pid, "environ", &len);

	buf[0] = '\0';
	for (at = 0; text && at < len; at += strlen(text + at) + 1)
		if (!strncmp(text + at, name, n) && text[at + n] == '=')
			snprintf(buf, size, "%s", text + at + n + 1);
	free(text);
}

/* Did it gain rights at exec?  Then the dynamic linker drops LD_PRELOAD. */
static bool is_privileged(pid_t pid)
{
	size_t len, i;
	Elf64_auxv_t *v = (Elf64_auxv_t *)file_load(pid, "auxv", &len);
	bool secure = false;

	for (i = 0; v && i < len / sizeof(*v); i++)
		if (v[i].a_type == AT_SECURE)
			secure = v[i].a_un.a_val;
	free(v);
	return secure;
}

/* Has its program no dynamic linker? */
static bool is_static(pid_t pid)
{
	FILE *f = proc_open(pid, "exe");
	bool interp = false;
	Elf64_Ehdr head;
	unsigned int i;

	if (!f)
		return false;
	if (fread(&head, sizeof(head), 1, f) != 1 ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64) {
		fclose(f);
		return false;
	}
	for (i = 0; i < head.e_phnum && !interp; i++) {
		Elf64_Phdr seg;

		if (fseek(f, (long)(head.e_phoff + i * sizeof(seg)), SEEK_SET) ||
		    fread(&seg, sizeof(seg), 1, f) != 1)
			break;
		interp = seg.p_type == PT_INTERP;
	}
	fclose(f);
	return !interp;
}

/* The file of another allocator that it has mapped, or NULL. */
static const char *rival_find(const struct maps *maps)
{
	static const char *const rivals[] = {
		"libjemalloc", "libtcmalloc", "libmimalloc", "libsnmalloc",
		"librpmalloc", "libhoard",
	};
	size_t i, k;

	for (i = 0; i < maps->n; i++) {
		const char *base = strrchr(maps->v[i].name, '/');

		for (k = 0; base && k < sizeof(rivals) / sizeof(rivals[0]); k++)
			if (!strncmp(base + 1, rivals[k], strlen(rivals[k])))
				return maps->v[i].name;
	}
	return NULL;
}

/* The path of libshim in LD_PRELOAD, or NULL. */
static const char *preload_path(const char *list, char *buf, size_t size)
{
	while (*list) {
		size_t len = strcspn(list, ": ");

		snprintf(buf, size, "%.*s", (int)len, list);
		if (strstr(buf, "libshim"))
			return buf;
		list += len + (list[len] != '\0');
	}
	return NULL;
}

static void no_libshim(struct doctor *d, pid_t pid, const struct unit *unit)
{
	char list[4096], buf[PATH_MAX], seen[PATH_MAX + 64];
	const char *path;

	variable_read(pid, "LD_PRELOAD", list, sizeof(list));
	path = preload_path(list, buf, sizeof(buf));
	if (is_static(pid)) {
		doctor_add(d, DOCTOR_BAD, "static",
			   "link it with libshim.a, or build it dynamically",
			   "the program is linked statically: nothing can be preloaded");
		return;
	}
	if (path && is_privileged(pid)) {
		doctor_add(d, DOCTOR_BAD, "preload_dropped",
			   "link it with -lshim, or name the library in /etc/ld.so.preload",
			   "the program gained rights when it was started (set-user-ID, or capabilities of its file), so the dynamic linker ignored LD_PRELOAD");
		return;
	}
	if (!path) {
		char fix[256];

		snprintf(fix, sizeof(fix), unit ? "hugearena adopt %s" :
			 "start it with LD_PRELOAD=libshim.so.0, or link it with -lshim",
			 unit ? unit->name : "");
		doctor_add(d, DOCTOR_BAD, "not_preloaded", fix,
			   "libshim is neither linked nor preloaded");
		return;
	}
	snprintf(seen, sizeof(seen), "/proc/%d/root%s", pid, path);
	if (*path == '/' && access(seen, F_OK))
		doctor_add(d, DOCTOR_BAD, "preload_not_found",
			   "install libshim where the process sees it (its own root or mount namespace)",
			   "LD_PRELOAD names %s, which does not exist for this process",
			   path);
	else
		doctor_add(d, DOCTOR_BAD, "preload_failed",
			   "run the program by hand: the dynamic linker says why on standard error",
			   "LD_PRELOAD names %s, and the dynamic linker did not load it",
			   path);
}

/* Is @gid one of the process's groups? */
static bool group_has(pid_t pid, gid_t gid)
{
	size_t len;
	char *text = file_load(pid, "status", &len), *at, *end;
	bool has = false;

	at = text ? strstr(text, "\nGid:") : NULL;
	if (at) {
		unsigned int real, effective;

		if (sscanf(at + 5, "%u %u", &real, &effective) == 2)
			has = effective == gid;
	}
	at = text ? strstr(text, "\nGroups:") : NULL;
	for (at = at ? at + 8 : NULL; at && !has; at = end) {
		unsigned long g = strtoul(at, &end, 10);

		if (end == at || *at == '\n')
			break;
		has = g == gid;
	}
	free(text);
	return has;
}

/* It is on libshim, the module is loaded, and it has no arena. */
static void no_arena(struct doctor *d, pid_t pid, const struct unit *unit,
		     const struct shim *shim)
{
	char path[64];
	struct stat st;
	long long uid;

	if (shim->conf.backend == SHIM_BACKEND_THP) {
		doctor_add(d, DOCTOR_BAD, "backend_thp",
			   "remove backend=thp from SHIM_BACKEND, SHIM_OPTIONS or /etc/hugearena.conf",
			   "the options say that blocks are to be transparent huge pages");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/root" HUGEARENA_DEVICE, pid);
	if (stat(path, &st)) {
		if (unit && unit->devices_hidden)
			doctor_add(d, DOCTOR_BAD, "device_hidden",
				   "PrivateDevices=no and DeviceAllow=/dev/hugearena rw in a drop-in ('hugearena adopt' writes it)",
				   "the unit has PrivateDevices=yes: the process sees no %s",
				   HUGEARENA_DEVICE);
		else
			doctor_add(d, DOCTOR_BAD, "device_hidden",
				   "give its container or mount namespace the device",
				   "the process sees no %s", HUGEARENA_DEVICE);
		return;
	}
	if (unit && unit->devices_closed && !unit->device_allowed) {
		doctor_add(d, DOCTOR_BAD, "device_closed",
			   "DeviceAllow=/dev/hugearena rw in a drop-in ('hugearena adopt' writes it)",
			   "the unit's DevicePolicy or DeviceAllow keeps %s from it",
			   HUGEARENA_DEVICE);
		return;
	}
	uid = proc_status(pid, "Uid");
	if (uid && !(st.st_mode & 0006) && !group_has(pid, st.st_gid)) {
		doctor_add(d, DOCTOR_BAD, "not_in_group", unit ?
			   "hugearena adopt UNIT (SupplementaryGroups=)" :
			   "usermod -a -G hugearena USER, and restart it",
			   "%s is for the group hugearena, which the process is not in",
			   HUGEARENA_DEVICE);
		return;
	}
	if (proc_status(pid, "Seccomp") > 0)
		doctor_add(d, DOCTOR_BAD, "seccomp",
			   "allow open, ioctl and mmap of the device; libshim(7) lists what it calls",
			   "a seccomp filter may have refused the device");
	else
		doctor_add(d, DOCTOR_BAD, "device_unused",
			   "restart it: the choice is made at the first allocation",
			   "the device opens now, but did not when the process began");
}

static bool has_arena(const struct maps *maps)
{
	size_t i;

	for (i = 0; i < maps->n; i++)
		if (maps->v[i].kind == KIND_ARENA)
			return true;
	return false;
}

/* Does it use libshim at all? */
static bool is_used(const struct shim *shim)
{
	struct pageheap heap;

	return shim_read(shim, (uintptr_t)shim->at.heap, &heap,
			 sizeof(heap)) || heap.inuse;
}

static void libshim_check(struct doctor *d, pid_t pid, const struct unit *unit,
			  const struct maps *maps, struct shim *shim)
{
	const char *rival = rival_find(maps);

	if (shim_ready(shim) <= 0 || !is_used(shim)) {
		if (rival)
			doctor_add(d, DOCTOR_BAD, "other_malloc",
				   "take the other library out of LD_PRELOAD, or build the program without it",
				   "libshim is loaded, but malloc is that of %s",
				   rival);
		else
			doctor_add(d, DOCTOR_BAD, "own_malloc",
				   "build it to use the C library's malloc",
				   "libshim is loaded and has never been called: the program has its own malloc, or has not allocated yet");
		return;
	}
	doctor_add(d, DOCTOR_OK, "libshim", NULL, "malloc is libshim's (%s)",
		   shim->path);
	if (has_arena(maps))
		doctor_add(d, DOCTOR_OK, "blocks", NULL,
			   "its memory comes from the module's blocks");
	else if (kmod_present())
		no_arena(d, pid, unit, shim);
	else
		doctor_add(d, DOCTOR_NOTE, "thp_backend", NULL,
			   "its memory comes as transparent huge pages");
}

static void mapping_check(struct doctor *d, pid_t pid, const char *uname)
{
	if (!proc_status(pid, "THP_enabled"))
		doctor_add(d, DOCTOR_BAD, "thp_disabled",
			   "switch it off in the service (redis: --disable-thp no)",
			   "%s has switched huge pages off for itself (PR_SET_THP_DISABLE): its blocks are mapped by 4 KiB pages",
			   uname);
}

void doctor_unit(struct doctor *d, const struct unit *unit)
{
	if (!unit->pid)
		doctor_add(d, DOCTOR_NOTE, "unit_stopped", NULL,
			   "%s does not run: only its settings were looked at",
			   unit->name);
	if (!strstr(unit->preload, "libshim"))
		doctor_add(d, unit->pid ? DOCTOR_NOTE : DOCTOR_BAD,
			   "unit_not_adopted", "hugearena adopt UNIT",
			   "%s does not preload libshim", unit->name);
	else if (unit->devices_hidden)
		doctor_add(d, DOCTOR_BAD, "device_hidden", "hugearena adopt UNIT",
			   "%s has PrivateDevices=yes: it will see no %s",
			   unit->name, HUGEARENA_DEVICE);
	else if (unit->devices_closed && !unit->device_allowed)
		doctor_add(d, DOCTOR_BAD, "device_closed", "hugearena adopt UNIT",
			   "%s is kept from %s by DevicePolicy or DeviceAllow",
			   unit->name, HUGEARENA_DEVICE);
	else if (!unit->root_user && !unit->group)
		doctor_add(d, DOCTOR_BAD, "not_in_group", "hugearena adopt UNIT",
			   "%s is not in the group hugearena", unit->name);
}

int doctor_process(struct doctor *d, pid_t pid, const struct unit *unit)
{
	struct maps maps;
	struct shim shim;
	char comm[32];
	int err;

	err = proc_maps(pid, &maps, false);
	if (err == -ENOENT)
		return -ESRCH;
	if (err)
		return err == -EPERM ? -EACCES : err;
	proc_comm(pid, comm, sizeof(comm));
	err = shim_open(&shim, pid);
	if (!err) {
		libshim_check(d, pid, unit, &maps, &shim);
		shim_close(&shim);
	} else if (err == -ENOENT) {
		const char *rival = rival_find(&maps);

		if (rival)
			doctor_add(d, DOCTOR_NOTE, "rival", NULL,
				   "%s is its malloc now", rival);
		no_libshim(d, pid, unit);
	} else if (err == -EPROTO) {
		doctor_add(d, DOCTOR_NOTE, "other_version",
			   "restart it, or use the command of its version",
			   "its libshim has another version than this command");
		err = 0;
	}
	if (err == -ENOENT)
		err = 0;
	if (!err)
		mapping_check(d, pid, comm);
	proc_maps_free(&maps);
	return err == -EPERM ? -EACCES : err;
}
