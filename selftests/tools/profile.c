// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena profile: a known mix is found again, by the code that allocated it.
 */
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"
#include "tool.h"

#define SMALL	(40000 * 100.0)
#define MIDDLE	(5000 * 1000.0)
#define LARGE	(100 * 300000.0)

/* Bytes of the stacks that contain a function. */
static double site(json_t *root, const char *name, const char *key)
{
	json_t *list = json_at(root, "stacks"), *stack, *frame;
	double sum = 0;
	size_t i, k;

	json_array_foreach(list, i, stack)
		json_array_foreach(json_at(stack, "stack"), k, frame)
			if (!strcmp(json_string_value(frame), name))
				sum += json_number_at(stack, key);
	return sum;
}

/*
 * With 1 KiB between samples, 4 MB of small objects are 4,000 samples: the
 * standard deviation is 1.6 %, and 9 % are more than five of them.
 */
static void mix_expect(struct __test_metadata *_metadata, json_t *root,
		       double churn)
{
	EXPECT_NEAR_REL(SMALL, site(root, "site_small", "bytes"), 0.09);
	EXPECT_NEAR_REL(40000, site(root, "site_small", "objects"), 0.09);
	EXPECT_NEAR_REL(MIDDLE, site(root, "site_middle", "bytes"), 0.05);
	EXPECT_NEAR_REL(LARGE, site(root, "site_large", "bytes"), 0.05);
	EXPECT_NEAR_REL(SMALL + MIDDLE + LARGE + churn,
			site(root, "mix", "bytes"), 0.09);
}

/* Wait for a file, which gets its name when it is complete. */
static bool file_comes(const char *name)
{
	int tries;

	for (tries = 0; tries < 6000 && access(name, R_OK); tries++)
		usleep(10000);
	return !access(name, R_OK);
}

TEST(live_of_a_process_sampled_from_the_start)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp,profile=1k"));
	root = tool_json("profile --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_EQ(1024, json_number_at(root, "rate_bytes"));
	mix_expect(_metadata, root, 0);
	/* freed objects are not live */
	EXPECT_EQ(0, site(root, "site_churn", "bytes"));
	json_decref(root);
	root = tool_json("profile --what total --json %d", s.pid);
	ASSERT_NE(NULL, root);
	mix_expect(_metadata, root, SMALL);
	EXPECT_NEAR_REL(SMALL, site(root, "site_churn", "bytes"), 0.09);
	json_decref(root);
	subject_end(&s);
}

/*
 * An object counts with its current size, however it got there.  Of 6,000
 * objects of 3,000 bytes one in six is a sample, with a standard deviation of 3
 * %; the others have less.
 */
