#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# libshim preloaded among others: a wrapper before it, a program with its own
# malloc() behind it, a plugin that is opened with RTLD_DEEPBIND.
dir=$(cd "$(dirname "$0")" && pwd)
shim=$dir/libshim.so.0
n=0 bad=0

# expect TEXT COMMAND...: it ends well
expect()
{
	n=$((n + 1))
	text=$1
	shift
	if timeout -s KILL 60 "$@"; then
		echo "ok $n $text"
	else
		echo "not ok $n $text"
		bad=1
	fi
}

echo "TAP version 13"
echo "1..9"
expect "a wrapper does not see our own calls" \
	env LD_PRELOAD="$dir/wrapper.so:$shim" "$dir/host" grow
expect "new and delete of a program with its own malloc" \
	env LD_PRELOAD="$shim" "$dir/owner"
expect "a plugin, found by the RUNPATH of who opens it" \
	env LD_PRELOAD="$shim" "$dir/host" local
expect "a plugin with RTLD_DEEPBIND" \
	env LD_PRELOAD="$shim" "$dir/host" deep
# where the flag is kept, the C library's free() gets our pointer
expect "deepbind=1 keeps the flag" \
	sh -c '! SHIM_OPTIONS=deepbind=1 LD_PRELOAD="$1" "$2" deep 2>/dev/null' \
	sh "$shim" "$dir/host"
# what runs where a thread happens to move between CPUs is in front as well, but
# not all that the kernel may do to it
expect "code of larger processes is not mapped" \
	env LD_PRELOAD="$shim" sh -c '"$1" few || "$1" few || "$1" few' sh "$dir/host"
expect "nor is it for an option" \
	env SHIM_OPTIONS=backend=thp LD_PRELOAD="$shim" \
	sh -c '"$1" few || "$1" few || "$1" few' sh "$dir/host"
expect "nor for a large object or two at a time, but a little" \
	env LD_PRELOAD="$shim" \
	sh -c '"$1" large || "$1" large || "$1" large' sh "$dir/host"
expect "what every process runs is not longer than it was" \
	env LD_PRELOAD="$shim" "$dir/host" front
exit $bad
