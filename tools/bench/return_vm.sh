#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: return_vm.sh BUILD [KERNEL]... [-- OPTION...]
# Runs BUILD/bench/return OPTION... on each kernel (default: all with headers)
# in a virtual machine, where libshim has the module's blocks; tables on
# standard output, results in BUILD/bench/return-KERNEL.tsv.

[ $# -ge 1 ] || { sed -n 's/^# usage/usage/p' "$0" >&2; exit 2; }
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../selftests/vm
kernels=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	kernels="$kernels $1"
	shift
done
[ $# -eq 0 ] || shift
: "${kernels:=$("$vm/kernel" list)}"
status=0
for kernel in $kernels; do
	log=$build/vm/return-$kernel
	"$vm/run" --kernel "$kernel" --mem 6144 --timeout 3000 --log "$log" \
		--modules "$build/$kernel/hugearena.ko" \
		--exec "$build/bench/return $* && echo '# tsv' &&
			cat $build/bench/return.tsv" | sed -u '/^# tsv/,$d'
	grep -q '^# tsv' "$log/output.log" || status=1
	sed '1,/^# tsv/d; s/\r$//' "$log/output.log" |
		awk -F '\t' 'NF == 4' >"$build/bench/return-$kernel.tsv"
done
exit $status