TEST(what_realloc_made_of_them)
{
	struct subject s;
	json_t *root;
	double live;

	ASSERT_EQ(0, subject_start(&s, "grow", "backend=thp,profile=16k"));
	root = tool_json("profile --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_NEAR_REL(6000 * 8192.0, site(root, "site_doubles", "bytes"), 0.1);
	EXPECT_NEAR_REL(6000 * 6000.0, site(root, "site_steps", "bytes"), 0.1);
	EXPECT_NEAR_REL(6000 * 3000.0, site(root, "site_cuts", "bytes"), 0.12);
	EXPECT_NEAR_REL(6000, site(root, "site_doubles", "objects"), 0.1);
	json_decref(root);
	/* compare with map: a sample's usable size is what was asked for */
	root = tool_json("map --json %d", s.pid);
	ASSERT_NE(NULL, root);
	live = json_number_at(root, "allocated_bytes");
	EXPECT_LE(s.asked * 0.99, live);
	EXPECT_GE(s.usable * 1.01, live);
	json_decref(root);
	subject_end(&s);
}

TEST(a_command_at_its_peak)
{
	json_t *root;

	root = tool_json("profile --json --rate 1k --options backend=thp -w "
			 "/tmp/profile-test.json -- %s/subject quick && cat "
			 "/tmp/profile-test.json", tool_dir());
	EXPECT_EQ(NULL, root);	/* the command's own output and exit status */
	EXPECT_EQ(3, tool_status);
	root = json_load_file("/tmp/profile-test.json", 0, NULL);
	unlink("/tmp/profile-test.json");
	ASSERT_NE(NULL, root);
	/* the peak is recorded at every growth by a sixteenth */
	EXPECT_NEAR_REL(SMALL, site(root, "site_small", "bytes"), 0.07);
	EXPECT_NEAR_REL(LARGE, site(root, "site_large", "bytes"), 0.1);
	json_decref(root);
}

/*
 * A program without frame pointers: unwound by the tables of program and libc.
 */
TEST(callers_without_frame_pointers)
{
	double bytes;
	char *line;

	EXPECT_EQ(3, tool("profile --format folded --rate 1k --what total "
			  "--options backend=thp -w /tmp/profile-nofp.txt -- "
			  "%s/subject_nofp quick", tool_dir()));
	ASSERT_LT(0, file_read("/tmp/profile-nofp.txt", tool_out,
			       sizeof(tool_out)));
	unlink("/tmp/profile-nofp.txt");
	line = strstr(tool_out, ";main;mix;site_middle ");
	ASSERT_NE(NULL, line) {
		TH_LOG("%.800s", tool_out);
	}
	ASSERT_EQ(1, sscanf(line, ";main;mix;site_middle %lf", &bytes));
	EXPECT_NEAR_REL(MIDDLE, bytes, 0.05);
	/* down to the start of the program */
	EXPECT_EQ(0, strncmp(tool_out, "_start;", 7));
}

TEST(switched_on_for_a_while)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	/* it does not allocate any more */
	root = tool_json("profile --time 0.5 --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(0, json_number_at(root, "samples"));
	EXPECT_EQ(512 << 10, json_number_at(root, "rate_bytes"));
	json_decref(root);
	/* and is as before: its fast paths are enabled */
	root = tool_json("map --json %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_LE(s.usable - 100 * 8192,
		  json_number_at(root, "allocated_bytes"));
	json_decref(root);
	subject_end(&s);
}

/* Allocations of that time are seen, and none from before. */
TEST(switched_on_while_it_allocates)
{
	struct subject s;
	json_t *root;
	int i, samples = 0;

	ASSERT_EQ(0, subject_start(&s, "busy", "backend=thp"));
	/* half a second of CPU time, unless nobody lets it run */
	for (i = 0; i < 100 && !samples; i++) {
		root = tool_json("profile --time 0.5 --rate 4k --what total "
				 "--json %d", s.pid);
		ASSERT_NE(NULL, root);
		samples = (int)json_number_at(root, "samples");
		EXPECT_EQ(4096, json_number_at(root, "rate_bytes"));
		if (samples) {
			EXPECT_LE(100 * samples,
				  site(root, "site_churn", "bytes"));
			EXPECT_LT(0, site(root, "busy", "objects"));
			EXPECT_EQ(0, site(root, "site_small", "bytes"));
			EXPECT_EQ(0, site(root, "site_large", "bytes"));
		}
		json_decref(root);
	}
	EXPECT_LT(0, samples);
	subject_end(&s);
}

FIXTURE(attach) {
};

FIXTURE_SETUP(attach)
{
	tool_dir();
}

FIXTURE_TEARDOWN(attach)
{
}

/*
 * Whenever the tool attaches and detaches, the process does what it would have
 * done: at its start, before it has allocated, around its fork and its exec, at
 * its end.  SCALE=100 makes it a thousand rounds of half a second each.
 */
TEST_F_TIMEOUT(attach, attached_at_any_moment, 3600)
{
	char exe[PATH_MAX], us[16];
	const char *scale = getenv("SCALE");
	int times = scale ? atoi(scale) : 1;
	int i, status, rounds = 10 * (times > 0 ? times : 1);

	snprintf(exe, sizeof(exe), "%s/subject", tool_dir());
	for (i = 0; i < rounds; i++) {
		pid_t pid;

		snprintf(us, sizeof(us), "%d", i % 10 * 10000);
		pid = fork();
		if (!pid) {
			char lib[PATH_MAX];

			snprintf(lib, sizeof(lib), "%s/libshim.so.0",
				 tool_dir());
			setenv("LD_PRELOAD", lib, 1);
			setenv("SHIM_OPTIONS", "backend=thp", 1);
			execl(exe, "subject", "brief", us, "again",
			      (char *)NULL);
			_exit(127);
		}
		EXPECT_GT(256, tool("profile --time 0.02 --rate 1k %d", pid));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3) {
			TH_LOG("round %d: status %x", i, status);
		}
	}
}

