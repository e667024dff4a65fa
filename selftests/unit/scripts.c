// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scripts that other programs run: bash completion, commands for gdb, helpers
 * for drgn.  Each is tried in its interpreter, and skipped where that is not
 * installed.
 */
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

static char out[1 << 18];
static char build[PATH_MAX];	/* build/, which has hugearena and libshim */

/* Run a line of shell; its exit status, and in @out what it printed. */
static int shell(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
	char line[4096];
	va_list ap;
	size_t len;
	int status;
	FILE *f;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	fflush(NULL);
	f = popen(line, "re");
	len = f ? fread(out, 1, sizeof(out) - 1, f) : 0;
	out[len] = '\0';
	status = f ? pclose(f) : -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE(scripts) {
};

FIXTURE_SETUP(scripts)
{
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	ASSERT_LT(0, len);
	exe[len] = '\0';
	/* build/selftests/unit/scripts */
	snprintf(build, sizeof(build), "%s",
		 dirname(dirname(dirname(exe))));
	setenv("BUILD", build, 1);
	setenv("SOURCE", SOURCE, 1);
}

FIXTURE_TEARDOWN(scripts)
{
}

/* What bash completes after "hugearena WORDS": a line each. */
static void complete(const char *words)
{
	shell("bash -c '. $SOURCE/tools/dist/hugearena.bash-completion; "
	      "PATH=$BUILD:$PATH; COMP_WORDS=(hugearena %s); "
	      "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hugearena; "
	      "printf \"<%%s>\\n\" \"${COMPREPLY[@]}\"'", words);
}

TEST_F(scripts, completion_of_subcommands)
{
	static char list[8192];
	char *name, *rest, want[64], words[128];
	int n = 0;

	if (shell("command -v bash"))
		SKIP(return, "no bash");
	ASSERT_EQ(0, shell("$BUILD/hugearena --help | "
			   "sed -n 's/^  \\([a-z][a-z]*\\)  .*/\\1/p'"));
	snprintf(list, sizeof(list), "%.8000s", out);
	complete("\"\"");
	for (name = strtok_r(list, "\n", &rest); name;
	     name = strtok_r(NULL, "\n", &rest), n++) {
		snprintf(want, sizeof(want), "<%s>", name);
		complete("\"\"");
		EXPECT_NE(NULL, strstr(out, want));
		/* a command's options: all those in its help, and no other */
		snprintf(words, sizeof(words), "%s --", name);
		complete(words);
		EXPECT_NE(NULL, strstr(out, "<--json>")) {
			TH_LOG("%s: %s", name, out);
		}
		EXPECT_NE(NULL, strstr(out, "<--help>"));
		/* a part of the name is enough */
		snprintf(words, sizeof(words), "%.3s", name);
		complete(words);
		EXPECT_NE(NULL, strstr(out, want));
	}
	EXPECT_LE(14, n);
	complete("help le");
	EXPECT_STREQ("<leak>\n", out);
}

TEST_F(scripts, completion_of_what_options_take)
{
	if (shell("command -v bash"))
		SKIP(return, "no bash");
	complete("top --sort c");
	EXPECT_STREQ("<coverage>\n<cow>\n<cpu>\n", out);
	complete("top --sort = a");
	EXPECT_STREQ("<allocated>\n", out);
	complete("profile --format fo");
	EXPECT_STREQ("<folded>\n", out);
	complete("profile --what g");
	EXPECT_STREQ("<growth>\n", out);
	complete("leak --sn");
	EXPECT_STREQ("<--snapshot>\n", out);
	complete("report --output $SOURCE/READM");
	EXPECT_NE(NULL, strstr(out, "README.md>"));
	complete("map $$");
	EXPECT_EQ('<', out[0]);
	EXPECT_NE('>', out[1]);
	complete("run -- xarg");
	EXPECT_NE(NULL, strstr(out, "<xargs>"));
}

/* heap_subject in gdb, with @library preloaded: stopped when it has its objects. */
static int gdb_stops_in(const char *library, const char *subject)
{
	return shell("LD_PRELOAD=%s "
		"SHIM_OPTIONS=backend=thp gdb -batch -nx -iex 'set startup-with-shell off' "
		"-iex 'set debuginfod enabled off' "
		"-ex 'set confirm off' -ex 'break large_probe' -ex run "
		"-ex 'source '$SOURCE/tools/gdb/hugearena-heap.py "
		"-ex up -ex 'info heap' -ex 'print ph' -ex 'info spans 227' "
		"-ex 'heap-object (long)large[3] + 77' -ex 'heap-object 4096' "
		"-ex kill $BUILD/selftests/unit/obj/%s 2>&1 </dev/null",
		library, subject);
}

TEST_F(scripts, gdb_sees_the_heap)
{
	if (shell("command -v gdb"))
		SKIP(return, "no gdb");
	/* 100 objects of 300,000 bytes and the buffer of its input */
	EXPECT_EQ(0, gdb_stops_in("$BUILD/libshim.so.0", "heap_subject"));
	EXPECT_NE(NULL, strstr(out, "large        7          7")) {
		TH_LOG("%s", out);
	}
	EXPECT_NE(NULL, strstr(out, " = heap: "));
	EXPECT_NE(NULL, strstr(out, "in use, one object of 300000 bytes"));
	EXPECT_NE(NULL, strstr(out, "byte 77 of an object of 300000 at"));
	EXPECT_NE(NULL, strstr(out, "allocated, or in a cache"));
	EXPECT_NE(NULL, strstr(out, "0x1000 is not in libshim's heap"));
	EXPECT_EQ(NULL, strstr(out, "Traceback"));
}

/* In a static program, libshim's variables are at low addresses, or at high ones. */
TEST_F(scripts, gdb_sees_a_heap_that_is_linked_in)
{
	static const char *const subject[] = {
		"heap_subject.static", "heap_subject.static-pie",
	};
	unsigned int i;

	if (shell("command -v gdb"))
		SKIP(return, "no gdb");
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, gdb_stops_in("", subject[i]));
		EXPECT_NE(NULL, strstr(out, "large        7          7")) {
			TH_LOG("%s: %s", subject[i], out);
		}
		EXPECT_NE(NULL, strstr(out, "byte 77 of an object of 300000 at"));
		EXPECT_EQ(NULL, strstr(out, "Traceback"));
	}
}

