/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * unit: what systemd was told about a service.
 */
#ifndef TOOLS_UNIT_H
#define TOOLS_UNIT_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct unit - a service, as 'systemctl show' has it
 * @name: with its suffix
 * @pid: its main process, 0 while it does not run
 * @loaded: there is such a unit
 * @preload: LD_PRELOAD of its Environment=, or ""
 * @devices_hidden: PrivateDevices=yes: it sees no /dev/hugearena
 * @devices_closed: DevicePolicy= is not auto, or DeviceAllow= names others
 * @devices_strict: DevicePolicy=strict: nothing but what is named
 * @device_allowed: DeviceAllow= names /dev/hugearena
 * @group: SupplementaryGroups= or Group= has hugearena
 * @root_user: it runs as root
 */
struct unit {
	char name[256];
	pid_t pid;
	bool loaded;
	char preload[512];
	bool devices_hidden, devices_closed, devices_strict, device_allowed;
	bool group, root_user;
};

/**
 * unit_read - ask systemd
 * @u: filled in
 * @name: of the unit; ".service" is added if it has no suffix
 *
 * Return: 0; -EINVAL if that is no name, -ENOENT if there is no such unit,
 * -EIO if systemctl cannot be run or says nothing.
 */
int unit_read(struct unit *u, const char *name);

#endif
