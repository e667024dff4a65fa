#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The bpftrace scripts, each on a process that does what the script is about.
# Skipped where there is no bpftrace, as in the VM's initramfs, and those that
# are about the module where it is not loaded.

dir=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
n=0 failed=0

command -v bpftrace >/dev/null || {
	echo "TAP version 13"
	echo "1..0 # SKIP no bpftrace here"
	exit 4
}
scripts="faults forks slow large"
echo "TAP version 13"
echo "1..4"

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		sed 's/^/# /' "$out/$2"
		failed=1
	fi
}

# load: work that faults, forks, writes to what is shared, allocates
load()
{
	LD_PRELOAD=$dir/libshim.so.0 timeout 300 "$dir/subject" forks >/dev/null
}

# trace SCRIPT: what it prints of a load; fails if either does not end well
trace()
{
	# that it ticks shows that all else is attached, too
	{
		sed "s,/usr/local/lib/libshim.so.0,$dir/libshim.so.0," "$dir/$1.bt"
		printf '%s\n' 'interval:s:1 { printf("attached\n"); }'
	} >"$out/$1.bt"
	timeout -k 10 500 bpftrace -B line "$out/$1.bt" >"$out/$1" 2>&1 &
	tracer=$!
	try=0
	until grep -q ^attached "$out/$1" || [ ! -e /proc/$tracer/exe ] ||
		[ $try = 400 ]; do
		sleep 1
		try=$((try + 1))
	done
	status=0
	load || {
		echo "the load left with status $?" >>"$out/$1"
		status=1
	}
	sleep 1
	# it loses an interrupt that comes while it prints, and dies of one that
	# comes while it ends
	try=0
	while [ -e /proc/$tracer/exe ]; do
		[ $((try % 20)) != 0 ] || kill -INT $tracer
		sleep 1
		try=$((try + 1))
	done
	wait $tracer || {
		echo "bpftrace left with status $?" >>"$out/$1"
		status=1
	}
	return $status
}

# wanted SCRIPT: a pattern that its output must have
wanted()
{
	case $1 in
	faults) echo '@us\[subject, ' ;;
	forks) echo '@copies\[subject, ' ;;
	slow) echo '@us\[' ;;
	large) echo '@large_bytes\[subject\]: [1-9]' ;;
	esac
}

for s in $scripts; do
	if [ $s != large ] && [ ! -d /proc/hugearena ]; then
		n=$((n + 1))
		echo "ok $n $s # SKIP no module here"
		continue
	fi
	trace $s && grep -q "$(wanted $s)" "$out/$s"
	result $? $s
done
exit $failed