/* How much the tool that samples with "--time 250" has read, 0 if none runs. */
static long long tool_read(void)
{
	static const char line[] = "profile\0--time\000250";
	char path[64], buf[512];
	long long n = 0;
	struct dirent *d;
	DIR *dir = opendir("/proc");
	char *at;

	while (dir && !n && (d = readdir(dir))) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%.16s/cmdline", d->d_name);
		len = file_read(path, buf, sizeof(buf));
		/* the shell that runs it has spaces there */
		if (len < (ssize_t)sizeof(line) ||
		    !memmem(buf, (size_t)len, line, sizeof(line)))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/io", d->d_name);
		if (file_read(path, buf, sizeof(buf)) <= 0)
			continue;
		at = strstr(buf, "rchar: ");
		n = at ? atoll(at + 7) : 0;
	}
	if (dir)
		closedir(dir);
	return n;
}

/*
 * It has taken a few samples once it has read this much: 32 KiB of tables each
 * time.
 */
static void *end_when_seen(void *arg)
{
	while (tool_read() < 256 << 10)
		usleep(10000);
	subject_end(arg);
	return NULL;
}

/*
 * The subject ends long before the time is up: what was sampled until then is
 * shown.
 */
TEST(a_process_that_ends_first)
{
	struct subject s;
	pthread_t thread;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp,profile=1k"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, end_when_seen, &s));
	root = tool_json("profile --time 250 --json %d", s.pid);
	pthread_join(thread, NULL);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_OK, tool_status);
	EXPECT_NE(NULL, strstr(tool_err, "ended after"));
	mix_expect(_metadata, root, 0);
	json_decref(root);
}

/*
 * Without a tool: the process writes its profile at the end, at the peak, at a
 * signal.
 */
