// SPDX-License-Identifier: GPL-2.0-only
/* hugearena export: every family declared, values as /proc has them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"
#include "memcg.h"
#include "tool.h"

#define PORT	39101

TOOL_FIXTURE(export, 4)

/* The value of the sample whose line begins with @text, or -1. */
static double value_of(const char *sample)
{
	size_t len = strlen(sample);
	const char *at = tool_out;

	for (; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, sample, len) && at[len] == ' ')
			return strtod(at + len, NULL);
	}
	return -1;
}

TEST_F(export, values)
{
	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_punch(&self->a, 0, OS_PAGE));
	ASSERT_EQ(TOOL_OK, tool("export"));
	EXPECT_EQ(1, value_of("hugearena_up"));
	EXPECT_EQ(stat_read("Arenas"), value_of("hugearena_arenas"));
	EXPECT_EQ(stat_read("Blocks"),
		  value_of("hugearena_blocks{state=\"whole\"}"));
	EXPECT_EQ(stat_read("Split"),
		  value_of("hugearena_blocks{state=\"split\"}"));
	EXPECT_EQ(stat_read("Resident") * 1024,
		  value_of("hugearena_resident_bytes"));
	EXPECT_EQ(stat_read("FaultDemand"),
		  value_of("hugearena_faults_total{source=\"demand\"}"));
	EXPECT_EQ(stat_read("Released") * 1024,
		  value_of("hugearena_released_bytes_total"));
	EXPECT_LE(3, value_of("hugearena_fault_duration_seconds_count"
			      "{source=\"demand\"}"));
	EXPECT_EQ(value_of("hugearena_fault_duration_seconds_bucket"
			   "{source=\"demand\",le=\"+Inf\"}"),
		  value_of("hugearena_fault_duration_seconds_count"
			   "{source=\"demand\"}"));
}

/* Each sample comes after its family's TYPE, each family comes once. */
TEST_F(export, families)
{
	char type[128] = "", *line, *rest, *end, text[160], *all;
	int samples = 0, families = 0;

	pages_fill(self->a.base, BLOCK_LEN, 1);
	ASSERT_EQ(TOOL_OK, tool("export --processes"));
	all = strdup(tool_out);
	for (line = strtok_r(all, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!strncmp(line, "# HELP ", 7))
			continue;
		if (!strncmp(line, "# TYPE ", 7)) {
			end = strchr(line + 7, ' ');
			ASSERT_NE(NULL, end);
			*end = '\0';
			snprintf(type, sizeof(type), "%s", line + 7);
			snprintf(text, sizeof(text), "# TYPE %s ", type);
			end = strstr(tool_out, text);
			ASSERT_NE(NULL, end);
			EXPECT_EQ(NULL, strstr(end + 1, text));
			families++;
			continue;
		}
		EXPECT_EQ(0, strncmp(line, type, strlen(type))) {
			TH_LOG("%s after %s", line, type);
		}
		end = strrchr(line, ' ');
		ASSERT_NE(NULL, end);
		strtod(end + 1, &end);
		EXPECT_EQ('\0', *end);
		samples++;
	}
	free(all);
	EXPECT_LT(20, families);
	EXPECT_LT(100, samples);
}

TEST(commands_are_added_up)
{
	struct subject a, b;
	double n;

	ASSERT_EQ(0, subject_start(&a, "mix", "backend=thp"));
	ASSERT_EQ(0, subject_start(&b, "mix", "backend=thp"));
	ASSERT_EQ(TOOL_OK, tool("export --processes"));
	EXPECT_EQ(2, value_of("hugearena_command_processes"
			      "{command=\"subject\"}"));
	n = value_of("hugearena_command_allocated_bytes"
		     "{command=\"subject\"}");
	EXPECT_LE(2 * (a.usable - 100 * 8192), n);
	EXPECT_GE(2 * (a.usable + 65536), n);
	EXPECT_LE(2 * a.asked, value_of("hugearena_command_resident_bytes"
					"{command=\"subject\"}"));
	subject_end(&a);
	subject_end(&b);
}

/*
 * Different labels tell processes apart; a label without a value is left out.
 */