/* An address in the last of the 15 slots of 48 bytes that an object has. */
TEST_F(scripts, gdb_sees_objects_of_several_slots)
{
	if (shell("command -v gdb"))
		SKIP(return, "no gdb");
	EXPECT_EQ(0, shell("LD_PRELOAD=$BUILD/libshim.so.0 "
		"SHIM_OPTIONS=backend=thp gdb -batch -nx -iex 'set startup-with-shell off' "
		"-iex 'set debuginfod enabled off' "
		"-ex 'set confirm off' -ex 'break compound_probe' -ex run "
		"-ex 'source '$SOURCE/tools/gdb/hugearena-heap.py "
		"-ex up -ex 'heap-object (long)compound_chain' "
		"-ex 'heap-object (long)compound_chain - 650' "
		"-ex 'heap-object (long)compound_chain + 69' "
		"-ex 'heap-object (long)slot[20]' -ex 'info heap' "
		"-ex kill $BUILD/selftests/tools/compound 2>&1 </dev/null"));
	EXPECT_NE(NULL, strstr(out, "byte 650 of an object of 720 at")) {
		TH_LOG("%s", out);
	}
	EXPECT_NE(NULL, strstr(out, "byte 0 of an object of 720 at"));
	EXPECT_NE(NULL, strstr(out, "byte 719 of an object of 720 at"));
	EXPECT_NE(NULL, strstr(out, "byte 0 of an object of 48 at"));
	EXPECT_NE(NULL, strstr(out, "allocated, or in a cache"));
	EXPECT_NE(NULL, strstr(out, "has compound objects"));
	EXPECT_EQ(NULL, strstr(out, "Traceback"));
}

TEST_F(scripts, drgn_walks_arenas)
{
	glob_t found = { 0 };
	char path[PATH_MAX + 32];
	size_t i;

	if (shell("/usr/bin/python3 -c 'import drgn'"))
		SKIP(return, "no drgn: 'apt-get install python3-drgn'");
	/* a release's folder: the debug kernel's modules have no DWARF */
	snprintf(path, sizeof(path), "%s/[0-9]*/hugearena.ko", build);
	if (glob(path, 0, NULL, &found))
		SKIP(return, "no hugearena.ko was built");
	for (i = 0; i < found.gl_pathc; i++) {
		EXPECT_EQ(0, shell("/usr/bin/python3 "
				   "$SOURCE/selftests/unit/drgn_fake.py %s "
				   "$SOURCE/tools/drgn/hugearena.py 2>&1",
				   found.gl_pathv[i]));
		EXPECT_STREQ("drgn: ok\n", out);
	}
	globfree(&found);
}

TEST_HARNESS_MAIN
