// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * prof_dump: the heap profile as a file, without a tool.
 *
 * At the end of the program, when more is live than ever, and at a signal.  The
 * text is what 'hugearena profile --format heap' writes and google-pprof reads.
 *
 * A signal handler calls this as well, wherever the thread was: so it takes no
 * lock, does not allocate, and makes system calls only.  Records are complete
 * when they are linked and stay for ever, so the table can be read at any time; a
 * count may be off by the sample that is just being taken.  One dump is written
 * at a time, by whom @busy belongs to; what is wanted meanwhile, by a handler in
 * the middle of it even, is written after it.
 *
 * A file is written under another name, which nobody has made before, and then
 * renamed: what is there under its own name is whole.  Called by boot, prof and
 * seccomp.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/auxv.h>

#include "conf.h"
#include "error.h"
#include "prof.h"
#include "sys.h"

#define BUF_BYTES	2048u
#define PATH_BYTES	192u	/* profile_file and ".4194304.4294967295.heap.new" */
#define LINE_BYTES	128u	/* the longest that text_add() is asked for */

static struct {
	uint32_t busy;		/* a dump is being written */
	uint32_t wanted;	/* bits of enum prof_moment */
	uint32_t signals;	/* dumps at a signal so far */
	bool off;		/* no file may be opened */
	long fd;
	bool failed;
	size_t len;
} dump;
static char dump_buf[BUF_BYTES] SHIM_BSS_LARGE;

static void buf_flush(void)
{
	size_t at = 0;
	long n;

	while (at < dump.len && !dump.failed) {
		n = sys_call3(SYS_write, dump.fd, (long)(dump_buf + at),
			      (long)(dump.len - at));
		if (n == -EINTR)
			continue;
		if (sys_failed(n) || !n)
			dump.failed = true;
		else
			at += (size_t)n;
	}
	dump.len = 0;
}

static void text_add(const char *fmt, ...)
{
	va_list ap;

	if (dump.len + LINE_BYTES > BUF_BYTES)
		buf_flush();
	va_start(ap, fmt);
	dump.len += shim_format(dump_buf + dump.len, BUF_BYTES - dump.len, fmt,
				ap);
	va_end(ap);
}

static size_t word(const uint64_t *count)
{
	return (size_t)__atomic_load_n(count, __ATOMIC_RELAXED);
}

static void record_write(const struct prof_stack *s)
{
	uint32_t i;

	text_add("%zu: %zu [%zu: %zu] @", word(&s->live.objects),
		 word(&s->live.bytes), word(&s->total.objects),
		 word(&s->total.bytes));
	for (i = 0; i < s->nframes; i++)
		text_add(" %p", s->frame[i]);
	text_add("\n");
}

/* Every record, or the sums over them. */
static void records_walk(struct prof_count *live, struct prof_count *total)
{
	struct prof_stack **table, *s;
	uint32_t i;

	/* acquire: what is linked is complete, see record_get() */
	table = __atomic_load_n(&shim_prof.table, __ATOMIC_ACQUIRE);
	for (i = 0; table && i < PROF_BUCKETS; i++) {
		s = __atomic_load_n(&table[i], __ATOMIC_ACQUIRE);
		for (; s; s = s->next) {
			if (!live) {
				record_write(s);
				continue;
			}
			live->objects += word(&s->live.objects);
			live->bytes += word(&s->live.bytes);
			total->objects += word(&s->total.objects);
			total->bytes += word(&s->total.bytes);
		}
	}
}

static void maps_copy(void)
{
	long fd = sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC), n;

	if (sys_failed(fd))
		return;
	buf_flush();
	for (;;) {
		n = sys_call3(SYS_read, fd, (long)dump_buf, BUF_BYTES);
		if (n == -EINTR)
			continue;
		if (sys_failed(n) || !n)
			break;
		dump.len = (size_t)n;
		buf_flush();
	}
	sys_call3(SYS_close, fd, 0, 0);
}

static void text_write(void)
{
	struct prof_count live = { 0 }, total = { 0 };

	records_walk(&live, &total);
	text_add("heap profile: %zu: %zu [%zu: %zu] @ heap_v2/%zu\n",
		 (size_t)live.objects, (size_t)live.bytes,
		 (size_t)total.objects, (size_t)total.bytes,
		 shim_conf.profile);
	records_walk(NULL, NULL);
	text_add("\nMAPPED_LIBRARIES:\n");
	maps_copy();
	buf_flush();
}

