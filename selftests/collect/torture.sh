#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A little of gc/torture on the module, in every mode; 'make soak' has the ten
# minutes of each.

cd "$(dirname "$0")" || exit 1
echo TAP version 13
echo 1..5
n=0 status=0
for mode in stop hybrid deletion insertion dirty; do
	n=$((n + 1))
	if SHIM_GC_MODE=$mode SHIM_GC_VERIFY=1 SHIM_BACKEND=kmod \
		./torture -t 4 -n 6 -f 3 -c 8 >torture.out 2>&1 &&
		grep -q 'lost 0 bad 0' torture.out; then
		echo "ok $n $mode"
	else
		sed 's/^/# /' torture.out
		echo "not ok $n $mode"
		status=1
	fi
done
rm -f torture.out
exit $status
