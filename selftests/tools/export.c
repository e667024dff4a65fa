// SPDX-License-Identifier: GPL-2.0-only
/* hugearena export: every family declared, values as /proc has them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"
#include "tool.h"

#define PORT	39101

TOOL_FIXTURE(export, 4)

/* The value of the sample that begins so, or -1. */
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
	return tool("export --listen %d", PORT);
}

/* The process that says it listens: its port is on its command line. */
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
		/* program, command, option, port; a shell has it in one word */
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

	/* the initramfs leaves it down */
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

TEST(without_the_module)
{
	setenv("HUGEARENA_PROC", "/nonexistent", 1);
	EXPECT_EQ(TOOL_OK, tool("export"));
	EXPECT_EQ(0, value_of("hugearena_up"));
	EXPECT_EQ(NULL, strstr(tool_out, "hugearena_arenas"));
	unsetenv("HUGEARENA_PROC");
}

TEST_HARNESS_MAIN
