// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * error: messages on standard error, and how the library ends the process.
 *
 * Keeps true: nothing here allocates, takes a lock or touches the heap.  The
 * one exception is glibc's unwinder, which may allocate once: the thread that
 * runs it is marked, and entry serves it from a separate buffer.  Called by
 * every layer, with no lock held.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "sizeclass.h"
#include "sys.h"
#include "unwind.h"

#define LINE_MAX_BYTES	512
#define FRAMES_MAX	64

static __thread bool dying __attribute__((tls_model("initial-exec")));

int shim_is_dying(void)
{
	return dying;
}

struct out {
	char *buf;
	size_t len;
	size_t at;
};

static void put_char(struct out *o, char c)
{
	if (o->at + 1 < o->len)
		o->buf[o->at++] = c;
}

static void put_text(struct out *o, const char *s)
{
	for (; *s; s++)
		put_char(o, *s);
}

static void put_number(struct out *o, uint64_t n, unsigned int base)
{
	char digits[20];
	unsigned int i = 0;

	do {
		digits[i++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	while (i)
		put_char(o, digits[--i]);
}

size_t shim_format(char *buf, size_t len, const char *fmt, va_list ap)
{
	struct out o = { buf, len, 0 };

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put_char(&o, *fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			put_text(&o, va_arg(ap, const char *));
			break;
		case 'u':
			put_number(&o, va_arg(ap, unsigned int), 10);
			break;
		case 'z':
			fmt++;
			put_number(&o, va_arg(ap, size_t), 10);
			break;
		case 'x':
			put_number(&o, va_arg(ap, uintptr_t), 16);
			break;
		case 'p':
			put_text(&o, "0x");
			put_number(&o, (uintptr_t)va_arg(ap, void *), 16);
			break;
		case '%':
			put_char(&o, '%');
			break;
		default:
			put_char(&o, '%');
			fmt--;
		}
	}
	o.buf[o.at] = '\0';
	return o.at;
}

static void write_all(const char *p, size_t len)
{
	while (len) {
		long n = sys_call3(SYS_write, STDERR_FILENO, (long)p,
				   (long)len);

		/* a handler ran, and nothing was written yet */
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void say(const char *fmt, va_list ap)
{
	static const char prefix[] = "libshim: ";
	char line[LINE_MAX_BYTES];
	size_t at = sizeof(prefix) - 1;

	memcpy(line, prefix, at);
	at += shim_format(line + at, sizeof(line) - at - 1, fmt, ap);
	line[at++] = '\n';
	write_all(line, at);
}

void shim_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void shim_backtrace(unsigned int skip)
{
	void *frame[FRAMES_MAX];
	int n = backtrace(frame, FRAMES_MAX);

	if (n > (int)skip)
		backtrace_symbols_fd(frame + skip, n - (int)skip,
				     STDERR_FILENO);
}

static void die(unsigned int skip) __attribute__((noreturn));

static void die(unsigned int skip)
{
	/*
	 * A bad pointer was met while one was being reported: do not report
	 * again.
	 */
	if (!dying) {
		dying = true;
		shim_backtrace(skip + 1);
		/*
		 * a handler of SIGABRT may return or jump, and allocate as
		 * before
		 */
		dying = false;
	}
	abort();
}

void shim_die(enum shim_die why, const void *p, unsigned int cls)
{
	const char *what = "points to nothing that malloc() returned";

	if (why == SHIM_DIE_INTERIOR)
		what = "points into an object, not to its first byte";
	else if (why == SHIM_DIE_DOUBLE)
		what = "was freed before (double free)";
	else if (why == SHIM_DIE_FREE)
		what = "is free memory of the heap: freed before, or never allocated";
	else if (why == SHIM_DIE_SIZE)
		what = "was freed with a wrong size or alignment";
	else if (why == SHIM_DIE_OWNED)
		what = "did not come from malloc()";
	if (cls && cls <= SIZECLASS_COUNT)
		shim_say("free(): %p %s; size class %u, objects of %u bytes",
			 p, what, cls, sizeclass_info[cls].size);
	else
		shim_say("free(): %p %s", p, what);
	die(2);
}

void shim_stuck(const char *what)
{
	shim_say("%s", what);
	die(2);
}

void shim_bug(const char *what, const void *p)
{
	shim_say("internal error: %s (%p)", what, p);
	die(2);
}
