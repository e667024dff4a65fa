// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * shimcc: gcc, and a report of what need not be on the heap; see its page.
 *
 * Turns the options that are its own into arguments of the plugin, finds the plugin
 * that fits the gcc to be run, and becomes that gcc.  A build starts it once for each
 * file, so it starts nothing itself unless it must.
 *
 * Not argp: whatever is not ours is gcc's, in the order and the form it came in.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARG "-fplugin-arg-shim_escape-"

/* Where the plugins and the summaries are. */
static const char *dir = SHIMCC_LIB;

/* What gcc is to be called with. */
static struct {
	const char **v;
	size_t n;
} args;

static const char usage_text[] =
"Usage: shimcc [-m | -mm] [--shim-OPTION]... GCC-ARGUMENT...\n"
"\n"
"  -m, -mm                what escapes and what does not; -mm: by which path\n"
"  --shim-out=FILE        append this to FILE, not to standard error\n"
"  --shim-json=FILE       append a line of JSON each to FILE\n"
"  --shim-summary=FILE    what functions of other units do (may be repeated)\n"
"  --shim-write=FILE      append what this unit's functions do to FILE\n"
"  --shim-pair=MALLOC:FREE[:zeroed]  malloc() and free() by other names\n"
"  --shim-promote         move objects that do not escape to the stack\n"
"  --shim-regions         move objects of a request to the shim_region at hand\n"
"  --shim-max=BYTES       ... if they have no more (default 2048)\n"
"  --shim-frame=BYTES     ... and all of a function's no more (default 4096)\n"
"\n"
"Everything else is gcc's. $SHIMCC_FLAGS has options for every call, $SHIMCC_CC\n"
"names the gcc; see shimcc(1).\n";

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("shimcc: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* A new string, which is never freed: all ends in exec. */
static char * __attribute__((format(printf, 1, 2)))
text(const char *format, ...)
{
	va_list ap;
	char *s;

	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		die("no memory");
	va_end(ap);
	return s;
}

static void add(const char *arg)
{
	args.v[args.n++] = arg;
}

/* "--shim-NAME=VALUE" with a value? */
static bool has_value(const char *arg, const char *name)
{
	size_t n = strlen(name);

	arg += strlen("--shim-");
	return !strncmp(arg, name, n) && arg[n] == '=' && arg[n + 1];
}

/* Add an option of ours as the plugin's; false if it is gcc's. */
static bool take(const char *arg)
{
	static const char *const strings[] = {
		"out", "json", "summary", "write", "pair"
	};
	const char *value;

	if (!strcmp(arg, "-m") || !strcmp(arg, "-mm")) {
		add(arg[2] ? ARG "m=2" : ARG "m=1");
		return true;
	}
	if (strncmp(arg, "--shim-", strlen("--shim-")))
		return false;
	if (!strcmp(arg, "--shim-promote")) {
		add(ARG "promote");
		return true;
	}
	if (!strcmp(arg, "--shim-regions")) {
		add(ARG "regions");
		return true;
	}
	if (has_value(arg, "max") || has_value(arg, "frame")) {
		value = strchr(arg, '=') + 1;
		if (value[strspn(value, "0123456789")])
			die("a number of bytes, please: '%s'", arg);
		add(text(ARG "%s", arg + strlen("--shim-")));
		return true;
	}
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (!has_value(arg, strings[i]))
			continue;
		add(text(ARG "%s", arg + strlen("--shim-")));
		return true;
	}
	die("unknown option '%s': 'shimcc --help' has the list", arg);
}

/* The options in SHIMCC_FLAGS, which are ours only. */
static void take_words(char *words)
{
	char *rest;

	for (char *w = strtok_r(words, " \t\n", &rest); w;
	     w = strtok_r(NULL, " \t\n", &rest))
		if (!take(w))
			die("SHIMCC_FLAGS has '%s', which is gcc's: put it where "
			    "the build has its flags", w);
}

static bool same_file(const struct stat *a, const char *path)
{
	struct stat b;

	return !stat(path, &b) && a->st_dev == b.st_dev &&
	       a->st_ino == b.st_ino;
}

/*
 * The gcc itself behind the name @cc: a program of that name in PATH, unless that is
 * ccache by another name, which would call the next.  NULL if there is none, or the
 * name is a path.  @folder is set to where it is.
 */
static char *find_in_path(const char *cc, char **folder)
{
	const char *path = getenv("PATH");
	struct stat st;

	if (!path || strchr(cc, '/'))
		return NULL;
	for (const char *end; *path; path = *end ? end + 1 : end) {
		char *file;

		end = path + strcspn(path, ":");
		*folder = end > path ? text("%.*s", (int)(end - path), path) :
			  text(".");
		file = text("%s/%s", *folder, cc);
		if (!stat(file, &st) && S_ISREG(st.st_mode) &&
		    !access(file, X_OK) &&
		    !same_file(&st, text("%s/ccache", *folder)) &&
		    !same_file(&st, "/usr/bin/ccache"))
			return file;
	}
	return NULL;
}

