#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What libshim writes to standard error: nothing, unless it is asked to, or asked
# for a backend that is not available; and that once.

dir=$(cd "$(dirname "$0")" && pwd)
n=0 failed=0
err=$(mktemp) || exit 1
trap 'rm -f "$err"' EXIT
unset SHIM_OPTIONS

echo "TAP version 13"
echo "1..4"

# says NAME LINES PATTERN VARIABLE...: it writes LINES lines, one of them PATTERN
says()
{
	n=$((n + 1)) name=$1 lines=$2 pattern=$3
	shift 3
	env "$@" "$dir/early" >/dev/null 2>"$err"
	# the harness speaks on standard error, too
	if [ "$(grep -c '^libshim: ' "$err")" = "$lines" ] &&
	   { [ "$lines" = 0 ] || grep -q "^libshim: $pattern" "$err"; }; then
		echo "ok $n $name"
	else
		echo "not ok $n $name"
		sed 's/^/# /' "$err"
		failed=1
	fi
}

there=thp
[ ! -c /dev/hugearena ] || there=kmod
says "nothing" 0 '' SHIM_BACKEND=auto
says "verbose=1 names the backend that was found" 1 \
	"ready: caches use .*, blocks from backend $there\$" SHIM_OPTIONS=verbose=1
says "... and the one that was asked for" 1 \
	'ready: caches use .*, blocks from backend thp$' \
	SHIM_OPTIONS=verbose=1 SHIM_BACKEND=thp
if [ $there = kmod ]; then
	says "nothing about kmod where it is" 0 '' SHIM_BACKEND=kmod
else
	says "kmod cannot be had" 1 'backend=kmod: .*does not open' \
		SHIM_BACKEND=kmod
fi
exit $failed
