#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: vm.sh BUILD [KERNEL]...
# Runs BUILD/bench/vm on each kernel (default: all with headers) in a virtual
# machine whose clock counts instructions; results in BUILD/bench/vm.tsv.
# SECTIONS='touch fork' has only these measured.

[ $# -ge 1 ] || { sed -n 's/^# usage/usage/p' "$0" >&2; exit 2; }
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
run=$here/../../selftests/vm
[ $# -gt 0 ] || set -- $("$run/kernel" list)
[ $# -gt 0 ] || { echo "$0: no kernel with headers here" >&2; exit 1; }

tsv=$build/bench/vm.tsv
printf 'name\tkernel\tours\tpeer\tratio\n' >"$tsv" || exit 1
status=0
for kernel; do
	log=$build/vm/bench-$kernel
	"$run/run" --kernel "$kernel" --icount --mem 3072 --timeout 1200 \
		--modules "$build/$kernel/hugearena.ko" --log "$log" \
		--exec "$build/bench/vm $SECTIONS" || status=1
	awk -F '\t' 'NF == 5 && $1 != "name"' "$log/output.log" |
		tr -d '\r' >>"$tsv"
done
echo "written: $tsv"
exit $status
