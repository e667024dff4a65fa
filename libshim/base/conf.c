// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * conf: the options of the administrator and the user.
 *
 * Runs once inside the first allocation of the process: no malloc(), no stdio,
 * no locale.  It needs no lock, because boot calls it from one thread only.
 * Called by boot.
 */
#include <fcntl.h>
#include <string.h>

#include "conf.h"
#include "error.h"
#include "sys.h"

#define FILE_MAX	4096	/* of /etc/hugearena.conf */

struct shim_conf shim_conf;
bool shim_armed;

__attribute__((constructor)) static void arm(void)
{
	shim_armed = true;
}

enum kind {
	KIND_BOOL,	/* 0 1 no yes off on */
	KIND_COUNT,
	KIND_BYTES,	/* with k, m, g, t */
	KIND_BACKEND,	/* auto kmod thp */
	KIND_MESH,	/* auto, or as KIND_BOOL */
	KIND_FILE,	/* an absolute path */
};

struct option {
	const char name[16];	/* not a pointer, which would need a relocation */
	unsigned char kind;
	unsigned char offset;
};

#define OPTION(opt, k) { #opt, k, offsetof(struct shim_conf, opt) }
static const struct option options[] = {
	OPTION(backend, KIND_BACKEND),
	OPTION(cache, KIND_BYTES),
	OPTION(check, KIND_BOOL),
	OPTION(compound, KIND_BOOL),
	OPTION(deepbind, KIND_BOOL),
	OPTION(guard, KIND_COUNT),
	OPTION(limit, KIND_BYTES),
	OPTION(limit_hard, KIND_BOOL),
	OPTION(mesh, KIND_MESH),
	OPTION(populate, KIND_BOOL),
	OPTION(populate_max, KIND_BYTES),
	OPTION(profile, KIND_BYTES),
	OPTION(profile_exit, KIND_BOOL),
	OPTION(profile_file, KIND_FILE),
	OPTION(profile_peak, KIND_BOOL),
	OPTION(profile_signal, KIND_COUNT),
	OPTION(rseq, KIND_BOOL),
	OPTION(scavenger, KIND_BOOL),
	OPTION(stats, KIND_BOOL),
	OPTION(verbose, KIND_BOOL),
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

static const char words[][5] = { "auto", "kmod", "thp" };

struct text {
	const char *p;
	size_t len;
};

static bool text_is(struct text t, const char *word)
{
	return strlen(word) == t.len && !memcmp(t.p, word, t.len);
}

static bool parse_number(struct text t, bool bytes, size_t *value)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < t.len && t.p[i] >= '0' && t.p[i] <= '9'; i++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (size_t)(t.p[i] - '0'), &n))
			return false;
	if (!i)
		return false;
	if (bytes && i + 1 == t.len) {
		static const char units[] = { 'k', 'm', 'g', 't' };
		unsigned int shift, u = 0;

		while (u < sizeof(units) && units[u] != (t.p[i] | 0x20))
			u++;
		if (u == sizeof(units))
			return false;
		shift = 10 * (u + 1);
		if (n << shift >> shift != n)
			return false;
		n <<= shift;
		i++;
	}
	if (i != t.len)
		return false;
	*value = n;
	return true;
}

static bool parse_bool(struct text t, bool *value)
{
	static const char yes[][5] = { "1", "yes", "on", "true" };
	static const char no[][6] = { "0", "no", "off", "false" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (text_is(t, yes[i]) || text_is(t, no[i])) {
			*value = text_is(t, yes[i]);
			return true;
		}
	}
	return false;
}

static bool parse_backend(struct text t, size_t *value)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text_is(t, words[i])) {
			*value = i;
			return true;
		}
	}
	return false;
}

static bool parse_mesh(struct text t, size_t *value)
{
	bool on;

	if (text_is(t, words[0]))
		*value = SHIM_MESH_AUTO;
	else if (parse_bool(t, &on))
		*value = on ? SHIM_MESH_ON : SHIM_MESH_OFF;
	else
		return false;
	return true;
}

/* Where the program is when it is written to is not known. */
static bool parse_file(struct text t, char *value)
{
	/* a name with a NUL in it would be another, shorter one */
	if (t.len >= SHIM_FILE_MAX || (t.len && *t.p != '/') ||
	    memchr(t.p, '\0', t.len))
		return false;
	memcpy(value, t.p, t.len);
	memset(value + t.len, 0, SHIM_FILE_MAX - t.len);
	return true;
}

static bool option_set(struct text name, struct text value)
{
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++) {
		const struct option *o = &options[i];
		char *field = (char *)&shim_conf + o->offset;

		if (!text_is(name, o->name))
			continue;
		switch (o->kind) {
		case KIND_BOOL:
			return parse_bool(value, (bool *)field);
		case KIND_BACKEND:
			return parse_backend(value, (size_t *)field);
		case KIND_MESH:
			return parse_mesh(value, (size_t *)field);
		case KIND_FILE:
			return parse_file(value, field);
		default:
			return parse_number(value, o->kind == KIND_BYTES,
					    (size_t *)field);
		}
	}
	return false;
}

