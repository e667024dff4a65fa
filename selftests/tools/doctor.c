// SPDX-License-Identifier: GPL-2.0-only
/* hugearena doctor: every cause is named, with what fixes it. */
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"
#include "tool.h"
#include "unit.h"

/* The finding of that name, or NULL. */
static json_t *finding(json_t *root, const char *id)
{
	json_t *list = json_at(root, "findings"), *f;
	size_t i;

	json_array_foreach(list, i, f)
		if (!strcmp(json_text_at(f, "id"), id))
			return f;
	return NULL;
}

/* The finding exists, is bad, and says what mends it. */
static bool mends(json_t *root, const char *id)
{
	json_t *f = finding(root, id);

	return f && !strcmp(json_text_at(f, "level"), "bad") &&
	       json_text_at(f, "fix");
}

#define DEVICE		"/dev/hugearena"
#define DEVICE_MODE	0660

enum { AS_IT_IS, AS_NOBODY, NO_THP, FILTERED, NO_DEVICES };

/* A system call filter that allows everything. */
static int filter_install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 1, .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* Give the process a /dev of its own, with nothing in it. */
static int devices_hide(void)
{
	return unshare(CLONE_NEWNS) ||
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	       mount("tmpfs", "/dev", "tmpfs", 0, NULL);
}

/* Start a program that waits for its standard input to end. */
static pid_t start(int *in, const char *preload, const char *backend, int how,
		   const char *program)
{
	int pipefd[2];
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return -1;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(pipefd[0], STDIN_FILENO);
		unsetenv("LD_PRELOAD");
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		if (backend)
			setenv("SHIM_BACKEND", backend, 1);
		if (how == NO_THP)
			prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
		if (how == FILTERED && filter_install())
			_exit(1);
		if (how == NO_DEVICES && devices_hide())
			_exit(1);
		if (how == AS_NOBODY &&
		    (setgid(65534) || setuid(65534)))
			_exit(1);
		execlp(program, program, (char *)NULL);
		_exit(127);
	}
	close(pipefd[0]);
	*in = pipefd[1];
	return pid;
}

static void end(pid_t pid, int in)
{
	close(in);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/*
 * What doctor reports about it once finding @id is there: the process may still
 * be on its way to its final state, and to its first allocation.
 */
static json_t *doctor(pid_t pid, const char *id)
{
	json_t *root = NULL;
	int i;

	for (i = 0; i < 600; i++) {
		root = tool_json("doctor --json %d", pid);
		if (root && finding(root, id))
			break;
		json_decref(root);
		root = NULL;
		usleep(50000);
	}
	return root;
}

static const char *shim_path(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/libshim.so.0", tool_dir());
	return path;
}

TEST(the_machine)
{
	json_t *root = tool_json("doctor --json");

	ASSERT_NE(NULL, root);
	EXPECT_TRUE(finding(root, "module") || mends(root, "module_missing") ||
		    mends(root, "module_not_loaded"));
	EXPECT_EQ(!finding(root, "module") || mends(root, "quota_denied") ?
		  TOOL_FOUND : TOOL_OK, tool_status);
	json_decref(root);
}

TEST(not_preloaded)
{
	char path[PATH_MAX];
	json_t *root;
	int in;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	pid = start(&in, NULL, NULL, AS_IT_IS, path);
	root = doctor(pid, "not_preloaded");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_FOUND, tool_status);
	EXPECT_TRUE(mends(root, "not_preloaded"));
	json_decref(root);
}

TEST(static_program)
{
	char path[PATH_MAX];
	json_t *root;
	pid_t pid;
	int in;

	snprintf(path, sizeof(path), "%s/waiter", tool_dir());
	pid = start(&in, shim_path(), NULL, AS_IT_IS, path);
	root = doctor(pid, "static");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "static"));
	json_decref(root);
}

