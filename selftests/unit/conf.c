// SPDX-License-Identifier: GPL-2.0-only
/* conf: what is parsed, what is refused, and what takes precedence. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/conf.h"

static unsigned int parse(const char *text)
{
	return conf_parse(text, strlen(text), "test");
}

FIXTURE(conf) { int unused; };
FIXTURE_SETUP(conf)
{
	self->unused = 0;
	/* the reports are not meant for the user of this program */
	ASSERT_EQ(2, dup2(open("/dev/null", O_WRONLY), 2));
	ASSERT_EQ(0, conf_load(NULL, NULL));
}

FIXTURE_TEARDOWN(conf)
{
}

TEST_F(conf, defaults)
{
	EXPECT_EQ(SHIM_BACKEND_AUTO, shim_conf.backend);
	EXPECT_TRUE(shim_conf.rseq);
	EXPECT_TRUE(shim_conf.scavenger);
	EXPECT_FALSE(shim_conf.check);
	EXPECT_EQ(0, shim_conf.guard);
	EXPECT_EQ(0, shim_conf.limit);
}

TEST_F(conf, numbers)
{
	static const struct {
		const char *text;
		size_t value;
		bool good;
	} cases[] = {
		{ "limit=0", 0, true },
		{ "limit=1234", 1234, true },
		{ "limit=3k", 3 << 10, true },
		{ "limit=3M", 3 << 20, true },
		{ "limit=2g", (size_t)2 << 30, true },
		{ "limit=1T", (size_t)1 << 40, true },
		{ " limit = 5k ", 5 << 10, true },
		{ "limit=18446744073709551615", SIZE_MAX, true },
		{ "limit=18446744073709551616", 0, false },
		{ "limit=18446744073709551615k", 0, false },
		{ "limit=16777216t", 0, false },
		{ "limit=", 0, false },
		{ "limit=k", 0, false },
		{ "limit=5kk", 0, false },
		{ "limit=5 k", 0, false },
		{ "limit=-1", 0, false },
		{ "limit=0x10", 0, false },
		{ "guard=5k", 0, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		shim_conf.limit = 77;
		EXPECT_EQ(!cases[i].good, parse(cases[i].text)) {
			TH_LOG("%s", cases[i].text);
		}
		EXPECT_EQ(cases[i].good ? cases[i].value : 77, shim_conf.limit);
	}
}

/*
 * Nobody knows a program's directory at the time it writes: a path must be
 * absolute.
 */
TEST_F(conf, files)
{
	char text[200] = "profile_file=/", all[1024];

	EXPECT_EQ(0, parse("profile_file=/var/tmp/a b"));
	EXPECT_STREQ("/var/tmp/a b", shim_conf.profile_file);
	EXPECT_EQ(1, parse("profile_file=here"));
	EXPECT_STREQ("/var/tmp/a b", shim_conf.profile_file);
	memset(text + 14, 'x', 126);
	EXPECT_EQ(0, parse(text));
	EXPECT_EQ(127, strlen(shim_conf.profile_file));
	text[140] = 'x';
	EXPECT_EQ(1, parse(text));
	/* a file of options may hold any byte */
	EXPECT_EQ(1, conf_parse("profile_file=/a\0b", 17, "test"));
	EXPECT_EQ(127, strlen(shim_conf.profile_file));
	EXPECT_EQ(0, parse("profile_file="));
	EXPECT_STREQ("", shim_conf.profile_file);
	/* what is printed can be read again */
	EXPECT_EQ(0, parse("profile_file=/a,profile_signal=12,profile_peak"));
	EXPECT_LT(conf_print(all, sizeof(all)), sizeof(all) - 1);
	EXPECT_NE(NULL, strstr(all, ",profile_file=/a,profile_peak=1,profile_signal=12,"));
	EXPECT_EQ(0, parse(all));
}

TEST_F(conf, booleans)
{
	static const char *const yes[] = { "1", "yes", "on", "true" };
	static const char *const no[] = { "0", "no", "off", "false" };
	char text[32];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "check=%s", yes[i]);
		EXPECT_EQ(0, parse(text));
		EXPECT_TRUE(shim_conf.check);
		snprintf(text, sizeof(text), "check=%s", no[i]);
		EXPECT_EQ(0, parse(text));
		EXPECT_FALSE(shim_conf.check);
	}
	EXPECT_EQ(0, parse("check"));
	EXPECT_TRUE(shim_conf.check);
	EXPECT_EQ(1, parse("check=maybe"));
	EXPECT_EQ(1, parse("check="));
	EXPECT_EQ(1, parse("check=2"));
	EXPECT_TRUE(shim_conf.check);
}

