// SPDX-License-Identifier: GPL-2.0-only
/*
 * unit: what systemd was told about a service.  Called by doctor, adopt and metrics.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

/* May this be the name of a service?  ".service" may be left out. */
static bool name_is_valid(const char *name)
{
	/* what systemd.unit(5) allows; no slash, so that it names no path */
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@";
	size_t len = strlen(name);

	return len && len < 200 && strspn(name, letters) == len &&
	       name[0] != '.' && name[0] != '-';
}

/* Standard output of a command, to be closed with pclose()'s like below. */
static FILE *command_open(char *const argv[], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int pipefd[2], err;

	if (pipe(pipefd))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipefd[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, pipefd[0]);
	posix_spawn_file_actions_addclose(&actions, pipefd[1]);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 1, 0);
	err = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipefd[1]);
	if (err) {
		close(pipefd[0]);
		return NULL;
	}
	return fdopen(pipefd[0], "r");
}

/* LD_PRELOAD among words NAME=VALUE, one of which may be in quotes. */
static void preload_find(struct unit *u, const char *environment)
{
	const char *at = strstr(environment, "LD_PRELOAD=");
	size_t len;

	if (!at)
		return;
	at += strlen("LD_PRELOAD=");
	len = strcspn(at, at > environment + 11 && at[-12] == '"' ? "\"" : " ");
	if (len >= sizeof(u->preload))
		len = sizeof(u->preload) - 1;
	memcpy(u->preload, at, len);
	u->preload[len] = '\0';
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; *list; list += strcspn(list, " ")) {
		list += strspn(list, " ");
		if (!strncmp(list, word, len) &&
		    (list[len] == ' ' || !list[len]))
			return true;
	}
	return false;
}

static void line_take(struct unit *u, const char *key, const char *value)
{
	if (!strcmp(key, "MainPID")) {
		u->pid = (pid_t)atoi(value);
	} else if (!strcmp(key, "LoadState")) {
		u->loaded = !strcmp(value, "loaded");
	} else if (!strcmp(key, "PrivateDevices")) {
		u->devices_hidden = !strcmp(value, "yes");
	} else if (!strcmp(key, "DevicePolicy")) {
		u->devices_closed |= strcmp(value, "auto") != 0;
		u->devices_strict = !strcmp(value, "strict");
	} else if (!strcmp(key, "DeviceAllow")) {
		u->devices_closed |= *value != 0;
		u->device_allowed |= !!strstr(value, "/dev/hugearena ");
	} else if (!strcmp(key, "SupplementaryGroups") ||
		   !strcmp(key, "Group")) {
		u->group |= has_word(value, "hugearena");
	} else if (!strcmp(key, "User")) {
		u->root_user = !*value || !strcmp(value, "root") ||
			       !strcmp(value, "0");
	} else if (!strcmp(key, "Environment")) {
		preload_find(u, value);
	}
}

int unit_read(struct unit *u, const char *name)
{
	static char keys[] = "MainPID,LoadState,User,Group,Environment";
	static char rights[] =
		"PrivateDevices,DevicePolicy,DeviceAllow,SupplementaryGroups";
	char line[4096], *argv[] = {
		"systemctl", "show", "--no-pager", "-p", keys, "-p", rights,
		"--", u->name, NULL,
	};
	unsigned int lines = 0;
	pid_t pid;
	FILE *f;

	memset(u, 0, sizeof(*u));
	u->root_user = true;
	if (!name_is_valid(name))
		return -EINVAL;
	snprintf(u->name, sizeof(u->name), "%s%s", name,
		 strchr(name, '.') ? "" : ".service");
	f = command_open(argv, &pid);
	if (!f)
		return -EIO;
	while (fgets(line, sizeof(line), f)) {
		char *eq = strchr(line, '=');

		line[strcspn(line, "\n")] = '\0';
		if (!eq)
			continue;
		*eq = '\0';
		line_take(u, line, eq + 1);
		lines++;
	}
	fclose(f);
	waitpid(pid, NULL, 0);
	if (!lines)
		return -EIO;
	return u->loaded ? 0 : -ENOENT;
}
