#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What Prometheus's own tool says about the metrics and the alert rules, and
# whether every metric that dashboard and rules name is one that there is.

dir=$(cd "$(dirname "$0")" && pwd)
n=0 failed=0
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

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
		sed 's/^/# /' "$out/log"
		failed=1
	fi
}

skip()
{
	n=$((n + 1))
	echo "ok $n $1 # SKIP $2"
}

if command -v promtool >/dev/null; then
	"$dir/hugearena" export --processes |
		promtool check metrics >"$out/log" 2>&1 && [ ! -s "$out/log" ]
	result $? "promtool check metrics"
	promtool check rules "$dir/hugearena.rules.yml" >"$out/log" 2>&1
	result $? "promtool check rules"
else
	skip "promtool check metrics" "no promtool: it is in package prometheus"
	skip "promtool check rules" "no promtool: it is in package prometheus"
fi

# named FILE: the metrics it names, without what a histogram's have behind
named()
{
	grep -o 'hugearena_[a-z_]*' "$1" | sed 's/_bucket$//' | sort -u
}

if [ -d /proc/hugearena ]; then
	"$dir/hugearena" export --processes | sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' |
		sort -u >"$out/there"
	for f in hugearena.json hugearena.rules.yml; do
		named "$dir/$f" | grep -vxF -f "$out/there" >"$out/log"
		[ ! -s "$out/log" ]
		result $? "every metric of $f is there"
	done
else
	skip "every metric of hugearena.json is there" "no module here"
	skip "every metric of hugearena.rules.yml is there" "no module here"
fi
exit $failed