TEST(library_is_not_there)
{
	char path[PATH_MAX];
	json_t *root;
	pid_t pid;
	int in;

	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	pid = start(&in, "/nowhere/libshim.so.0", NULL, AS_IT_IS, path);
	root = doctor(pid, "preload_not_found");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "preload_not_found"));
	json_decref(root);
}

TEST(dropped_by_set_user_id)
{
	char from[PATH_MAX + 16], line[3 * PATH_MAX];
	const char *copy = "/tmp/doctor-suid";
	json_t *root;
	pid_t pid;
	int in;

	if (geteuid())
		SKIP(return, "needs root");
	snprintf(from, sizeof(from), "%s/subject", tool_dir());
	snprintf(line, sizeof(line), "cp %s %s && chown 65534 %s && chmod 4755 %s",
		 from, copy, copy, copy);
	ASSERT_EQ(0, system(line));
	pid = start(&in, shim_path(), NULL, AS_IT_IS, copy);
	root = doctor(pid, "preload_dropped");
	end(pid, in);
	unlink(copy);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "preload_dropped"));
	json_decref(root);
}

TEST(a_malloc_of_its_own)
{
	char path[PATH_MAX];
	json_t *root;
	pid_t pid;
	int in;

	snprintf(path, sizeof(path), "%s/own_malloc", tool_dir());
	pid = start(&in, shim_path(), NULL, AS_IT_IS, path);
	root = doctor(pid, "own_malloc");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "own_malloc"));
	json_decref(root);
}

TEST(huge_pages_switched_off_by_itself)
{
	char path[PATH_MAX];
	json_t *root;
	pid_t pid;
	int in;

	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	pid = start(&in, shim_path(), NULL, NO_THP, path);
	/* they are switched off before the program with libshim begins */
	root = doctor(pid, "libshim");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "thp_disabled"));
	json_decref(root);
}

TEST(on_blocks_or_told_why_not)
{
	char path[PATH_MAX];
	json_t *root;
	pid_t pid;
	int in;

	TOOL_NEED_MODULE();
	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	pid = start(&in, shim_path(), NULL, AS_IT_IS, path);
	root = doctor(pid, "blocks");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, finding(root, "blocks"));
	json_decref(root);

	pid = start(&in, shim_path(), "thp", AS_IT_IS, path);
	root = doctor(pid, "backend_thp");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "backend_thp"));
	json_decref(root);

	chmod(DEVICE, DEVICE_MODE);
	pid = start(&in, shim_path(), NULL, AS_NOBODY, path);
	root = doctor(pid, "not_in_group");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "not_in_group"));
	json_decref(root);
}

#define AWAY	"/dev/hugearena.away"

/* Start a program that finds no device; returns once libshim has its blocks. */
static pid_t start_without_device(int *in, int how, const char *program)
{
	pid_t pid;

	if (rename(DEVICE, AWAY))
		return -1;
	pid = start(in, shim_path(), NULL, how, program);
	json_decref(doctor(pid, "libshim"));
	return rename(AWAY, DEVICE) ? -1 : pid;
}

/* The process cannot see the device, could not open it, or lacks permission. */
TEST(the_device_kept_away)
{
	char path[PATH_MAX];
	json_t *root;
	pid_t pid;
	int in;

	TOOL_NEED_MODULE();
	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	pid = start(&in, shim_path(), NULL, NO_DEVICES, path);
	root = doctor(pid, "device_hidden");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "device_hidden"));
	json_decref(root);

	ASSERT_EQ(0, rename(DEVICE, AWAY));
	root = tool_json("doctor --json");
	EXPECT_EQ(0, rename(AWAY, DEVICE));
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "device_missing"));
	json_decref(root);

	pid = start_without_device(&in, AS_IT_IS, path);
	ASSERT_LT(0, pid);
	root = doctor(pid, "device_unused");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "device_unused"));
	json_decref(root);

	pid = start_without_device(&in, FILTERED, path);
	ASSERT_LT(0, pid);
	root = doctor(pid, "seccomp");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "seccomp"));
	json_decref(root);
}

