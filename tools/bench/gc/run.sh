#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-gc': our collector in every mode beside libgc and Go, the same
# programs.  All collectors take turns in each of ROUNDS rounds, so that they
# see the same machine; the smallest CPU time, worst operation and peak of the
# rounds count, and the ratio is that of CPU times to libgc's, median of the
# rounds.  A gap on a busy machine is the machine's.
#
# Usage: run.sh BUILD/bench/gc

b=$1
rounds=${ROUNDS:-3}
out=$b/rounds

# turn NAME PROGRAM ARGUMENT...: one line of its figures
turn()
{
	name=$1
	shift
	figures=$("$@") || {
		echo "$name failed: $*" >&2
		exit 1
	}
	echo "$name $round $figures" >>"$out"
}

# round_of ARGUMENT...
round_of()
{
	for mode in stop hybrid deletion insertion dirty; do
		turn "gc-$mode" env SHIM_GC_MODE=$mode "$b/work-shim" "$@"
	done
	[ ! -x "$b/work-libgc" ] || turn libgc "$b/work-libgc" "$@"
	[ ! -x "$b/work-go" ] || turn go "$b/work-go" "$@"
}

table()
{
	printf '  %-12s %8s %8s %10s %8s\n' collector 'CPU ms' /libgc \
		'worst ms' 'peak MiB'
	awk '
	!($1 in cpu) { order[++n] = $1; cpu[$1] = $3; gap[$1] = $5; rss[$1] = $6 }
	{
		if ($3 < cpu[$1]) cpu[$1] = $3
		if ($5 < gap[$1]) gap[$1] = $5
		if ($6 < rss[$1]) rss[$1] = $6
		at[$1, $2] = $3
		rounds = $2 > rounds ? $2 : rounds
	}
	function median(name,   i, j, k, v, m) {
		for (i = 1; i <= rounds; i++) {
			if (at["libgc", i] + 0 == 0)
				return "-"
			v = at[name, i] / at["libgc", i]
			for (j = ++m; j > 1 && r[j - 1] > v; j--)
				r[j] = r[j - 1]
			r[j] = v
		}
		i = int((m + 1) / 2)
		j = int(m / 2) + 1
		return sprintf("%.2f", (r[i] + r[j]) / 2)
	}
	END {
		for (i = 1; i <= n; i++)
			printf "  %-12s %8d %8s %10.1f %8d\n", order[i],
				cpu[order[i]], median(order[i]),
				gap[order[i]], rss[order[i]]
	}' "$out"
}

while read -r title; do
	read -r arguments
	printf '%s\n' "$title"
	: >"$out"
	for round in $(seq "$rounds"); do
		# shellcheck disable=SC2086 # a list of arguments
		round_of $arguments </dev/null
	done
	table
done <<EOF
GCBench, 256 MiB live
gcbench 22
the same, and a thread that watches for gaps
gcbench 22 1
GCBench, 1 GiB live, and a thread that watches
gcbench 24 1
binary-trees 18
trees 18
message window, 200,000 of 1 KiB
window 200000 1024
LRU of 1 M entries, 3 M operations
lru 1000000 3000000
EOF
