// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena adopt: put a service on libshim by a drop-in of systemd, and take it
 * off again.
 *
 * The drop-in is a file that nobody else writes to, so removing it undoes
 * everything.  It is written beside its place and renamed, so that systemd
 * never reads half of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/out.h"
#include "cmd.h"
#include "read/unit.h"

#define DROPIN		"50-hugearena.conf"
#define LIBRARY		"libshim.so.0"

struct args {
	const char *unit, *root, *library, *options;
	bool undo, dry;
};

enum { OPT_UNDO = 256, OPT_ROOT };

static const struct argp_option options[] = {
	{ "undo", OPT_UNDO, NULL, 0, "Take the service off libshim again", 0 },
	{ "dry-run", 'n', NULL, 0, "Show the drop-in, write nothing", 0 },
	{ "library", 'l', "PATH", 0, "Preload this (default " LIBRARY ")", 0 },
	{ "options", 'o', "LIST", 0, "SHIM_OPTIONS for the service", 0 },
	{ "root", OPT_ROOT, "DIR", 0,
	  "Write below DIR instead of /, and tell no running systemd", 0 },
	{ 0 }
};

/* May this text stand between quotes in a unit file without being escaped? */
static bool text_is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || strchr("\"\\%$'", *text))
			return false;
	return true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case OPT_UNDO:
		args->undo = true;
		return 0;
	case 'n':
		args->dry = true;
		return 0;
	case 'l':
		args->library = arg;
		break;
	case 'o':
		args->options = arg;
		break;
	case OPT_ROOT:
		args->root = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which service?");
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			return ARGP_ERR_UNKNOWN;
		args->unit = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (!text_is_plain(arg))
		argp_error(state, "'%s' has a character that a unit file "
			   "would take for its own", arg);
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "UNIT",
	.doc = "Put a service on libshim by a drop-in of systemd.\v"
	       "The drop-in is shown, checked by systemd-analyze and written to "
	       "/etc/systemd/system/UNIT.d/" DROPIN "; the service is not "
	       "restarted.",
};

/* What is preloaded beside libshim, a colon before each. */
static void others_copy(const char *list, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	while (*list) {
		size_t len = strcspn(list, ": ");

		/* adopted before, or by hand */
		if (len && at + len + 2 < size &&
		    !memmem(list, len, "libshim", 7))
			at += (size_t)sprintf(buf + at, ":%.*s", (int)len, list);
		list += len + (list[len] != '\0');
	}
}

static int dropin_text(char *buf, size_t size, const struct unit *u,
		       const struct args *args)
{
	char others[sizeof(u->preload) + 2];
	size_t len = 0;
	FILE *f = fmemopen(buf, size, "w");

	if (!f)
		return -errno;
	others_copy(u->preload, others, sizeof(others));
	fprintf(f, "# written by hugearena adopt; 'hugearena adopt --undo %s' removes it\n"
		"[Service]\n", u->name);
	fprintf(f, "Environment=\"LD_PRELOAD=%s%s\"\n", args->library, others);
	if (args->options)
		fprintf(f, "Environment=\"SHIM_OPTIONS=%s\"\n", args->options);
	fprintf(f, "SupplementaryGroups=hugearena\n");
	/* with PrivateDevices there is no device to allow */
	if (u->devices_hidden)
		fprintf(f, "PrivateDevices=no\n");
	/* it closes every other device: only where they were closed before */
	if ((u->devices_hidden || u->devices_closed) && !u->devices_strict)
		fprintf(f, "DevicePolicy=closed\n");
	if (u->devices_hidden || u->devices_closed)
		fprintf(f, "DeviceAllow=/dev/hugearena rw\n");
	len = (size_t)ftell(f);
	if (fclose(f) || len + 1 >= size)
		return -ENOSPC;
	return 0;
}

static int dropin_write(const char *dir, const char *path, const char *text)
{
	char fresh[1200];
	FILE *f;
	int err = 0;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "we");
	if (!f)
		return -errno;
	if (fputs(text, f) < 0 || fflush(f) || fsync(fileno(f)))
		err = -errno;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(fresh, path))
		err = -errno;
	if (err)
		unlink(fresh);
	return err;
}

static int command(char *const argv[])
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* its messages are for people: standard output may be JSON */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status);
}

/*
 * Have systemd-analyze verify the unit, and remove the file again if it
 * objects.
 */
static int verify(const struct unit *u, const char *path)
{
	char *argv[] = { "systemd-analyze", "verify", (char *)u->name, NULL };
	int ret = command(argv);

	if (ret == -ENOENT) {
		out_error("there is no systemd-analyze: not verified");
		return 0;
	}
	if (!ret)
		return 0;
	unlink(path);
	out_error("systemd-analyze verify refuses it: removed again");
	return -EINVAL;
}

static void reload(void)
{
	char *argv[] = { "systemctl", "daemon-reload", NULL };

	if (command(argv))
		out_error("'systemctl daemon-reload' failed: run it yourself");
}

static int undo(const struct args *args, const struct unit *u, const char *dir,
		const char *path)
{
	if (args->dry) {
		printf("would remove %s\n", path);
		return CMD_OK;
	}
	if (unlink(path)) {
		if (errno == ENOENT)
			out_error("%s was not adopted: there is no %s", u->name,
				  path);
		else
			out_error("cannot remove %s: %m", path);
		return exit_errno(errno);
	}
	rmdir(dir);	/* removed only if nothing else is in it */
	if (!args->root)
		reload();
	printf("removed %s\nsystemctl restart %s\n", path, u->name);
	return CMD_OK;
}

static int adopt(const struct args *args, const struct unit *u,
		 const char *dir, const char *path)
{
	char text[4096];
	int err = dropin_text(text, sizeof(text), u, args);

	if (err) {
		out_error("the drop-in is too long");
		return CMD_FAILED;
	}
	printf("# %s\n%s", path, text);
	if (args->dry)
		return CMD_OK;
	err = dropin_write(dir, path, text);
	if (err) {
		out_error("cannot write %s: %s", path, strerror(-err));
		return exit_errno(err);
	}
	if (!args->root) {
		if (verify(u, path))
			return CMD_FAILED;
		reload();
	}
	printf("\nsystemctl restart %s\nhugearena doctor %s\n", u->name,
	       u->name);
	return CMD_OK;
}

int cmd_adopt(int argc, char **argv)
{
	struct args args = { .library = LIBRARY };
	char dir[1024], path[1100];
	struct unit unit;
	int err;

	args_parse(&argp, "adopt", argc, argv, 0, &args);
	err = unit_read(&unit, args.unit);
	if (err) {
		out_error("%s: %s", args.unit, err == -EINVAL ?
			  "that is no name of a unit" : err == -ENOENT ?
			  "there is no such unit" :
			  "systemctl does not answer here");
		return CMD_FAILED;
	}
	if (strlen(unit.name) < 8 ||
	    strcmp(unit.name + strlen(unit.name) - 8, ".service")) {
		out_error("%s is no service", unit.name);
		return CMD_USAGE;
	}
	snprintf(dir, sizeof(dir), "%s/etc/systemd/system/%s.d",
		 args.root ? args.root : "", unit.name);
	snprintf(path, sizeof(path), "%s/" DROPIN, dir);
	return args.undo ? undo(&args, &unit, dir, path) :
			   adopt(&args, &unit, dir, path);
}
