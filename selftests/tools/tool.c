// SPDX-License-Identifier: GPL-2.0-only
/*
 * tool: running the hugearena command, and processes for it to inspect.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

char tool_out[1 << 20];
char tool_err[1 << 16];
int tool_status;

const char *tool_dir(void)
{
	static char dir[PATH_MAX];
	ssize_t len;

	if (dir[0])
		return dir;
	len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	if (len <= 0)
		abort();
	dir[len] = '\0';
	*strrchr(dir, '/') = '\0';
	return dir;
}

static void slurp(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(buf, 1, size - 1, f) : 0;

	buf[len] = '\0';
	if (f)
		fclose(f);
}

static int run(const char *format, va_list ap)
{
	char args[1024], line[4096], out[64], err[64];

	vsnprintf(args, sizeof(args), format, ap);
	snprintf(out, sizeof(out), "/tmp/tool-out.%d", getpid());
	snprintf(err, sizeof(err), "/tmp/tool-err.%d", getpid());
	snprintf(line, sizeof(line), "%s/hugearena %s >%s 2>%s </dev/null",
		 tool_dir(), args, out, err);
	tool_status = system(line);
	tool_status = WIFSIGNALED(tool_status) ? 256 + WTERMSIG(tool_status) :
						 WEXITSTATUS(tool_status);
	slurp(out, tool_out, sizeof(tool_out));
	slurp(err, tool_err, sizeof(tool_err));
	unlink(out);
	unlink(err);
	return tool_status;
}

int tool(const char *format, ...)
{
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = run(format, ap);
	va_end(ap);
	return ret;
}

json_t *tool_json(const char *format, ...)
{
	json_error_t error;
	json_t *root;
	va_list ap;

	va_start(ap, format);
	run(format, ap);
	va_end(ap);
	root = json_loads(tool_out, 0, &error);
	if (!root)
		fprintf(stderr, "# not JSON: %s, line %d: %.200s\n# %.200s\n",
			error.text, error.line, tool_out, tool_err);
	return root;
}

json_t *json_at(json_t *root, const char *path)
{
	char copy[256], *rest, *word;

	snprintf(copy, sizeof(copy), "%s", path);
	for (word = strtok_r(copy, ".", &rest); word && root;
	     word = strtok_r(NULL, ".", &rest))
		root = json_is_array(root) ?
		       json_array_get(root, (size_t)atoi(word)) :
		       json_object_get(root, word);
	return root;
}

double json_number_at(json_t *root, const char *path)
{
	json_t *value = json_at(root, path);

	return json_is_number(value) ? json_number_value(value) : -1;
}

const char *json_text_at(json_t *root, const char *path)
{
	return json_string_value(json_at(root, path));
}

int program_start(struct subject *s, const char *name, const char *mode,
		  const char *options)
{
	char lib[PATH_MAX + 32], exe[PATH_MAX + 32], line[128];
	int in[2], out[2];
	FILE *f;

	memset(s, 0, sizeof(*s));
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return -1;
	snprintf(lib, sizeof(lib), "%s/libshim.so.0", tool_dir());
	snprintf(exe, sizeof(exe), "%s/%s", tool_dir(), name);
	fflush(NULL);
	s->pid = fork();
	if (!s->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		setenv("LD_PRELOAD", lib, 1);
		if (options)
			setenv("SHIM_OPTIONS", options, 1);
		execl(exe, name, mode, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	s->in = in[1];
	f = fdopen(out[0], "r");
	if (!f || !fgets(line, sizeof(line), f) ||
	    sscanf(line, "ready %lu %lu %lu", &s->asked, &s->usable,
		   &s->objects) != 3) {
		if (f)
			fclose(f);
		subject_end(s);
		return -1;
	}
	fclose(f);
	return 0;
}

int subject_start(struct subject *s, const char *mode, const char *options)
{
	return program_start(s, "subject", mode, options);
}

void subject_end(struct subject *s)
{
	if (s->pid <= 0)
		return;
	close(s->in);
	waitpid(s->pid, &s->status, 0);
	s->pid = 0;
}
