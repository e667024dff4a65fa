// SPDX-License-Identifier: GPL-2.0-only
/*
 * Widens the windows in which hugearena could go wrong: a probe at the entry
 * and the return of each function below lets one call in one_in= wait up to
 * max_us= microseconds.  For Debian's kernels, which have kprobes.
 *
 * Load it after hugearena.  How many calls waited is in
 * /sys/module/delay/parameters/delays.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/random.h>

static const char *const functions[] = {
	/* a page is chosen, then locked and mapped */
	"ha_cow_page", "ha_cow_writable", "ha_source_block", "ha_block_fill",
	/* shared blocks are waited for, unmapped, copied */
	"ha_cow_clone", "ha_cow_clean", "ha_cow_fold", "ha_block_settle",
	"ha_arena_zap", "ha_arena_zap_page", "ha_block_copy",
	"ha_block_rehome", "ha_arena_replace",
	/* released memory is given back */
	"ha_release", "ha_block_put_gone", "ha_source_block_put", "ha_pool_put",
	/* mappings are replaced by others */
	"ha_map_uncow", "ha_arena_retire", "ha_arena_put",
};

static uint one_in = 16;
module_param(one_in, uint, 0644);
MODULE_PARM_DESC(one_in, "calls of which one waits (default 16)");
static uint max_us = 300;
module_param(max_us, uint, 0644);
MODULE_PARM_DESC(max_us, "microseconds that it waits at most (default 300)");
static uint delays;	/* only for information, hence not atomic */
module_param(delays, uint, 0444);
MODULE_PARM_DESC(delays, "calls that waited so far");

static struct kretprobe probes[ARRAY_SIZE(functions)];

static int maybe_wait(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	u32 n = get_random_u32();

	if (one_in && n % one_in == 0) {
		udelay(n / one_in % (max_us + 1));
		delays++;
	}
	return 0;
}

static int __init delay_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		struct kretprobe *p = &probes[i];

		p->kp.symbol_name = functions[i];
		p->entry_handler = maybe_wait;
		p->handler = maybe_wait;
		p->maxactive = 64;
		err = register_kretprobe(p);
		if (err) {
			pr_err("no function %s to be probed: error %d\n",
			       functions[i], err);
			goto err_probes;
		}
	}
	return 0;

err_probes:
	while (i--)
		unregister_kretprobe(&probes[i]);
	return err;
}

static void __exit delay_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		unregister_kretprobe(&probes[i]);
}

module_init(delay_init);
module_exit(delay_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("hugearena's functions wait at random (selftests)");
