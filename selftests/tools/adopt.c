// SPDX-License-Identifier: GPL-2.0-only
/* hugearena adopt: the drop-in it writes, and the way back. */
#include "harness.h"
#include "tool.h"
#include "unit.h"

TEST(adopted_and_back)
{
	static const char dir[] = "/tmp/doctor-root";
	char text[4096], dropin[256];

	snprintf(dropin, sizeof(dropin),
		 "%s/etc/systemd/system/redis-server.service.d/50-hugearena.conf",
		 dir);
	ASSERT_EQ(0, system("mkdir -p /tmp/doctor-root/etc/systemd/system"));
	unit_says(UNIT "PrivateDevices=yes\nDeviceAllow=\n"
		  "Environment=LD_PRELOAD=libother.so\n");
	EXPECT_EQ(TOOL_OK, tool("adopt --dry-run --root %s redis-server", dir));
	EXPECT_NE(0, access(dropin, F_OK));
	EXPECT_EQ(TOOL_OK, tool("adopt --root %s redis-server", dir));
	ASSERT_LT(0, file_read(dropin, text, sizeof(text)));
	/* what was shown is what was written */
	EXPECT_NE(NULL, strstr(tool_out, text));
	EXPECT_NE(NULL, strstr(text, "LD_PRELOAD=libshim.so.0:libother.so\""));
	EXPECT_NE(NULL, strstr(text, "PrivateDevices=no"));
	EXPECT_NE(NULL, strstr(text, "DeviceAllow=/dev/hugearena rw"));
	EXPECT_NE(NULL, strstr(text, "SupplementaryGroups=hugearena"));
	/*
	 * once more: what was preloaded besides libshim stays, and libshim is
	 * listed once
	 */
	unit_says(UNIT "PrivateDevices=yes\nDeviceAllow=\n"
		  "Environment=\"LD_PRELOAD=libshim.so.0:libother.so:/a/libthird.so\"\n");
	EXPECT_EQ(TOOL_OK, tool("adopt --root %s redis-server", dir));
	ASSERT_LT(0, file_read(dropin, text, sizeof(text)));
	EXPECT_NE(NULL, strstr(text, "LD_PRELOAD=libshim.so.0:libother.so:"
			       "/a/libthird.so\""));
	/* a stricter policy is not relaxed */
	unit_says("LoadState=loaded\nMainPID=0\nDevicePolicy=strict\nUser=redis\n"
		  "PrivateDevices=no\nDeviceAllow=/dev/null rw\nEnvironment=\n");
	EXPECT_EQ(TOOL_OK, tool("adopt --root %s redis-server", dir));
	ASSERT_LT(0, file_read(dropin, text, sizeof(text)));
	EXPECT_EQ(NULL, strstr(text, "DevicePolicy"));
	EXPECT_NE(NULL, strstr(text, "DeviceAllow=/dev/hugearena rw"));
	EXPECT_EQ(TOOL_USAGE, tool("adopt --root %s redis.service.d", dir));
	EXPECT_EQ(TOOL_OK, tool("adopt --undo --root %s redis-server", dir));
	EXPECT_NE(0, access(dropin, F_OK));
	EXPECT_EQ(TOOL_FAILED, tool("adopt --undo --root %s redis-server", dir));
	/* what a unit file would interpret itself is refused */
	EXPECT_EQ(TOOL_USAGE, tool("adopt --options 'a\"b' redis-server"));
	EXPECT_EQ(TOOL_FAILED, tool("adopt --root /nonsense redis-server"));
	EXPECT_EQ(TOOL_USAGE, tool("adopt"));
	EXPECT_EQ(0, system("rm -r /tmp/doctor-root"));
	unit_gone();
}

TEST_HARNESS_MAIN