/* The versions that there is a plugin for, as names of folders below dir. */
static glob_t plugins(void)
{
	glob_t found = {};

	if (glob(text("%s/[0-9]*", dir), 0, NULL, &found) == GLOB_NOSPACE)
		die("no memory");
	return found;
}

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

/*
 * The version of @file, in @folder, if it is gcc-VERSION by another name, as a rule
 * is gcc: there is no need to ask it then, which takes longer than all else that is
 * done here.
 */
static const char *version_by_name(const char *file, const char *folder,
				   const glob_t *versions)
{
	struct stat st;

	if (!file || stat(file, &st))
		return NULL;
	for (size_t i = 0; i < versions->gl_pathc; i++) {
		const char *version = name_of(versions->gl_pathv[i]);

		if (same_file(&st, text("%s/gcc-%s", folder, version)))
			return version;
	}
	return NULL;
}

/* What "CC -dumpversion" says, or NULL. */
static char *ask_version(const char *cc)
{
	char answer[64];
	size_t got = 0;
	ssize_t n;
	int fd[2], status;
	pid_t pid;

	if (pipe(fd))
		die("no pipe to ask %s by: %s", cc, strerror(errno));
	pid = fork();
	if (pid < 0)
		die("no process to ask %s by: %s", cc, strerror(errno));
	if (!pid) {
		if (dup2(fd[1], STDOUT_FILENO) < 0 ||
		    !freopen("/dev/null", "w", stderr))
			_exit(127);
		close(fd[0]);
		close(fd[1]);
		execlp(cc, cc, "-dumpversion", (char *)NULL);
		_exit(127);
	}
	close(fd[1]);
	while ((n = read(fd[0], answer + got, sizeof(answer) - 1 - got)) != 0) {
		if (n > 0)
			got += n;
		else if (errno != EINTR)
			break;
	}
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("cannot wait for %s: %s", cc, strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return NULL;
	answer[got] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	return text("%s", answer);
}

/* The plugin for a version; there is no return without one. */
static char *plugin_for(const char *cc, const char *version,
			const glob_t *versions)
{
	int major = strcspn(version, ".");
	char *so = text("%s/%.*s/shim_escape.so", dir, major, version);
	char *others = text("%s", "");
	struct stat st;

	if (!stat(so, &st) && S_ISREG(st.st_mode))
		return so;
	for (size_t i = 0; i < versions->gl_pathc; i++)
		others = text("%s%s ", others, name_of(versions->gl_pathv[i]));
	die("%s is gcc %s, the plugin is there for %sonly: name such a one in "
	    "SHIMCC_CC, or install gcc-%.*s-plugin-dev and build again",
	    cc, version, others, major, version);
}

int main(int argc, char **argv)
{
	const char *cc = getenv("SHIMCC_CC"), *flags = getenv("SHIMCC_FLAGS");
	char *folder = NULL, *file, *words = text("%s", flags ?: "");
	const char *version;
	glob_t versions;

	if (argc < 2 || !*argv[1]) {
		fputs(usage_text, stderr);
		return 1;
	}
	if (!strcmp(argv[1], "--help"))
		return fputs(usage_text, stdout) < 0 || fflush(stdout) ? 1 : 0;
	if (!cc || !*cc)
		cc = "gcc";
	if (getenv("SHIMCC_DIR") && *getenv("SHIMCC_DIR"))
		dir = getenv("SHIMCC_DIR");

	/* the name, -fplugin, two summaries, -D and NULL; a word has a blank */
	args.v = calloc(argc + strlen(words) / 2 + 8, sizeof(*args.v));
	if (!args.v)
		die("no memory");
	args.n = 2;
	add(text(ARG "summary=%s/libc.tags", dir));
	add(text(ARG "summary=%s/shim.tags", dir));
	take_words(words);
	for (int i = 1; i < argc; i++)
		if (take(argv[i]))
			argv[i] = NULL;
	add("-D__SHIM_ESCAPE__");
	for (int i = 1; i < argc; i++)
		if (argv[i])
			add(argv[i]);

	versions = plugins();
	file = find_in_path(cc, &folder);
	version = version_by_name(file, folder, &versions);
	if (!version) {
		file = NULL;
		version = ask_version(cc);
	}
	if (!version)
		die("no %s: install gcc, or name it in SHIMCC_CC", cc);
	args.v[1] = text("-fplugin=%s", plugin_for(cc, version, &versions));
	args.v[0] = file ?: cc;
	/* A cache of compilations has the objects, not the reports; and it may
	 * compile twice.
	 */
	if (setenv("CCACHE_DISABLE", "1", 1))
		die("no memory");
	execvp(args.v[0], (char **)args.v);
	die("%s: %s", args.v[0], strerror(errno));
}
