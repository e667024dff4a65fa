// SPDX-License-Identifier: GPL-2.0-only
/*
 * out: how every subcommand speaks.  Called by all; no threads.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"
#include "out.h"

#define NR_BUFFERS	16

bool out_json;
static bool colour;

void out_init(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	colour = isatty(STDOUT_FILENO) && !(no && *no) && term &&
		 strcmp(term, "dumb");
}

const char *out_style(enum out_style style)
{
	static const char *const codes[] = {
		[OUT_PLAIN] = "\033[0m",
		[OUT_BOLD] = "\033[1m",
		[OUT_DIM] = "\033[2m",
		[OUT_GOOD] = "\033[32m",
		[OUT_WARN] = "\033[33m",
		[OUT_BAD] = "\033[31m",
		[OUT_INFO] = "\033[36m",
	};

	return colour ? codes[style] : "";
}

static char *buffer(void)
{
	static char bufs[NR_BUFFERS][32];
	static unsigned int next;

	return bufs[next++ % NR_BUFFERS];
}

const char *out_bytes(uint64_t bytes)
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
	};
	double value = (double)bytes;
	unsigned int unit = 0;
	char *buf = buffer();

	while (value >= 1023.95 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, 32, unit && value < 99.95 ? "%.1f %s" : "%.0f %s",
		 value, units[unit]);
	return buf;
}

const char *out_percent(uint64_t part, uint64_t whole)
{
	char *buf = buffer();

	if (!whole)
		return "-";
	snprintf(buf, 32, "%.1f %%", 100.0 * (double)part / (double)whole);
	return buf;
}

const char *out_count(uint64_t n)
{
	char digits[24], *buf = buffer(), *to = buf;
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), i;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buf;
}

const char *out_ns(uint64_t ns)
{
	char *buf = buffer();

	if (ns < 1000)
		snprintf(buf, 32, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(buf, 32, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(buf, 32, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(buf, 32, "%.2f s", (double)ns / 1e9);
	return buf;
}

void out_heading(const char *text)
{
	printf("%s%s%s\n", out_style(OUT_BOLD), text, out_style(OUT_PLAIN));
}

void out_row(const char *label, const char *fmt, ...)
{
	va_list ap;

	printf("  %-22s ", label);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void out_note(const char *fmt, ...)
{
	va_list ap;

	printf("  %s", out_style(OUT_DIM));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s\n", out_style(OUT_PLAIN));
}

void out_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("hugearena: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void out_progress(const char *what, uint64_t done, uint64_t total)
{
	static struct timespec last;
	static bool shown;
	struct timespec now;
	double since;

	if (!isatty(STDERR_FILENO))
		return;
	if (!what) {
		if (shown)
			fputs("\r\033[K", stderr);
		shown = false;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	since = (double)(now.tv_sec - last.tv_sec) +
		(double)(now.tv_nsec - last.tv_nsec) / 1e9;
	if (shown && since < 0.1)
		return;
	last = now;
	shown = true;
	if (total)
		fprintf(stderr, "\r\033[K%s: %.0f %%", what,
			100.0 * (double)done / (double)total);
	else
		fprintf(stderr, "\r\033[K%s: %s", what, out_count(done));
}

int out_print_json(json_t *root)
{
	int err = json_dumpf(root, stdout, JSON_INDENT(2));

	json_decref(root);
	putchar('\n');
	if (err || fflush(stdout)) {
		out_error("cannot write: %m");
		return CMD_FAILED;
	}
	return CMD_OK;
}

void json_put_int(json_t *obj, const char *key, uint64_t value)
{
	json_object_set_new(obj, key, json_integer((json_int_t)value));
}

void json_put_real(json_t *obj, const char *key, double value)
{
	json_object_set_new(obj, key, json_real(value));
}

void json_put_text(json_t *obj, const char *key, const char *value)
{
	json_t *text = value ? json_string(value) : json_null();

	/* a name need not be UTF-8 */
	json_object_set_new(obj, key, text ? text : json_string("?"));
}

void json_put_bool(json_t *obj, const char *key, bool value)
{
	json_object_set_new(obj, key, json_boolean(value));
}