/* A boolean that may be left to us as well. */
TEST_F(conf, mesh)
{
	char all[1024];

	EXPECT_EQ(SHIM_MESH_OFF, shim_conf.mesh);
	EXPECT_EQ(0, parse("mesh"));
	EXPECT_EQ(SHIM_MESH_ON, shim_conf.mesh);
	EXPECT_LT(conf_print(all, sizeof(all)), sizeof(all) - 1);
	EXPECT_NE(NULL, strstr(all, ",mesh=1,"));
	EXPECT_EQ(0, parse("mesh=off"));
	EXPECT_EQ(SHIM_MESH_OFF, shim_conf.mesh);
	EXPECT_LT(conf_print(all, sizeof(all)), sizeof(all) - 1);
	EXPECT_NE(NULL, strstr(all, ",mesh=0,"));
	EXPECT_EQ(1, parse("mesh=kmod"));
	EXPECT_EQ(1, parse("mesh="));
	EXPECT_EQ(SHIM_MESH_OFF, shim_conf.mesh);
	EXPECT_EQ(0, parse("mesh=auto"));
	EXPECT_EQ(SHIM_MESH_AUTO, shim_conf.mesh);
	EXPECT_LT(conf_print(all, sizeof(all)), sizeof(all) - 1);
	EXPECT_NE(NULL, strstr(all, ",mesh=auto,"));
}

TEST_F(conf, lists_and_comments)
{
	/* a comment goes on to the end of its line */
	EXPECT_EQ(0, parse("# a comment, cache=1; populate\n\n limit=2k # two\n"
			   "guard = 9 ; check = no,,\n\tbackend=thp\r\n"));
	EXPECT_EQ(2048, shim_conf.limit);
	EXPECT_EQ(9, shim_conf.guard);
	EXPECT_FALSE(shim_conf.check);
	EXPECT_EQ(SHIM_BACKEND_THP, shim_conf.backend);
	EXPECT_EQ(0, shim_conf.cache);
	EXPECT_FALSE(shim_conf.populate);
	EXPECT_EQ(0, parse(""));
	EXPECT_EQ(0, parse(",,\n;"));
	EXPECT_EQ(2, parse("nonsense,limit=3,more=1"));
	EXPECT_EQ(3, shim_conf.limit);
	EXPECT_EQ(1, parse("LIMIT=5"));
	EXPECT_EQ(1, parse("limi=5"));
	EXPECT_EQ(1, parse("=5"));
}

TEST_F(conf, later_wins)
{
	char *env[] = { "PATH=/bin", "SHIM_LIMITS=1", "SHIM_LIMIT=7k",
			"SHIM_OPTIONS=limit=5k,guard=3", "SHIM_BACKEND=kmod",
			"XSHIM_GUARD=4", NULL };
	char path[] = "/tmp/conf.XXXXXX";
	int fd = mkstemp(path);

	ASSERT_LE(0, fd);
	ASSERT_EQ(34, write(fd, "limit = 1m\ncache=64k\nguard=1 # 1\n\n", 34));
	close(fd);
	EXPECT_EQ(0, conf_load(path, env));
	unlink(path);
	EXPECT_EQ(7 << 10, shim_conf.limit);
	EXPECT_EQ(64 << 10, shim_conf.cache);
	EXPECT_EQ(3, shim_conf.guard);
	EXPECT_EQ(SHIM_BACKEND_KMOD, shim_conf.backend);
	EXPECT_EQ(0, conf_load("/nonexistent/conf", env));
}

TEST_F(conf, what_is_printed_is_understood)
{
	struct shim_conf before;
	char text[1024];
	size_t len;

	ASSERT_EQ(0, parse("limit=3g,guard=7,backend=thp,check,rseq=off"));
	before = shim_conf;
	len = conf_print(text, sizeof(text));
	EXPECT_EQ(strlen(text), len);
	conf_load(NULL, NULL);
	EXPECT_EQ(0, parse(text));
	EXPECT_EQ(0, memcmp(&before, &shim_conf, sizeof(before)));
	/* cut, never past the end */
	EXPECT_EQ(9, conf_print(text, 10));
	EXPECT_EQ(9, strlen(text));
}

TEST_HARNESS_MAIN
