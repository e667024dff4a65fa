# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by run: mutants of libshim and the libraries above it, on this machine.
#
# Each patch in host/ is against libshim/, and begins with a line that says what
# is wrong, and then:
#	Killed-by: TOPIC:TEST...	one of these programs of selftests/TOPIC
#					must fail: unit shim box co gc
#					a test of a race is named more than
#					once, and so is tried again
#			TOPIC:TEST@arm64	a program of unit, cross-built and
#					emulated; where it cannot be, the
#					mutant is skipped, with the reason
#
# What BUILD has is copied once, sources and objects, and once more for each
# CPU.  A bug is planted in such a tree, which make then brings up to date as
# far as the tests that are named need it; afterwards what has changed is put
# back.  So a bug costs the compilation of a file, and its tests.

# A bug may well make a test hang.  An emulator is slow, so its seconds are those
# of its CPU, and others are many.
host_limit=60
host_limit_emulated=600

# host_arm64: can programs of arm64 be built and run here, with the libraries in
# $arm64_root?  Says in $why if they cannot
host_arm64()
{
	why=
	if ! command -v aarch64-linux-gnu-gcc >/dev/null; then
		why="no aarch64-linux-gnu-gcc: 'apt-get install gcc-aarch64-linux-gnu'"
	elif ! command -v qemu-aarch64 >/dev/null; then
		why="no qemu-aarch64: 'apt-get install qemu-user'"
	else
		arm64_root=$(ARCH=arm64 "$here/../vm/sysroot") ||
			why="no libraries of arm64, see above"
	fi
	[ -z "$why" ]
}

# host_tree TREE FROM BUILD: make it a copy
host_tree()
{
	rm -rf "$1"
	mkdir -p "$1/src/tools" "$1/src/kmod" "$1/src/selftests" \
		"$1/src/Documentation" "$1/build/selftests"
	cp -a "$2/libshim" "$1/src/"
	cp -a "$2/tools/layers.list" "$2/tools/mksizeclasses.c" "$1/src/tools/"
	cp -a "$2/tools/gdb" "$1/src/tools/"
	cp -a "$2/kmod/uapi" "$1/src/kmod/"
	cp -a "$2/Documentation/examples" "$2/Documentation/man" \
		"$1/src/Documentation/"
	for topic in lib vm unit shim box co gc; do
		cp -a "$2/selftests/$topic" "$1/src/selftests/"
		[ ! -d "$3/selftests/$topic" ] ||
			cp -a "$3/selftests/$topic" "$1/build/selftests/"
	done
	cp -a "$3/libshim" "$3"/libshim-*/ "$3"/libshim*.a "$3"/libshim*.so* \
		"$1/build/"
	host_lists "$1"
}

# host_lists TREE: the compiler's lists of headers name their objects by where
# they are, or were
host_lists()
{
	find "$1/build" -name '*.d' -exec sed -i \
		-e "1s,^[^ :]*/selftests/,$1/build/selftests/," \
		-e "1s,^[^ :]*/\(libshim[^/]*/[^/ :]*\.o\):,$1/build/\1:," \
		-e "s, [^ ]*/libshim/gen/, $1/build/libshim/gen/," {} +
}

# host_make TREE TOPIC TARGET...: in the build directory of the topic
host_make()
{
	tree=$1 topic=$2
	shift 2
	MAKEFLAGS='' make -s -C "$tree/src/selftests/$topic" O="$tree/build" \
		OUTPUT="$tree/build/selftests/$topic" KSFT="$ksft" "$@"
}

# host_make_arm64 TREE TEST: the same, of a program of unit for arm64
host_make_arm64()
{
	at=$1/build/selftests/arm64/unit
	MAKEFLAGS='' make -s -C "$1/src/selftests/unit" O="$1/build" \
		OUTPUT="$at" KSFT="$ksft" "$at/$2" \
		CC="aarch64-linux-gnu-gcc --sysroot=$arm64_root"
}

# host_programs SCRIPT: what a script of shim runs
host_programs()
{
	case $1 in
	*/preloaded.sh)
		echo libshim.so.0 plugin.so wrapper.so owner host
		;;
	*)
		sed -n 's/.*exec "$(dirname "$0")\/\([a-z_]*\)".*/\1/p' "$1"
		;;
	esac
}

