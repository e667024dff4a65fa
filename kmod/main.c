// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena: arenas of 2 MiB blocks for user space heaps.
 *
 * Brings the layers up from the lowest, and down from the highest.  The device
 * and /proc come last: nobody can ask for anything before all of it is there.
 */
#include <linux/module.h>

#include "arena.h"
#include "dev.h"
#include "proc.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init hugearena_init(void)
{
	int err;

	err = ha_pool_init();
	if (err)
		return err;
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
	err = ha_dev_init();
	if (err)
		goto err_proc;
	return 0;

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
	return err;
}

static void __exit hugearena_exit(void)
{
	ha_dev_exit();
	ha_proc_exit();
	ha_arena_exit();
	ha_block_exit();
	ha_source_teardown();
	ha_pool_exit();
}

module_init(hugearena_init);
module_exit(hugearena_exit);

MODULE_DESCRIPTION("Arenas of 2 MiB blocks for user space heaps");
MODULE_AUTHOR("hugearena maintainers");
MODULE_LICENSE("GPL");