static void name_print(char *name, size_t len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	shim_format(name, len, fmt, ap);
	va_end(ap);
}

/* "PREFIX.PID.exit.heap"; a signal's are numbered. */
static void name_make(char *name, size_t len, enum prof_moment at)
{
	static const char words[][5] = {
		[PROF_AT_EXIT] = "exit", [PROF_AT_PEAK] = "peak",
	};
	size_t pid = (size_t)sys_call3(SYS_getpid, 0, 0, 0);

	if (at == PROF_AT_SIGNAL)
		name_print(name, len, "%s.%zu.%u.heap", shim_conf.profile_file,
			   pid, ++dump.signals);
	else
		name_print(name, len, "%s.%zu.%s.heap", shim_conf.profile_file,
			   pid, words[at]);
}

/*
 * In a directory where others may write, a link that waits for us is not
 * followed: the file must be new.  One of the same name that was left behind is
 * removed first.
 */
static long file_make(const char *path)
{
	const long flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	long fd;

	fd = sys_call6(SYS_openat, AT_FDCWD, (long)path, flags, 0600, 0, 0);
	if (fd != -EEXIST)
		return fd;
	sys_call3(SYS_unlinkat, AT_FDCWD, (long)path, 0);
	return sys_call6(SYS_openat, AT_FDCWD, (long)path, flags, 0600, 0, 0);
}

static void file_write(enum prof_moment at)
{
	char name[PATH_BYTES], new[PATH_BYTES];
	long ret;

	name_make(name, sizeof(name) - 4, at);
	name_print(new, sizeof(new), "%s.new", name);
	dump.fd = file_make(new);
	if (sys_failed(dump.fd)) {
		shim_say("cannot write the profile %s: error %u", name,
			 (unsigned int)-dump.fd);
		return;
	}
	dump.failed = false;
	dump.len = 0;
	text_write();
	sys_call3(SYS_close, dump.fd, 0, 0);
	ret = dump.failed ? -1 :
	      sys_call6(SYS_renameat2, AT_FDCWD, (long)new, AT_FDCWD,
			(long)name, 0, 0);
	if (sys_failed(ret)) {
		shim_say("the profile %s could not be written", name);
		sys_call3(SYS_unlinkat, AT_FDCWD, (long)new, 0);
	}
}

void prof_dump(enum prof_moment at)
{
	uint32_t bits;

	if (!shim_conf.profile_file[0] ||
	    __atomic_load_n(&dump.off, __ATOMIC_RELAXED))
		return;
	__atomic_fetch_or(&dump.wanted, 1u << at, __ATOMIC_SEQ_CST);
	/* whoever is at it sees what is wanted, either before or after this */
	while (__atomic_load_n(&dump.wanted, __ATOMIC_SEQ_CST) &&
	       !__atomic_exchange_n(&dump.busy, 1, __ATOMIC_SEQ_CST)) {
		bits = __atomic_exchange_n(&dump.wanted, 0, __ATOMIC_SEQ_CST);
		for (at = 0; at < PROF_MOMENTS; at++)
			if (bits >> at & 1)
				file_write(at);
		__atomic_store_n(&dump.busy, 0, __ATOMIC_SEQ_CST);
	}
}

static void on_signal(int sig)
{
	int old = errno;

	(void)sig;
	prof_dump(PROF_AT_SIGNAL);
	errno = old;
}

void prof_dump_blind(void)
{
	__atomic_store_n(&dump.off, true, __ATOMIC_RELAXED);
}

void prof_dump_boot(void)
{
	struct sigaction old, act = {
		.sa_handler = on_signal, .sa_flags = SA_RESTART,
	};
	int sig = (int)shim_conf.profile_signal;

	/* with raised privileges no file of a name that others know */
	if (getauxval(AT_SECURE))
		prof_dump_blind();
	if (!shim_conf.profile_file[0] || !sig)
		return;
	if (sigaction(sig, NULL, &old) ||
	    (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) ||
	    sigaction(sig, &act, NULL))
		shim_say("profile_signal: signal %u cannot be had",
			 (unsigned int)sig);
}

void prof_dump_fork_child(void)
{
	/* another thread of the parent's may have been at it */
	__atomic_store_n(&dump.busy, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&dump.wanted, 0, __ATOMIC_RELAXED);
	dump.signals = 0;
}
