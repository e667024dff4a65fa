#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-gc': our collector in every mode beside libgc and Go, the same
# programs, one after the other in each of ROUNDS rounds; the smallest CPU time
# and worst gap of the rounds count.  A gap on a busy machine is the machine's.
#
# Usage: run.sh BUILD/bench/gc

b=$1
rounds=${ROUNDS:-3}

one()
{
	name=$1
	shift
	i=0
	while [ $i -lt "$rounds" ]; do
		"$@" || { echo "$name failed: $*" >&2; exit 1; }
		i=$((i + 1))
	done | awk -v name="$name" '
		NR == 1 || $1 < cpu { cpu = $1 }
		NR == 1 || $3 < gap { gap = $3 }
		NR == 1 || $4 < rss { rss = $4 }
		END { printf "  %-12s %8d %10.1f %8d\n", name, cpu, gap, rss }'
}

while read -r title; do
	read -r arguments
	printf '%s\n  %-12s %8s %10s %8s\n' "$title" collector 'CPU ms' \
		'worst ms' 'peak MiB'
	for mode in stop hybrid deletion insertion dirty; do
		# shellcheck disable=SC2086 # a list of arguments
		one "gc $mode" env SHIM_GC_MODE=$mode "$b/work-shim" $arguments
	done
	[ ! -x "$b/work-libgc" ] ||
		# shellcheck disable=SC2086
		one libgc "$b/work-libgc" $arguments
	[ ! -x "$b/work-go" ] ||
		# shellcheck disable=SC2086
		one go "$b/work-go" $arguments
done <<EOF
GCBench, 256 MiB live
gcbench 22
binary-trees 18
trees 18
message window, 200,000 of 1 KiB
window 200000 1024
LRU of 1 M entries, 3 M operations
lru 1000000 3000000
EOF