# host_build TREE TOPIC:TEST...: bring them up to date
host_build()
{
	t=$1
	shift
	# what the libraries above are linked with, and the core's programs
	needs=
	for k in "$@"; do
		case $k in
		unit:*)	;;
		shim:*)	needs="$needs core" ;;
		box:*)	needs="$needs $t/build/libshim-box.a core" ;;
		co:*)	needs="$needs $t/build/libshim-co.a" ;;
		gc:*)	needs="$needs $t/build/libshim-gc.a $t/build/libshim-co.a core" ;;
		esac
	done
	# shellcheck disable=SC2086 # a list
	[ -z "$needs" ] ||
		MAKEFLAGS='' make -s -C "$t/src/libshim" O="$t/build" $needs ||
		return 1
	for k in "$@"; do
		case $k in
		unit:*@arm64)
			k=${k#*:}
			host_make_arm64 "$t" "${k%@*}" || return 1
			continue ;;
		esac
		at=$t/build/selftests/${k%%:*} name=${k#*:}
		from=$t/src/selftests/${k%%:*}
		targets=$at/$name
		if [ -f "$from/$name" ]; then
			cp -p "$from/$name" "$at/"
			targets=
			for p in $(host_programs "$from/$name"); do
				targets="$targets $at/$p"
				name=$p
			done
		fi
		if grep -q '^#include "victim.h"' "$from/$name.c" 2>/dev/null; then
			targets="$targets $at/victim"
		fi
		# shellcheck disable=SC2086 # a list
		host_make "$t" "${k%%:*}" $targets || return 1
	done
}

# host_test TREE LOG TOPIC:TEST: pass, FAIL, skip or hangs
host_test()
{
	at=$1/build/selftests/${3%%:*} program=./${3#*:}
	limit=$host_limit emulator=
	case $3 in
	*@arm64)
		at=$1/build/selftests/arm64/${3%%:*} program=${program%@*}
		limit=$host_limit_emulated
		emulator="qemu-aarch64 -L $arm64_root" ;;
	esac
	# a session of its own, by which what it leaves behind is found,
	# and a shell, which reports how it died
	# shellcheck disable=SC2086 # a list
	(
		[ -z "$emulator" ] || ulimit -t "$host_limit"
		(cd "$at" && exec setsid -w sh -c 'echo $$ >"$1"; shift; exec "$@"' \
			sh "$2.session" timeout -k 5 "$limit" \
			$emulator "$program") >"$2" 2>&1 </dev/null
		exit $?
	) 2>/dev/null
	status=$?
	# shellcheck disable=SC2046 # a list
	kill -KILL $(host_session "$(cat "$2.session")") 2>/dev/null
	rm -f "$2.session"
	case $status in
	0) echo pass ;;
	4) echo skip ;;
	124 | 137 | 152) echo hangs ;;
	*) echo FAIL ;;
	esac
}

# host_session ID: the processes of a session
host_session()
{
	sed -n "s/^\([0-9]*\) (.*) . [0-9]* [0-9]* $1 .*/\1/p" \
		/proc/[0-9]*/stat 2>/dev/null
}

# host_undo TREE: restore what the last bug has changed from base
host_undo()
{
	find "$1" -newer "$1/stamp" -type f ! -name '*.d' | while read -r f; do
		if [ -f "$hosts/base${f#"$1"}" ]; then
			cp -p --remove-destination "$hosts/base${f#"$1"}" "$f"
		else
			rm -f "$f"
		fi
	done
}