TEST(files_that_libshim_writes)
{
	char dir[] = "/tmp/profile-XXXXXX", name[256], options[256];
	struct subject s;
	json_t *root;
	int i;

	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(options, sizeof(options),
		 "backend=thp,profile=1k,profile_file=%s/a,profile_exit=1,profile_peak=1,profile_signal=%d",
		 dir, SIGUSR2);
	ASSERT_EQ(0, subject_start(&s, "mix", options));
	for (i = 1; i <= 2; i++) {
		snprintf(name, sizeof(name), "%s/a.%d.%d.heap", dir, s.pid, i);
		ASSERT_EQ(0, kill(s.pid, SIGUSR2));
		ASSERT_TRUE(file_comes(name));
		root = tool_json("profile --json --load %s", name);
		ASSERT_NE(NULL, root);
		EXPECT_EQ(1024, json_number_at(root, "rate_bytes"));
		mix_expect(_metadata, root, 0);
		json_decref(root);
		unlink(name);
	}
	/* a link planted at the place of the file is not followed */
	snprintf(name, sizeof(name), "%s/a.%d.3.heap.new", dir, s.pid);
	ASSERT_EQ(0, symlink("/dev/full", name));
	ASSERT_EQ(0, kill(s.pid, SIGUSR2));
	name[strlen(name) - 4] = '\0';
	ASSERT_TRUE(file_comes(name));
	unlink(name);
	/* the signal's handler has not ended the process */
	subject_end(&s);
	EXPECT_TRUE(WIFEXITED(s.status) && !WEXITSTATUS(s.status));
	snprintf(name, sizeof(name), "%s/a.%d.exit.heap", dir, s.pid);
	root = tool_json("profile --json --what total --load %s/a.*.exit.heap",
			 dir);
	ASSERT_NE(NULL, root);
	mix_expect(_metadata, root, SMALL);
	json_decref(root);
	snprintf(name, sizeof(name), "rm %s/a.*.heap", dir);
	ASSERT_EQ(0, system(name));
	/* at the peak everything was live, at the end nothing */
	ASSERT_EQ(0, subject_start(&s, "spike", options));
	subject_end(&s);
	EXPECT_TRUE(WIFEXITED(s.status) && WEXITSTATUS(s.status) == 3);
	root = tool_json("profile --json --load %s/a.*.exit.heap", dir);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(0, site(root, "mix", "bytes"));
	json_decref(root);
	root = tool_json("profile --json --load %s/a.*.peak.heap", dir);
	ASSERT_NE(NULL, root);
	/* the peak is recorded at every growth by a sixteenth */
	EXPECT_NEAR_REL(SMALL + MIDDLE + LARGE, site(root, "mix", "bytes"),
			0.12);
	json_decref(root);
	snprintf(name, sizeof(name), "rm -r %s", dir);
	ASSERT_EQ(0, system(name));
}

/* The difference of two runs whose addresses differ. */
TEST(less_another_profile)
{
	struct subject s;
	json_t *root;
	double now, before;
	char *line;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp,profile=4k"));
	ASSERT_EQ(TOOL_OK, tool("profile --format heap -w /tmp/profile.base %d",
				s.pid));
	subject_end(&s);
	ASSERT_EQ(0, subject_start(&s, "grow", "backend=thp,profile=16k"));
	root = tool_json("profile --json --base /tmp/profile.base %d", s.pid);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(json_is_true(json_at(root, "difference")));
	EXPECT_NEAR_REL(-LARGE, site(root, "site_large", "bytes"), -0.05);
	EXPECT_NEAR_REL(6000 * 8192.0, site(root, "site_doubles", "bytes"), 0.1);
	json_decref(root);
	/* differential flame graphs: counts of both runs */
	ASSERT_EQ(TOOL_OK, tool("profile --format folded --base "
				"/tmp/profile.base %d", s.pid));
	line = strstr(tool_out, ";main;mix;site_large ");
	ASSERT_NE(NULL, line);
	ASSERT_EQ(2, sscanf(line, ";main;mix;site_large %lf %lf", &before,
			    &now));
	EXPECT_NEAR_REL(LARGE, before, 0.05);
	EXPECT_EQ(0, now);
	subject_end(&s);
	/* the difference of a profile and itself is empty */
	root = tool_json("profile --json --load /tmp/profile.base --base "
			 "/tmp/profile.base");
	ASSERT_NE(NULL, root);
	EXPECT_EQ(0, json_number_at(root, "bytes"));
	json_decref(root);
	EXPECT_EQ(TOOL_USAGE, tool("profile --load /tmp/profile.base --base "
				   "/tmp/profile.base --format heap"));
	EXPECT_EQ(TOOL_USAGE, tool("profile --load /tmp/profile.base 1"));
	EXPECT_EQ(TOOL_FAILED, tool("profile --load /dev/null"));
	EXPECT_EQ(TOOL_FAILED, tool("profile --load /nonexistent"));
	unlink("/tmp/profile.base");
}

/*
 * A program of 1 MB has samples without any option, and is warned that they are
 * few.
 */
TEST(a_small_program)
{
	EXPECT_EQ(3, tool("profile --options backend=thp -- %s/subject leaks",
			  tool_dir()));
	EXPECT_NE(NULL, strstr(tool_out, "one in 64.0 KiB"));
	EXPECT_NE(NULL, strstr(tool_out, "--rate 4k has more"));
	EXPECT_EQ(3, tool("profile --options backend=thp -- %s/subject quick",
			  tool_dir()));
	EXPECT_EQ(NULL, strstr(tool_out, "has more"));
}

