# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by run: mutants of shimcc, on this machine.
#
# Each patch in escape/ is against tools/escape/, and begins with a line that says
# what is wrong, and then:
#	Killed-by: escape:SCRIPT...	one of these parts of selftests/escape must fail
#
# The plugin is built once in a tree of its own, so that a bug costs the compilation
# of one file and a part of the tests.  Without gcc's plugin headers there is no plugin:
# that is a failure here.

# escape_try MUTANT: what killed it, or that nothing did
escape_try()
{
	dir=$escapes/$1
	rm -rf "$dir"
	mkdir -p "$dir"
	patch -s -F 0 --no-backup-if-mismatch -r - -d "$escapes/tree/src/tools/escape" \
		-p1 <"$patches/$1.patch" >"$dir/patch.out" 2>&1 || {
		echo "does not apply, see $dir/patch.out"
		return 1
	}
	escape_build >"$dir/build.out" 2>&1 || {
		echo "does not build, see $dir/build.out"
		return 1
	}
	for k in $(field Killed-by "$1"); do
		log=$dir/${k#*:}.log
		escape_test "${k#*:}" >"$log" 2>&1 && continue
		by=$(sed -n 's/^FAIL shimcc //p; s/^not ok - //p' "$log" | head -n 1)
		echo "killed by $k: ${by:-it hangs}"
		return 0
	done
	echo "survived, see $dir"
	return 1
}

escape_build()
{
	MAKEFLAGS='' make -s -C "$escapes/tree/src/tools/escape" \
		O="$escapes/tree/build"
}

# A bug may well make the compiler, or what it has compiled, hang.
escape_test()
{
	(cd "$escapes/tree/src" && timeout -k 5 900 selftests/escape/run \
		"$escapes/tree/build" "$1")
}

# escape_half BUILD MUTANT...
escape_half()
{
	escapes=$work/escape
	box=$1/libshim-box.a
	shift
	rm -rf "$escapes"
	mkdir -p "$escapes/tree/build" "$escapes/tree/src/tools" \
		"$escapes/tree/src/selftests" "$escapes/tree/src/libshim"
	cp -a "$top/tools/escape" "$escapes/tree/src/tools/"
	cp -a "$top/selftests/escape" "$escapes/tree/src/selftests/"
	cp -a "$top/libshim/include" "$escapes/tree/src/libshim/"
	cp -a "$box" "$escapes/tree/build/"
	escape_build >"$escapes/build.out" 2>&1 &&
		[ -x "$escapes/tree/build/shimcc" ] || {
		result FAIL "no shimcc to plant bugs in: see $escapes/build.out"
		return
	}
	cp -a "$escapes/tree" "$escapes/base"
	for k in $(for m in "$@"; do field Killed-by "$m"; done | tr ' ' '\n' |
		   sort -u); do
		escape_test "${k#*:}" >"$escapes/${k#*:}.log" 2>&1 ||
			result FAIL "without a bug, too, $k fails: see $escapes/${k#*:}.log"
	done
	for m in "$@"; do
		rm -rf "$escapes/tree"
		cp -a "$escapes/base" "$escapes/tree"
		if why=$(escape_try "$m"); then
			result ok "$m: $why"
		else
			result FAIL "$m: $why"
		fi
	done
	rm -rf "$escapes/tree" "$escapes/base"
}