/* Fill 16 MiB of an arena as a user whom quotas bind: 0 if that was refused. */
static int refused(void *arg)
{
	struct arena a;

	if (user_become(65534) || arena_make(&a, 8))
		return 2;
	return !madvise(a.base, 8 * BLOCK_LEN, MADV_POPULATE_WRITE);
}

/* A quota that has refused memory, and one that has not. */
TEST(limits)
{
	json_t *root;

	TOOL_NEED_MODULE();
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("max_mb", 4));
	ASSERT_EQ(0, chmod(DEVICE, 0666));
	EXPECT_EQ(0, child_run(refused, NULL));
	EXPECT_EQ(0, chmod(DEVICE, DEVICE_MODE));
	root = tool_json("doctor --json");
	EXPECT_EQ(0, params_reset());
	ASSERT_NE(NULL, root);
	EXPECT_EQ(TOOL_FOUND, tool_status);
	EXPECT_NE(NULL, finding(root, "limit"));
	EXPECT_TRUE(mends(root, "quota_denied"));
	json_decref(root);
}

TEST(huge_pages_switched_off)
{
	static const char file[] =
		"/sys/kernel/mm/transparent_hugepage/enabled";
	char before[128];
	json_t *root;

	if (file_read(file, before, sizeof(before)) <= 0 ||
	    file_write(file, "never"))
		SKIP(return, "the kernel's setting cannot be written here");
	root = tool_json("doctor --json");
	file_write(file, strstr(before, "[always]") ? "always" :
		   strstr(before, "[madvise]") ? "madvise" : "never");
	ASSERT_NE(NULL, root);
	/* the module provides blocks all the same */
	EXPECT_NE(NULL, finding(root, "thp_never"));
	EXPECT_EQ(!finding(root, "module"), mends(root, "thp_never"));
	json_decref(root);
}

/* A file that the dynamic linker cannot load, and another malloc in front. */
TEST(preloaded_and_not_used)
{
	static const char broken[] = "/tmp/libshim-broken.so",
		rival[] = "/tmp/libjemalloc.so.2";
	char path[PATH_MAX], list[2 * PATH_MAX], line[2 * PATH_MAX];
	json_t *root;
	pid_t pid;
	int in;

	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	ASSERT_EQ(0, system("echo no library >/tmp/libshim-broken.so"));
	pid = start(&in, broken, NULL, AS_IT_IS, path);
	root = doctor(pid, "preload_failed");
	end(pid, in);
	unlink(broken);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "preload_failed"));
	json_decref(root);

	/* its name is another allocator's, while the program has its own */
	snprintf(line, sizeof(line), "cp %s/rival.so %s", tool_dir(), rival);
	ASSERT_EQ(0, system(line));
	snprintf(path, sizeof(path), "%s/own_malloc", tool_dir());
	snprintf(list, sizeof(list), "%s:%s", rival, shim_path());
	pid = start(&in, list, NULL, AS_IT_IS, path);
	root = doctor(pid, "other_malloc");
	end(pid, in);
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "other_malloc"));
	json_decref(root);

	pid = start(&in, rival, NULL, AS_IT_IS, path);
	root = doctor(pid, "rival");
	end(pid, in);
	unlink(rival);
	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, finding(root, "rival"));
	EXPECT_TRUE(mends(root, "not_preloaded"));
	json_decref(root);
}