TEST(text_for_pprof)
{
	struct subject s;
	unsigned long long n = 0, bytes = 0, rate = 0;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp,profile=4k"));
	ASSERT_EQ(TOOL_OK, tool("profile --format heap %d", s.pid));
	EXPECT_EQ(3, sscanf(tool_out, "heap profile: %llu: %llu [ %*u: %*u] "
			    "@ heap_v2/%llu", &n, &bytes, &rate));
	EXPECT_EQ(4096, rate);
	EXPECT_LT(100, n);
	EXPECT_LT(LARGE * 0.9, bytes);
	EXPECT_NE(NULL, strstr(tool_out, "\nMAPPED_LIBRARIES:\n"));
	EXPECT_NE(NULL, strstr(tool_out, "/subject\n"));
	ASSERT_EQ(TOOL_OK, tool("profile --format folded %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_out, ";main;mix;site_large "));
	ASSERT_EQ(TOOL_OK, tool("profile %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_out, "site_middle"));
	subject_end(&s);
}

/* Enough of protobuf: every field of the outermost message, to its end. */
TEST(profile_proto_is_whole)
{
	static unsigned char buf[1 << 20];
	int seen[16] = { 0 };
	struct subject s;
	ssize_t len;
	size_t at = 0;
	FILE *f;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp,profile=4k"));
	ASSERT_EQ(TOOL_OK, tool("profile --format proto -w /tmp/profile.pb %d",
				s.pid));
	subject_end(&s);
	/* it is compressed */
	f = popen("gzip -dc </tmp/profile.pb", "re");
	ASSERT_NE(NULL, f);
	len = (ssize_t)fread(buf, 1, sizeof(buf), f);
	ASSERT_EQ(0, pclose(f));
	unlink("/tmp/profile.pb");
	while (at < (size_t)len) {
		unsigned int field = buf[at] >> 3, kind = buf[at] & 7;
		unsigned long long v = 0;
		int shift = 0;

		at++;
		ASSERT_GT(16, field);
		ASSERT_TRUE(kind == 0 || kind == 2);
		do {
			v |= (unsigned long long)(buf[at] & 127) << shift;
			shift += 7;
		} while (buf[at++] & 128);
		if (kind == 2)
			at += v;
		seen[field]++;
	}
	EXPECT_EQ(len, at);
	EXPECT_EQ(2, seen[1]);		/* sample types */
	EXPECT_LE(3, seen[2]);		/* samples */
	EXPECT_LE(2, seen[3]);		/* mappings: the program, libc */
	EXPECT_LE(3, seen[4]);		/* locations */
	EXPECT_LE(seen[4], seen[5]);	/* functions, inlined ones too */
	/*
	 * strings: a name each and some files; a path and an id for each
	 * mapping
	 */
	EXPECT_LE(5 + seen[5] + 2 * seen[3], seen[6]);
	EXPECT_NE(NULL, memmem(buf, (size_t)len, "site_large", 10));
	EXPECT_NE(NULL, memmem(buf, (size_t)len, "subject.c", 9));
	EXPECT_EQ(1, seen[12]);		/* period */
}

TEST(errors)
{
	EXPECT_EQ(TOOL_FAILED, tool("profile %d", getpid()));
	EXPECT_NE(NULL, strstr(tool_err, "does not run on libshim"));
	EXPECT_EQ(TOOL_USAGE, tool("profile"));
	EXPECT_EQ(TOOL_USAGE, tool("profile --rate 0 1"));
	EXPECT_EQ(TOOL_USAGE, tool("profile --format nonsense 1"));
	EXPECT_EQ(TOOL_USAGE, tool("profile --what growth -- true"));
}

TEST_HARNESS_MAIN