TEST(told_apart_by_labels)
{
	struct subject a, b;
	char sample[128];

	ASSERT_EQ(0, subject_start(&a, "mix", "backend=thp"));
	ASSERT_EQ(0, subject_start(&b, "mix", "backend=thp"));
	ASSERT_EQ(TOOL_OK, tool("export --labels pid,pod"));
	snprintf(sample, sizeof(sample),
		 "hugearena_command_processes{command=\"subject\",pid=\"%d\"}",
		 a.pid);
	EXPECT_EQ(1, value_of(sample));
	snprintf(sample, sizeof(sample),
		 "hugearena_command_processes{command=\"subject\",pid=\"%d\"}",
		 b.pid);
	EXPECT_EQ(1, value_of(sample));
	EXPECT_EQ(-1, value_of("hugearena_command_processes"
			       "{command=\"subject\"}"));
	/* both are in one control group, if in any */
	ASSERT_EQ(TOOL_OK, tool("export --labels cgroup"));
	EXPECT_NE(NULL, strstr(tool_out, "{command=\"subject\"")) {
		TH_LOG("%.400s", tool_out);
	}
	EXPECT_EQ(NULL, strstr(tool_out, "pid=\""));
	EXPECT_EQ(TOOL_USAGE, tool("export --labels pid,other"));
	EXPECT_EQ(TOOL_USAGE, tool("export --labels pid=1"));
	subject_end(&a);
	subject_end(&b);
}

/* A pod's control group has its UID in its name, as systemd may have it. */
TEST(pods_by_their_uid)
{
	char sample[128];
	struct memcg m;
	struct subject a;

	if (memcg_make(&m, "kubepods-pod01234567_89ab_cdef_0123_456789abcdef.slice"))
		SKIP(return, "no memory controller of version 2 here");
	ASSERT_EQ(0, memcg_enter(&m));
	EXPECT_EQ(0, subject_start(&a, "mix", "backend=thp"));
	ASSERT_EQ(0, memcg_leave());
	ASSERT_EQ(TOOL_OK, tool("export --labels pod"));
	snprintf(sample, sizeof(sample), "%s{%s=\"%s\",%s=\"%s\"}",
		 "hugearena_command_processes", "command", "subject", "pod",
		 "01234567-89ab-cdef-0123-456789abcdef");
	EXPECT_EQ(1, value_of(sample));
	subject_end(&a);
	EXPECT_EQ(0, memcg_drop(&m));
}

TEST(a_file_is_replaced)
{
	char path[] = "/tmp/export-test.prom", text[65536];
	struct stat st;

	ASSERT_EQ(TOOL_OK, tool("export -o %s", path));
	EXPECT_STREQ("", tool_out);
	ASSERT_LT(0, file_read(path, text, sizeof(text)));
	EXPECT_EQ(0, strncmp(text, "# HELP hugearena_up", 19));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(0644, st.st_mode & 0777);
	unlink(path);
	EXPECT_EQ(TOOL_FAILED, tool("export -o /nonexistent/x.prom"));
}

TEST(openmetrics_ends_with_eof)
{
	size_t len;

	ASSERT_EQ(TOOL_OK, tool("export --openmetrics"));
	len = strlen(tool_out);
	ASSERT_LT(6, len);
	EXPECT_STREQ("# EOF\n", tool_out + len - 6);
	if (value_of("hugearena_up") == 1) {
		EXPECT_NE(NULL, strstr(tool_out,
				       "# TYPE hugearena_faults counter"));
		EXPECT_NE(NULL, strstr(tool_out,
				       "# UNIT hugearena_released_bytes bytes"));
	}
}

static int serve(void *arg)
{
	return tool("export %s --listen %d", arg ? (char *)arg : "", PORT);
}

/* The process that listens: the port is on its command line. */
static pid_t server_pid(void)
{
	char line[256], text[32];
	pid_t pid;
	FILE *f;

	for (pid = 2; pid < 1 << 22; pid++) {
		size_t n;

		snprintf(line, sizeof(line), "/proc/%d/cmdline", pid);
		f = fopen(line, "re");
		if (!f)
			continue;
		n = fread(line, 1, sizeof(line) - 1, f);
		fclose(f);
		line[n] = '\0';
		snprintf(text, sizeof(text), "%d", PORT);
		/*
		 * program, command, option, port; a shell would have them in
		 * one word
		 */
		if (n > strlen(text) && strstr(line, "/hugearena") &&
		    !strcmp(line + n - 1 - strlen(text), text))
			return pid;
	}
	return 0;
}