TEST(a_unit_before_it_runs)
{
	json_t *root;

	unit_says(UNIT "PrivateDevices=yes\nDeviceAllow=\nEnvironment=\n");
	root = tool_json("doctor --json redis-server");
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "unit_not_adopted"));
	json_decref(root);

	unit_says(UNIT "PrivateDevices=yes\n"
		  "Environment=A=b LD_PRELOAD=libshim.so.0\n");
	root = tool_json("doctor --json redis-server");
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "device_hidden"));
	json_decref(root);

	unit_says(UNIT "PrivateDevices=no\nDeviceAllow=/dev/null rw\n"
		  "Environment=LD_PRELOAD=libshim.so.0\n");
	root = tool_json("doctor --json redis-server");
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "device_closed"));
	json_decref(root);

	unit_says(UNIT "PrivateDevices=no\nDeviceAllow=\n"
		  "Environment=LD_PRELOAD=libshim.so.0\n");
	root = tool_json("doctor --json redis-server");
	ASSERT_NE(NULL, root);
	EXPECT_TRUE(mends(root, "not_in_group"));
	json_decref(root);

	unit_says("LoadState=not-found\nMainPID=0\n");
	EXPECT_EQ(TOOL_FAILED, tool("doctor nonsense"));
	EXPECT_NE(NULL, strstr(tool_err, "no such unit"));
	EXPECT_EQ(TOOL_FAILED, tool("doctor ../etc"));
	unit_gone();
}

/* The unit's process runs, on libshim, and cannot have the device. */
TEST(a_unit_that_runs)
{
	char path[PATH_MAX], lines[512];
	json_t *root;
	pid_t pid;
	int in;

	TOOL_NEED_MODULE();
	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	pid = start_without_device(&in, AS_IT_IS, path);
	ASSERT_LT(0, pid);
	snprintf(lines, sizeof(lines),
		 "LoadState=loaded\nMainPID=%d\nDevicePolicy=closed\nUser=redis\n"
		 "PrivateDevices=no\nDeviceAllow=/dev/null rw\n"
		 "Environment=LD_PRELOAD=libshim.so.0\nSupplementaryGroups=hugearena\n",
		 pid);
	unit_says(lines);
	root = tool_json("doctor --json redis-server");
	end(pid, in);
	unit_gone();
	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, finding(root, "libshim"));
	EXPECT_TRUE(mends(root, "device_closed"));
	json_decref(root);
}

/* A user who may not open the device asks. */
static int asks(void *arg)
{
	json_t *root;
	bool told;

	if (user_become(65534))
		return 2;
	root = tool_json("doctor --json");
	told = root && finding(root, "device_refused");
	json_decref(root);
	return !told;
}

TEST(the_device_refused)
{
	TOOL_NEED_MODULE();
	ASSERT_EQ(0, chmod(DEVICE, DEVICE_MODE));
	EXPECT_EQ(0, child_run(asks, NULL));
}

/* A library of another version: its table begins with another magic word. */
TEST(a_library_of_another_version)
{
	static const char other[] = "/tmp/libshim-other.so", word[] = "shimview";
	char path[PATH_MAX], *image, *p;
	json_t *root;
	struct stat st;
	int fd, in, n = 0;
	size_t left;
	pid_t pid;

	fd = open(shim_path(), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	image = malloc(st.st_size);
	ASSERT_EQ(st.st_size, read(fd, image, st.st_size));
	close(fd);
	left = st.st_size;
	for (p = image; (p = memmem(p, left, word, strlen(word)));
	     p++, left = image + st.st_size - p, n++)
		p[0] = 'S';
	ASSERT_LT(0, n);
	fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ASSERT_LE(0, fd);
	ASSERT_EQ(st.st_size, write(fd, image, st.st_size));
	close(fd);
	free(image);

	snprintf(path, sizeof(path), "%s/subject", tool_dir());
	pid = start(&in, other, NULL, AS_IT_IS, path);
	root = doctor(pid, "other_version");
	end(pid, in);
	unlink(other);
	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, finding(root, "other_version"));
	json_decref(root);
}

TEST(errors)
{
	EXPECT_EQ(TOOL_FAILED, tool("doctor 999999999"));
	EXPECT_NE(NULL, strstr(tool_err, "no such process"));
}

TEST_HARNESS_MAIN
