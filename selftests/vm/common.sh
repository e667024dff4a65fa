#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the scripts of selftests/vm: the cache, and how a script gives up.
#
# What is downloaded or unpacked lives in $cache, in a directory named by what
# is in it (package and version), and gets that name by rename(2) when it is
# complete.  So a directory that exists is whole, two scripts may fill the
# cache at the same time, and all of it may be deleted at any time.

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hugearena

# The machine that is built for and booted: this one, or another by ARCH.
case ${ARCH:-} in
arm64) arch=arm64 cross=aarch64-linux-gnu- ;;
*) arch=amd64 cross='' ;;
esac
triplet=${cross%-}
[ -z "$cross" ] && cc=${CC:-gcc} || cc=${cross}gcc

# die SENTENCE: give up; the sentence names the fix
die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# need COMMAND PACKAGE: give up unless COMMAND can be run
need()
{
	command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] ||
		die "no $1: install it with 'apt-get install $2'"
}

# cache_begin: make a directory to fill, in $tmp
cache_begin()
{
	mkdir -p "$cache" || die "cannot write $cache: set XDG_CACHE_HOME"
	tmp=$(mktemp -d "$cache/.new.XXXXXX") || exit 1
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 1' INT TERM HUP
}

# cache_end NAME: give $tmp its name; another script may have been faster
cache_end()
{
	chmod 755 "$tmp"
	mv -T "$tmp" "$cache/$1" 2>/dev/null || [ -d "$cache/$1" ] ||
		die "cannot make $cache/$1"
	rm -rf "$tmp"
	trap - EXIT INT TERM HUP
}

# judge ARGUMENT...: judge(awk) on standard input, line by line as it comes
judge()
{
	# mawk would wait for a full buffer
	if awk -W version 2>&1 </dev/null | grep -q mawk; then
		awk -W interactive -f "$here/judge" "$@"
	else
		awk -f "$here/judge" "$@"
	fi
}

# Options for a kernel with checkers.  A complaint ends the VM.  Tables have
# four levels: KASAN asks the CPU's features whether they have five, and
# identify_cpu() clears these for a moment at boot, so that an interrupt in that
# moment looks like an access outside of all memory.  The RAM disk, which is a
# module in Debian's kernels, is as large as there (KiB).
checked="panic_on_warn=1 no5lvl ramdisk_size=8388608"

# allowed KO SERIES: the parameter that loads it on a series it was not tested on
allowed()
{
	tested=$(tr '\0' '\n' <"$1" | sed -n 's/^tested=//p')
	case " $tested " in
	"  " | *" $2 "*) ;;
	*)
		echo "untested_kernel=1"
		echo "vm: $(basename "$1" .ko) was not tested on $2 yet" >&2 ;;
	esac
}