static void report(struct text item, const char *where)
{
	char copy[64];
	size_t len = item.len < sizeof(copy) ? item.len : sizeof(copy) - 1;

	memcpy(copy, item.p, len);
	copy[len] = '\0';
	shim_say("%s: option not understood: %s", where, copy);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_separator(char c)
{
	return c == ',' || c == '\n' || c == ';';
}

static struct text strip(struct text t)
{
	while (t.len && is_blank(*t.p)) {
		t.p++;
		t.len--;
	}
	while (t.len && is_blank(t.p[t.len - 1]))
		t.len--;
	return t;
}

/* One "name=value"; a bare name means "name=1". */
static bool parse_item(struct text item)
{
	struct text name = { item.p, 0 };
	struct text value = { "1", 1 };

	while (name.len < item.len && item.p[name.len] != '=')
		name.len++;
	if (name.len < item.len) {
		value.p = item.p + name.len + 1;
		value.len = item.len - name.len - 1;
	}
	return option_set(strip(name), strip(value));
}

unsigned int conf_parse(const char *text, size_t len, const char *where)
{
	unsigned int bad = 0;
	struct text item;
	size_t i = 0;

	while (i < len) {
		item.p = text + i;
		while (i < len && !is_separator(text[i]) && text[i] != '#')
			i++;
		item.len = (size_t)(text + i - item.p);
		if (i < len && text[i] == '#')
			while (i < len && text[i] != '\n')
				i++;
		i++;
		item = strip(item);
		if (item.len && !parse_item(item)) {
			report(item, where);
			bad++;
		}
	}
	return bad;
}

static unsigned int load_file(const char *path)
{
	char text[FILE_MAX];
	long fd, got;

	fd = sys_call6(SYS_openat, AT_FDCWD, (long)path,
		       O_RDONLY | O_CLOEXEC | O_NOCTTY, 0, 0, 0);
	if (sys_failed(fd))
		return 0;
	got = sys_call3(SYS_read, fd, (long)text, sizeof(text));
	sys_call3(SYS_close, fd, 0, 0);
	return got > 0 ? conf_parse(text, (size_t)got, path) : 0;
}

/* Is this entry of the environment @name?  Then return its value. */
static const char *env_value(const char *entry, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(entry, name, len) || entry[len] != '=')
		return NULL;
	return entry + len + 1;
}

static unsigned int load_variable(char *const *envp, const char *name,
				  const char *option)
{
	struct text key = { option, strlen(option) };
	const char *value = NULL;
	struct text item;

	for (; *envp && !value; envp++)
		value = env_value(*envp, name);
	if (!value)
		return 0;
	if (!*option)
		return conf_parse(value, strlen(value), name);
	item.p = value;
	item.len = strlen(value);
	if (option_set(key, item))
		return 0;
	report(item, name);
	return 1;
}

/* The first variable that may be ours: most processes have none. */
static char *const *env_ours(char *const *envp)
{
	while (*envp && ((*envp)[0] != 'S' || strncmp(*envp, "SHIM_", 5)))
		envp++;
	return envp;
}

unsigned int conf_load(const char *file, char *const *envp)
{
	unsigned int bad = 0;

	memset(&shim_conf, 0, sizeof(shim_conf));
	shim_conf.populate = false;
	shim_conf.populate_max = (size_t)64 << 20;
	shim_conf.compound = true;
	shim_conf.scavenger = true;
	shim_conf.rseq = true;
	if (file)
		bad += load_file(file);
	if (envp)
		envp = env_ours(envp);
	if (envp && *envp) {
		bad += load_variable(envp, "SHIM_OPTIONS", "");
		bad += load_variable(envp, "SHIM_BACKEND", "backend");
		bad += load_variable(envp, "SHIM_LIMIT", "limit");
		bad += load_variable(envp, "SHIM_GUARD", "guard");
	}
	return bad;
}

static size_t print(char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = shim_format(buf, len, fmt, ap);
	va_end(ap);
	return n;
}

size_t conf_print(char *buf, size_t len)
{
	size_t at = 0;
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++) {
		const struct option *o = &options[i];
		const char *field = (const char *)&shim_conf + o->offset;
		const char *comma = i ? "," : "";
		size_t number;

		if (o->kind == KIND_FILE) {
			at += print(buf + at, len - at, "%s%s=%s", comma,
				    o->name, field);
			continue;
		}
		if (o->kind == KIND_BOOL)
			number = *(const bool *)field;
		else
			number = *(const size_t *)field;

		if (o->kind == KIND_BACKEND ||
		    (o->kind == KIND_MESH && number == SHIM_MESH_AUTO))
			at += print(buf + at, len - at, "%s%s=%s", comma,
				    o->name, words[o->kind == KIND_MESH ?
						   SHIM_BACKEND_AUTO : number]);
		else
			at += print(buf + at, len - at, "%s%s=%zu", comma,
				    o->name, o->kind == KIND_MESH ?
				    number == SHIM_MESH_ON : number);
	}
	return at;
}
