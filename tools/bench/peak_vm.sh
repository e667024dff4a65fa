#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: peak_vm.sh BUILD [KERNEL]... [-- OPTION...]
# Runs BUILD/bench/bench OPTION... on each kernel (default: all with headers) in a
# virtual machine, where libshim has the module's blocks, and prints the peak
# resident set of each row: on the module, on THP, of the best peer in the same
# machine, and the ratio of the first to the last.  Also in
# BUILD/bench/peak-KERNEL.tsv (KiB).
#
# Without OPTION one round of every row that holds more than the library itself:
# what a small process takes does not depend on the backend, and the emulated
# processor needs a minute for some of those rows.

[ $# -ge 1 ] || { sed -n 's/^# usage/usage/p' "$0" >&2; exit 2; }
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../selftests/vm
rows=lifo,fifo,random,shuffle,bulk,bulk-40,bulk-back,burst,phases,grow-small
rows=$rows,steps,tails,lives,server,server-mt,shift,fragment,large,huge,vector
rows=$rows,append,calloc-large,first-touch,load,threads,threads-8x
rows=$rows,threads-idle,larson,pipeline,circle,batches,trees,lists,strings
rows=$rows,document,cache
kernels=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	kernels="$kernels $1"
	shift
done
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- -n 1 -r "$rows"
: "${kernels:=$("$vm/kernel" list)}"

# From bench's results those of one metric, a line a row, and their mean.
peaks='
BEGIN { FS = OFS = "\t" }
$3 != "peak_rss" || $5 !~ /^[0-9]/ { next }
!($1 in peer) { name[++n] = $1; peer[$1] = 0 }
$2 ~ /^shim-/ { ours[$1, $2] = $5; next }
!peer[$1] || $5 < peer[$1] { peer[$1] = $5; best[$1] = $2 }
END {
	print "row", "kmod", "thp", "peer", "best", "ratio"
	for (i = 1; i <= n; i++) {
		r = name[i]
		if (!ours[r, "shim-kmod"] || !peer[r])
			continue
		ratio = ours[r, "shim-kmod"] / peer[r]
		print r, ours[r, "shim-kmod"], ours[r, "shim-thp"], peer[r],
		      best[r], sprintf("%.3f", ratio)
		sum += log(ratio)
		rows++
	}
	if (!rows)
		exit 1
	print "geomean", "", "", "", "", sprintf("%.3f", exp(sum / rows))
}'

status=0
for kernel in $kernels; do
	log=$build/vm/peak-$kernel
	# as on the machine of performance.rst, whatever the kernel begins with
	"$vm/run" --kernel "$kernel" --mem 6144 --timeout 5400 --log "$log" \
		--modules "$build/$kernel/hugearena.ko" --exec "
			echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
			$build/bench/bench -b 5000 $* && echo '# tsv' &&
			cat $build/bench/host.tsv" | sed -u '/^# tsv/,$d' >&2
	grep -q '^# tsv' "$log/output.log" || status=1
	tsv=$build/bench/peak-$kernel.tsv
	sed '1,/^# tsv/d; s/\r$//' "$log/output.log" | awk "$peaks" >"$tsv" ||
		status=1
	column -t -s "$(printf '\t')" "$tsv"
done
exit $status
