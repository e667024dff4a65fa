// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"
#include "read/kmod.h"

/* Is there a built module for the running kernel that nobody has loaded? */
static bool module_is_installed(const char *release)
{
	char dir[300], *roots[] = { dir, NULL };
	bool found = false;
	FTSENT *e;
	FTS *fts;

	snprintf(dir, sizeof(dir), "/lib/modules/%s/updates", release);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	while (fts && !found && (e = fts_read(fts)))
		found = !strncmp(e->fts_name, "hugearena.ko", 12);
	if (fts)
		fts_close(fts);
	return found;
}

static void module_check(struct doctor *d)
{
	struct utsname u;

	if (kmod_present()) {
		doctor_add(d, DOCTOR_OK, "module", NULL,
			   "hugearena.ko is loaded");
		return;
	}
	uname(&u);
	if (module_is_installed(u.release))
		doctor_add(d, DOCTOR_BAD, "module_not_loaded",
			   "modprobe hugearena; at boot: cp /usr/share/hugearena/modules-load.conf /etc/modules-load.d/hugearena.conf",
			   "hugearena.ko is installed for %s and not loaded; if modprobe refuses, the kernel's log says why (kernel not tested, signature)",
			   u.release);
	else
		doctor_add(d, DOCTOR_BAD, "module_missing",
			   "apt-get install hugearena-dkms linux-headers-$(uname -r), then modprobe hugearena",
			   "hugearena.ko is not installed for %s: memory comes as transparent huge pages, where the kernel finds any",
			   u.release);
}

static void device_check(struct doctor *d)
{
	struct stat st;
	int fd;

	if (!kmod_present())
		return;
	if (stat(HUGEARENA_DEVICE, &st)) {
		doctor_add(d, DOCTOR_BAD, "device_missing",
			   "udevadm trigger; in a container: give it the device",
			   "the module is loaded, but there is no %s here",
			   HUGEARENA_DEVICE);
		return;
	}
	fd = open(HUGEARENA_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		doctor_add(d, DOCTOR_OK, "device", NULL, "%s opens",
			   HUGEARENA_DEVICE);
		return;
	}
	doctor_add(d, errno == EACCES ? DOCTOR_NOTE : DOCTOR_BAD,
		   "device_refused", "usermod -a -G hugearena USER",
		   "%s does not open for you: %s", HUGEARENA_DEVICE,
		   strerror(errno));
}

static void limits_check(struct doctor *d)
{
	static const char *const names[] = { "max_mb", "user_mb", "cgroup_mb" };
	struct kmod_stat st;
	unsigned int i;

	if (kmod_stat_read(&st))
		return;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		long long mb = kmod_param_read(names[i]);

		if (mb > 0)
			doctor_add(d, DOCTOR_NOTE, "limit", NULL,
				   "%s is %lld: beyond it arenas get no memory",
				   names[i], mb);
	}
	if (kmod_stat_get(&st, "QuotaDenied"))
		doctor_add(d, DOCTOR_BAD, "quota_denied",
			   "raise max_mb, user_mb or cgroup_mb (/sys/module/hugearena)",
			   "a limit has refused memory %" PRIu64 " times so far",
			   kmod_stat_get(&st, "QuotaDenied"));
}

static void thp_check(struct doctor *d)
{
	char text[128] = "";
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");

	if (!f || !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	if (!*text)
		doctor_add(d, DOCTOR_NOTE, "thp_absent", NULL,
			   "the kernel has no transparent huge pages");
	else if (strstr(text, "[never]"))
		doctor_add(d, kmod_present() ? DOCTOR_NOTE : DOCTOR_BAD,
			   "thp_never",
			   "write madvise to /sys/kernel/mm/transparent_hugepage/enabled",
			   "huge pages are off: without the module memory is on 4 KiB pages");
	else
		doctor_add(d, DOCTOR_OK, "thp", NULL,
			   "transparent huge pages are available");
}

void doctor_machine(struct doctor *d)
{
	module_check(d);
	device_check(d);
	limits_check(d);
	thp_check(d);
}
