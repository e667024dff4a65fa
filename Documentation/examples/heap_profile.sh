#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Who has a program's memory: sample it from its start, one allocation every 64
# KiB on average, and print the stacks at its peak.  "$1" is the hugearena
# command, by default the one that is installed.
hugearena=${1:-hugearena}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
"$hugearena" profile --rate 64k --format folded -w "$out" -- \
	sh -c 'x=$(head -c 4000000 /dev/zero | tr "\0" a); test ${#x} = 4000000'
# a line a stack: functions from the outermost in, and bytes
tail -n 5 "$out"
test -s "$out"