static int ask(const char *request, char *answer, size_t size)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0), try;
	size_t len = 0;
	ssize_t n;

	for (try = 0; connect(fd, (void *)&to, sizeof(to)); try++) {
		if (try == 600)
			return -1;
		usleep(100000);
	}
	if (write(fd, request, strlen(request)) < 0)
		return -1;
	while ((n = read(fd, answer + len, size - 1 - len)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	close(fd);
	return (int)len;
}

TEST(served_on_loopback)
{
	static char answer[1 << 18];
	pid_t pid;

	/* the initramfs leaves loopback down */
	if (system("ip link set lo up 2>/dev/null || ifconfig lo up"))
		SKIP(return, "no loopback here");
	pid = child_start(serve, NULL);
	ASSERT_LT(0, pid);
	EXPECT_LT(0, ask("GET /metrics HTTP/1.0\r\n\r\n", answer,
			 sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "200 OK"));
	EXPECT_NE(NULL, strstr(answer, "text/plain; version=0.0.4"));
	EXPECT_NE(NULL, strstr(answer, "\nhugearena_up "));
	EXPECT_LT(0, ask("GET /metrics HTTP/1.0\r\nAccept: "
			 "application/openmetrics-text\r\n\r\n", answer,
			 sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "# EOF"));
	EXPECT_LT(0, ask("GET /other HTTP/1.0\r\n\r\n", answer,
			 sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "404"));
	EXPECT_LT(0, ask("POST /metrics HTTP/1.0\r\n\r\n", answer,
			 sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "405"));
	kill(server_pid(), SIGTERM);
	EXPECT_EQ(TOOL_OK, child_wait(pid));
	EXPECT_EQ(TOOL_USAGE, tool("export --listen 0.0.0.0:%d", PORT));
	EXPECT_EQ(TOOL_USAGE, tool("export --listen nonsense"));
}

/* The body of an answer, and its length. */
static const char *body_of(const char *answer, int *len)
{
	const char *body = strstr(answer, "\r\n\r\n");

	if (!body)
		return NULL;
	*len -= (int)(body + 4 - answer);
	return body + 4;
}

/* Unpack @data with another program; the length, or -1. */
static ssize_t gunzip(const char *data, int len, char *out, size_t size)
{
	static const char path[] = "/tmp/export-test.gz";
	FILE *f = fopen(path, "we");
	ssize_t n;

	if (!f || fwrite(data, 1, (size_t)len, f) != (size_t)len || fclose(f))
		return -1;
	f = popen("gzip -dc </tmp/export-test.gz", "re");
	n = f ? (ssize_t)fread(out, 1, size, f) : -1;
	if (f && pclose(f))
		n = -1;
	unlink(path);
	return n;
}

TEST(heap_profiles_as_go_serves_them)
{
	static char answer[1 << 18], proto[1 << 20], request[256];
	static const char *const types[] = {
		"alloc_objects", "alloc_space", "inuse_objects", "inuse_space",
		"site_large",
	};
	struct subject on, off;
	const char *body;
	json_t *list, *t;
	int len, found = 0;
	ssize_t n;
	size_t i;
	pid_t pid;

	if (system("ip link set lo up 2>/dev/null || ifconfig lo up"))
		SKIP(return, "no loopback here");
	ASSERT_EQ(0, subject_start(&on, "mix", "backend=thp,profile=4k"));
	ASSERT_EQ(0, subject_start(&off, "mix", "backend=thp"));
	pid = child_start(serve, "--heap");
	ASSERT_LT(0, pid);

	snprintf(request, sizeof(request),
		 "GET /debug/pprof/heap?pid=%d HTTP/1.0\r\n\r\n", on.pid);
	len = ask(request, answer, sizeof(answer));
	ASSERT_LT(0, len);
	EXPECT_NE(NULL, strstr(answer, "200 OK"));
	body = body_of(answer, &len);
	ASSERT_NE(NULL, body);
	n = gunzip(body, len, proto, sizeof(proto));
	ASSERT_LT(0, n);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		EXPECT_NE(NULL, memmem(proto, (size_t)n, types[i],
				       strlen(types[i]))) {
			TH_LOG("no %s", types[i]);
		}
	/*
	 * the older text form; nothing grew in a second, as the process sleeps
	 */
	snprintf(request, sizeof(request),
		 "GET /debug/pprof/heap?pid=%d&debug=1 HTTP/1.0\r\n\r\n",
		 on.pid);
	ASSERT_LT(0, ask(request, answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "\nheap profile: "));
	snprintf(request, sizeof(request),
		 "GET /debug/pprof/heap?pid=%d&seconds=1 HTTP/1.0\r\n\r\n",
		 on.pid);
	ASSERT_LT(0, ask(request, answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "200 OK"));

	/*
	 * every process with libshim is listed, with the parameter that selects
	 * it
	 */
	len = ask("GET /targets HTTP/1.0\r\nHost: here:1\r\n\r\n", answer,
		  sizeof(answer));
	ASSERT_LT(0, len);
	body = body_of(answer, &len);
	ASSERT_NE(NULL, body);
	list = json_loadb(body, (size_t)len, 0, NULL);
	ASSERT_NE(NULL, list);
	json_array_foreach(list, i, t) {
		json_t *at = json_array_get(json_at(t, "targets"), 0);

		EXPECT_STREQ("here:1", json_string_value(at));
		found += atoi(json_text_at(json_at(t, "labels"),
					   "__param_pid")) == on.pid;
	}
	EXPECT_EQ(1, found);
	json_decref(list);

	/*
	 * a process that is not sampled, one that does not exist, and an
	 * ambiguous name
	 */
	snprintf(request, sizeof(request),
		 "GET /debug/pprof/heap?pid=%d HTTP/1.0\r\n\r\n", off.pid);
	ASSERT_LT(0, ask(request, answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "404"));
	EXPECT_NE(NULL, strstr(answer, "profile=512k"));
	ASSERT_LT(0, ask("GET /debug/pprof/heap?pid=999999999 HTTP/1.0\r\n\r\n",
			 answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "404"));
	ASSERT_LT(0, ask("GET /debug/pprof/heap?command=subject HTTP/1.0\r\n\r\n",
			 answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "409"));
	ASSERT_LT(0, ask("GET /debug/pprof/heap?pid=1x HTTP/1.0\r\n\r\n",
			 answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "400"));
	kill(server_pid(), SIGTERM);
	EXPECT_EQ(TOOL_OK, child_wait(pid));
	subject_end(&on);
	subject_end(&off);
}

/* Sampling is on while the exporter runs, and off again afterwards. */
TEST(sampling_switched_on_and_off)
{
	static char answer[1 << 18];
	struct subject s;
	char request[128];
	pid_t pid;

	if (system("ip link set lo up 2>/dev/null || ifconfig lo up"))
		SKIP(return, "no loopback here");
	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp"));
	pid = child_start(serve, "--heap=4k");
	ASSERT_LT(0, pid);
	snprintf(request, sizeof(request),
		 "GET /debug/pprof/heap?pid=%d HTTP/1.0\r\n\r\n", s.pid);
	ASSERT_LT(0, ask(request, answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "200 OK"));
	/*
	 * sampling is on already: profile neither switches it on nor waits for
	 * samples
	 */
	EXPECT_EQ(TOOL_OK, tool("profile --json %d", s.pid));
	kill(server_pid(), SIGTERM);
	EXPECT_EQ(TOOL_OK, child_wait(pid));
	EXPECT_EQ(TOOL_OK, tool("profile --time 0.1 %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_err, "only what was allocated"));
	/* without --heap it stays off */
	pid = child_start(serve, NULL);
	ASSERT_LT(0, pid);
	ASSERT_LT(0, ask(request, answer, sizeof(answer)));
	EXPECT_NE(NULL, strstr(answer, "404"));
	kill(server_pid(), SIGTERM);
	EXPECT_EQ(TOOL_OK, child_wait(pid));
	subject_end(&s);
	EXPECT_EQ(TOOL_USAGE, tool("export --heap"));
}

TEST(without_the_module)
{
	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	EXPECT_EQ(TOOL_OK, tool("export"));
	EXPECT_EQ(0, value_of("hugearena_up"));
	EXPECT_EQ(NULL, strstr(tool_out, "hugearena_arenas"));
	unsetenv("HUGEARENA_PROC");
}

TEST_HARNESS_MAIN
