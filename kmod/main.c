// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena: arenas of 2 MiB blocks for user space heaps.
 *
 * Refuses a kernel on which the tests have not passed, then sets up the layers
 * from the lowest, and takes them down from the highest.  /proc and the device
 * come last, so that nobody can ask for anything before all of it is there.
 */
#include <linux/module.h>
#include <linux/utsname.h>

#include "arena.h"
#include "compat.h"
#include "dev.h"
#include "empty.h"
#include "nodes.h"
#include "proc.h"
#include "tally.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static bool untested_kernel;
module_param(untested_kernel, bool, 0444);
MODULE_PARM_DESC(untested_kernel,
		 "Load on a kernel series the module was not tested on (" HA_TESTED
		 " are); data may be lost there");
MODULE_INFO(tested, HA_TESTED);

/* Is "6.12", of 6.12.117-amd64, a word of the list? */
static bool __init kernel_is_tested(void)
{
	static const char tested[] __initconst = HA_TESTED;
	const char *p = tested;
	unsigned int major, minor, m, n;

	if (sscanf(init_utsname()->release, "%u.%u", &major, &minor) != 2)
		return false;
	do {
		if (sscanf(skip_spaces(p), "%u.%u", &m, &n) == 2 &&
		    m == major && n == minor)
			return true;
		p = strchr(p + 1, ' ');
	} while (p);
	return false;
}

static int __init kernel_check(void)
{
	if (kernel_is_tested())
		return 0;
	if (!untested_kernel) {
		pr_err("hugearena: not tested on kernel %s, and data may be lost where core mm has changed: not loaded; untested_kernel=1 loads it all the same\n",
		       init_utsname()->release);
		return -EOPNOTSUPP;
	}
	pr_warn("hugearena: not tested on kernel %s, loaded because untested_kernel=1 asks for it\n",
		init_utsname()->release);
	return 0;
}

static int __init hugearena_init(void)
{
	int err;

	err = kernel_check();
	if (err)
		return err;
	ha_quota_init();
	err = ha_tally_init();
	if (err)
		return err;
	err = ha_pool_init();
	if (err)
		goto err_tally;
	err = ha_source_setup();
	if (err)
		goto err_pool;
	err = ha_block_init();
	if (err)
		goto err_source;
	err = ha_arena_init();
	if (err)
		goto err_block;
	err = ha_proc_init();
	if (err)
		goto err_arena;
	err = ha_nodes_init();
	if (err)
		goto err_proc;
	err = ha_dev_init();
	if (err)
		goto err_nodes;
	ha_pool_param_enable(true);
	ha_empty_enable();
	return 0;

err_nodes:
	ha_nodes_exit();
err_proc:
	ha_proc_exit();
err_arena:
	ha_arena_exit();
err_block:
	ha_block_exit();
err_source:
	ha_source_teardown();
err_pool:
	ha_pool_exit();
err_tally:
	ha_tally_exit();
	return err;
}

static void __exit hugearena_exit(void)
{
	ha_pool_param_enable(false);
	ha_dev_exit();
	ha_empty_disable();
	ha_nodes_exit();
	ha_proc_exit();
	ha_arena_exit();
	ha_block_exit();
	ha_source_teardown();
	ha_pool_exit();
	ha_tally_exit();
}

module_init(hugearena_init);
module_exit(hugearena_exit);

MODULE_DESCRIPTION("Arenas of 2 MiB blocks for user space heaps");
MODULE_AUTHOR("hugearena maintainers");
MODULE_LICENSE("GPL");
/* the whole project's: Makefile takes it from here */
MODULE_VERSION("0.2");