# host_place SOURCE PATCH: the arguments of patch that plant it where it says, or,
# as functions move from one file of a layer to another, in the one file beside
# it where all of it fits
plant='patch -s -F 0 --no-backup-if-mismatch -r -'
host_place()
{
	$plant --dry-run -d "$1" -p1 <"$2" && {
		echo "-d $1 -p1"
		return
	}
	[ "$(grep -c '^--- a/' "$2")" = 1 ] || return 1
	folder=$(sed -n 's,^--- a/\(.*\)/[^/]*$,\1,p' "$2")
	fits=
	for f in "$1/$folder"/*.[ch]; do
		$plant --dry-run "$f" <"$2" >/dev/null 2>&1 && fits="$fits $f"
	done
	# shellcheck disable=SC2086 # one, or it is not clear which
	set -- $fits
	[ $# = 1 ] && echo "$1"
}

# host_patch SOURCE PATCH: plant it
host_patch()
{
	# shellcheck disable=SC2046 # a list, or nothing and false
	set -- "$2" $(host_place "$1" "$2")
	[ $# -gt 1 ] || return 1
	p=$1
	shift
	$plant "$@" <"$p"
}

# host_try TREE MUTANT: what killed it, or that nothing did
host_try()
{
	dir=$hosts/$2
	killers=$(field Killed-by "$2")
	[ -n "$killers" ] || {
		echo "names no test"
		return 1
	}
	rm -rf "$dir"
	mkdir -p "$dir"
	# files that are written from here on are newer
	touch "$1/stamp"
	sleep 0.01
	host_patch "$1/src/libshim" "$patches/$2.patch" \
		>"$dir/patch.out" 2>&1 || {
		echo "does not apply, see $dir/patch.out"
		return 1
	}
	# shellcheck disable=SC2086 # a list
	host_build "$1" $killers >"$dir/build.out" 2>&1 || {
		echo "does not build, see $dir/build.out"
		return 1
	}
	for k in $killers; do
		log=$dir/$(echo "$k" | tr : -).log
		how=$(host_test "$1" "$log" "$k")
		case $how in
		pass | skip) continue ;;
		esac
		by=$(sed -n 's/^not ok [0-9]* /, /p' "$log" | tr -d '\n' |
		     sed 's/^, //' | cut -c 1-120)
		[ "$how" = FAIL ] || how='it hangs'
		echo "killed by $k: ${by:-$how}"
		return 0
	done
	echo "survived, see $dir"
	return 1
}

# host_tries LANE MUTANT...: those of them that no other lane has taken
host_tries()
{
	tree=$hosts/lane$1
	shift
	host_tree_again "$tree"
	for m in "$@"; do
		mkdir "$hosts/taken/$m" 2>/dev/null || continue
		if why=$(host_try "$tree" "$m"); then
			result ok "$m: $why"
		else
			result FAIL "$m: $why"
		fi
		host_undo "$tree"
	done
}

# host_sound LANE TEST...: do they pass without any bug?
host_sound()
{
	shift
	for k in "$@"; do
		name=$(echo "$k" | tr : -)
		mkdir "$hosts/taken/$name" 2>/dev/null || continue
		how=$(host_limit=600 && host_test "$hosts/base" \
			"$hosts/sound/$name.log" "$k")
		[ "$how" = pass ] ||
			result FAIL "without a bug, too, $k: $how, see $hosts/sound/$name.log"
	done
}

# host_tree_again TREE: make it a copy of base
host_tree_again()
{
	rm -rf "$1"
	cp -a "$hosts/base" "$1"
	host_lists "$1"
}

# host_lanes FUNCTION ITEM...: FUNCTION LANE ITEM..., once for each CPU
host_lanes()
{
	fn=$1
	shift
	rm -rf "$hosts/taken"
	mkdir -p "$hosts/taken"
	lane=0
	while [ "$lane" -lt "$(nproc)" ]; do
		lane=$((lane + 1))
		"$fn" "$lane" "$@" </dev/null &
	done
	wait
}

# host_half MUTANT...
host_half()
{
	hosts=$work/host
	# without those that cannot be tried here
	case $(for m in "$@"; do field Killed-by "$m"; done) in
	*@arm64*) host_arm64 ;;
	*) true ;;
	esac || for m in "$@"; do
		shift
		case $(field Killed-by "$m") in
		*@arm64*) result skip "$m: $why" ;;
		*) set -- "$@" "$m" ;;
		esac
	done
	[ $# -gt 0 ] || return
	ksft=$("$here/../vm/ksft" dir)
	mkdir -p "$hosts/sound"
	killers=$(for m in "$@"; do
		field Killed-by "$m" | tr ' ' '\n'
	done | sort -u)
	host_tree "$hosts/base" "$top" "$o"
	# shellcheck disable=SC2086 # a list
	host_build "$hosts/base" $killers >"$hosts/build.out" 2>&1 || {
		result FAIL "without a bug, too, tests do not build: see $hosts/build.out"
		return
	}
	# shellcheck disable=SC2086 # a list
	host_lanes host_sound $killers
	host_lanes host_tries "$@"
	rm -rf "$hosts"/lane* "$hosts/taken"
}
