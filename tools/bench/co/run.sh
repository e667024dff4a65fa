#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-co': coroutines of libshim-co and their peers on this machine, a
# million of each; a row a peer.  A peer that is not installed has no row.
#
# Usage: run.sh DIR [N]

dir=$1
n=${2:-1000000}
t=$(mktemp) || exit 1
trap 'rm -f "$t"' EXIT

value()
{
	awk -v what="$1" '$1 == what { print $2; exit }' "$t"
}

cell()
{
	printf " %${2}s" "$(value "$1" | grep . || echo -)"
}

# row NAME PROGRAM [MODE]
row()
{
	[ -x "$dir/$2" ] || return
	: >"$t"
	"$dir/$2" "${3:-memory}" "$n" >>"$t" 2>&1
	printf '%-22s' "$1"
	cell made 8
	cell memory 9
	cell own 9
	cell mappings 9
	: >"$t"
	if [ -z "$3" ]; then
		for mode in switch create; do
			"$dir/$2" $mode >>"$t" 2>&1
		done
	fi
	cell switch 9
	cell create 9
	: >"$t"
	case $2$3 in
	*parked | peer_go) ;;
	*) "$dir/$2" steps >>"$t" 2>&1 ;;
	esac
	cell switch 9
	cell create 9
	echo
}

echo "kernel $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg):" \
	"CPU times are of this machine as it was"
printf '%-22s %8s %9s %9s %9s %9s %9s %9s %9s\n' '' made 'B each' 'own B' \
	mappings 'switch' 'create' 'switch' 'create'
printf '%-22s %8s %9s %9s %9s %9s %9s %9s %9s\n' '' '' MemFree RSS+PTE '' \
	ns ns instr instr
row libshim-co peer_shim
row 'libshim-co, parked' peer_shim parked
row 'Boost, protected' peer_boost_protected
row 'Boost, fixedsize' peer_boost_plain
row 'Boost on our stacks' peer_boost_shim
row 'Go' peer_go
row 'ucontext, mprotect' peer_ucontext
