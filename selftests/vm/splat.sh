# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced inside the VM, by guest and by series: what the kernel complained of.

# What a kernel writes when something is wrong, as an extended regex.
splat='BUG:|BUG at|WARNING:|Oops|KASAN|UBSAN|KCSAN|KFENCE|kernel panic'
splat="$splat|general protection|[Bb]ad page|Bad rss-counter|refcount_t:"
splat="$splat|circular locking|recursive locking|inconsistent lock"
splat="$splat|suspicious RCU|held lock freed|lock held when returning"
splat="$splat|sleeping function|scheduling while atomic|stalls on CPU"
splat="$splat|soft lockup|hard LOCKUP|blocked for more than|list_add corr"
splat="$splat|list_del corr|slab-out-of|use-after-free|unreferenced object"
splat="$splat|page dumped because|hugearena: .*(leak|corrupt|inconsist)"

# mark TEXT: from here on
mark()
{
	mark="hugearena-vm: begin $1"
	# this machine's log needs a mark, and so does a VM's for what boot wrote
	echo "$mark" >/dev/kmsg
	taint_before=$(cat /proc/sys/kernel/tainted)
}

# since_mark: the kernel's log from the mark on
since_mark()
{
	dmesg | awk -v mark="$mark" 'on { print } index($0, mark) { on = 1 }'
}

# splats: how many lines of it are complaints
splats()
{
	since_mark | grep -cE "$splat"
}

# splats_show: these and what follows them
splats_show()
{
	since_mark | grep -E -A 30 "$splat" | head -200 | sed 's/^/## dmesg: /'
}

# taint: the kernel's new bits; 12 and 13 are for a module out of tree, unsigned
taint()
{
	echo $(($(cat /proc/sys/kernel/tainted) & ~taint_before & ~0x3000))
}
