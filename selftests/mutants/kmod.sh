# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Sourced by run: mutants of the module, in VMs.
#
# Booting a VM takes longer than most tests, so that a VM tries one mutant after
# the other, see series, as long as its kernel stays healthy.  The last of a series is
# the module without a bug, with all the tests of that series: that it passes
# them shows that the tests are right, and that no bug before it has left
# something behind that would have killed the others.  Only then do the verdicts
# count.  Those that do not are tried again; the first of a VM needs no such
# proof, so that each VM gets on.  One of which it is known that no kernel
# survives it has a VM to itself at once.  Two lanes, as a VM keeps a CPU busy,
# take from one list.

# The tests of one module; the slowest take a minute on a busy machine.  A bug
# may well make them hang.
kmod_limit=400
# mutants in a VM: more of them share its boot, and are lost if its kernel dies
kmod_series=6

# kernel_of MUTANT: the release it is to be tried on
kernel_of()
{
	series=$(field Kernel "$1")
	series=${series:-${MUTANTS_KERNEL:-}}
	# asking takes a while
	[ -s "$work/kernel-$series" ] ||
		"$here/../vm/kernel" list "$series" | tail -n 1 \
			>"$work/kernel-$series"
	cat "$work/kernel-$series"
}

# machine_of MUTANT: kernel, boot arguments, arguments of vm/run
machine_of()
{
	k=$(kernel_of "$1")
	[ -z "$k" ] || echo "$k|$(field Boot "$1")|$(field VM "$1")"
}

# restore TREE KERNEL: make it a copy of kmod/, and touch only what is not.  It
# begins with what was built for the module as it is; make looks at what objects
# were built by, and links those of a list, both with the directory's name.
restore()
{
	[ -d "$1" ] || {
		cp -aL "$o/$2" "$1"
		find "$1" \( -name '.*.cmd' -o -name '*.mod' -o \
			-name modules.order \) -exec sed -i "s,$o/$2,$1,g" {} +
	}
	(cd "$top/kmod" && ls Kbuild ./*.[ch] uapi/*.h) | while read -r f; do
		cmp -s "$top/kmod/$f" "$1/$f" || cp "$top/kmod/$f" "$1/$f"
	done
}

# prepare TREE MUTANT KERNEL: patch and build, or say what is wrong with it
prepare()
{
	tree=$1 dir=$work/$2 k=$3
	[ ! -f "$dir/hugearena.ko" ] || return 0
	mkdir -p "$dir"
	restore "$tree" "$k"
	patch -s -F 0 -d "$tree" -p1 <"$here/$2.patch" >"$dir/patch.out" 2>&1 || {
		echo "does not apply, see $dir/patch.out"
		return 1
	}
	MAKEFLAGS='' make -s -C "$("$here/../vm/kernel" build "$k")" M="$tree" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$dir/build.out" 2>&1 || {
		echo "does not build, see $dir/build.out"
		return 1
	}
	! cmp -s "$tree/hugearena.ko" "$o/$k/hugearena.ko" || {
		echo "is the module as it is"
		return 1
	}
	cp "$tree/hugearena.ko" "$dir/"
}

# verdict ok|FAIL MUTANT TEXT: record the result of a mutant
verdict()
{
	result "$1" "$2: $3"
	rm -f "$work/$2/hugearena.ko"
}

# queue_take: the next names of one machine, the first line says which
queue_take()
{
	flock "$work/lock" awk -v max="$kmod_series" -v queue="$work/queue" '
		{ line[NR] = $0 }
		!machine { machine = $1 }
		$1 == machine && n < max && !alone && !($3 == "alone" && n) {
			n++
			alone = $3 == "alone"
			names = names " " $2
			delete line[NR]
		}
		END {
			if (!n)
				exit 1
			printf "" >queue
			for (i = 1; i <= NR; i++)
				if (i in line)
					print line[i] >queue
			print machine names
		}' "$work/queue"
}

# queue_again MACHINE ALONE NAME...: to the front of the list
queue_again()
{
	nr=$1 alone=$2
	shift 2
	for m in "$@"; do
		echo "$nr $m $alone"
	done >"$work/again-$lane"
	flock "$work/lock" sh -c 'cat "$1" "$2" >"$2.new" && cat "$2.new" >"$2"' \
		sh "$work/again-$lane" "$work/queue"
}

# owed MACHINE take|add: tests that the module as it is has still to pass
owed()
{
	flock "$work/lock" sh -c 'case $2 in
		add) cat >>"$1" ;;
		*) [ ! -f "$1" ] || cat "$1"; rm -f "$1" ;;
		esac' sh "$work/owed-$1" "$2"
}

# series_run LOG MACHINE NAME...: in a VM, with the module as it is for the last
series_run()
{
	log=$1 machine=$2
	shift 2
	k=${machine%%|*} args=${machine#*|}
	boot=${args%%|*} args=${args#*|}
	rm -rf "$log"
	mkdir -p "$log/in"
	cp "$o/$k/hugearena.ko" "$log/in/sound.ko"
	owed "$nr" take >"$log/owed"
	params=$(allowed "$log/in/sound.ko" "$(echo "$k" | cut -d. -f1-2)" \
		2>/dev/null)
	for m in "$@"; do
		cp "$work/$m/hugearena.ko" "$log/in/$m.ko"
		echo "$m ${params:--} $(field Killed-by "$m")"
	done >"$log/in/list"
	echo "sound ${params:--}" $({
		for m in "$@"; do
			field Killed-by "$m" | tr ' ' '\n'
		done
		cat "$log/owed"
	} | sort -u) >>"$log/in/list"
	adds=$(for f in "$log/in"/*; do
		echo "--add $f:/vm/series/${f##*/}"
	done)
	# shellcheck disable=SC2086 # WRAP, args and adds are lists
	${WRAP:-} "$here/../vm/run" --log "$log" --kernel "$k" \
		--timeout $((kmod_limit * ($# + 2))) --disk \
		--accel "${ACCEL:-auto}" --append "$boot" $args \
		--root initramfs --tests "$tests" $adds \
		--add "$here/series:/vm/series/run" \
		--exec "sh /vm/series/run $kmod_limit" \
		</dev/null >"$log/run.out" 2>&1
	# what was said about each of them
	tr -d '\r' <"$log/output.log" | awk -v log_="$log" '
		/^## series: begin / { out = log_ "/" $4 ".log" }
		/^## vm: / { out = "" }
		out { print >out }
		/^## series: end / { out = "" }'
}

# tried LOG NAME: pass, or what killed it
tried()
{
	[ -f "$1/$2.log" ] || return 1
	by=$(sed -n 's/^# not ok [0-9]* /, /p' "$1/$2.log" |
	     tr -d '\n' | sed 's/^, //' | cut -c 1-160)
	if [ -n "$by" ]; then
		echo "killed by $by"
	elif ! grep -q '^## series: end ' "$1/$2.log"; then
		echo "killed: the kernel went down, or hung"
	elif grep -q '^## series: bad the kernel' "$1/$2.log"; then
		echo "killed: $(sed -n 's/^## series: bad //p' "$1/$2.log")"
	elif ! grep -v '^## ' "$1/$2.log" |
	     (here=$here/../vm && judge -v expect=tests) >"$1/$2.judged"; then
		echo "killed: $(grep -m 1 '^not ok: ' "$1/$2.judged" | cut -c 9-)"
	elif grep -q '^## series: bad ' "$1/$2.log"; then
		echo "no test failed, and yet: see $1/$2.log"
	else
		echo pass
	fi
}

# is_whole LOG NAME: its tests ended, and the kernel is healthy
is_whole()
{
	grep -q '^## series: end ' "$1/$2.log" 2>/dev/null &&
		! grep -q '^## series: bad ' "$1/$2.log"
}

# say_verdict LOG NAME
say_verdict()
{
	how=$(tried "$1" "$2")
	case $how in
	pass) verdict FAIL "$2" "survived, see $1/$2.log" ;;
	killed*) verdict ok "$2" "$how" ;;
	*) verdict FAIL "$2" "$how" ;;
	esac
}

# series_judge LOG MACHINE NAME...: which verdicts count, and who comes again
series_judge()
{
	at=$1 machine=$2 again=
	shift 2
	if [ "$(tried "$at" sound)" = pass ]; then
		for m in "$@"; do
			say_verdict "$at" "$m"
		done
		skips=$(sed -n 's/^ok [0-9]* selftests: \(.*\) # SKIP.*/\1/p' "$at/sound.log")
		[ -z "$skips" ] || result FAIL "skipped without a bug: $skips"
		return
	fi
	if [ ! -f "$at/$1.log" ]; then
		for m in "$@"; do
			verdict FAIL "$m" "the VM did not come up, see $at/run.out"
		done
		return
	fi
	# the first mutant met a fresh kernel
	say_verdict "$at" "$1"
	{ cat "$at/owed"; field Killed-by "$1" | tr ' ' '\n'; } | owed "$nr" add
	first=$1
	shift
	if is_whole "$at" sound || { [ -f "$at/sound.log" ] && [ $# = 0 ]; }; then
		# everything passed except these tests: try again, on a fresh kernel
		series_run "$at-sound" "$machine"
		if [ "$(tried "$at-sound" sound)" = pass ]; then
			queue_again "$nr" alone "$@"
			return
		fi
		result FAIL "without a bug, too, tests fail: see $at-sound"
		for m in "$@"; do
			say_verdict "$at" "$m"
		done
		return
	fi
	# the one that broke the kernel goes first the next time
	for m in "$@"; do
		if [ -f "$at/$m.log" ] && ! is_whole "$at" "$m"; then
			again="$m $again"
		else
			again="$again $m"
		fi
	done
	# shellcheck disable=SC2086 # a list
	[ $# = 0 ] || queue_again "$nr" '' $again
}

# kmod_lane LANE: as long as there is something to do
kmod_lane()
{
	lane=$1 n=0
	while taken=$(queue_take); do
		nr=${taken%% *}
		machine=$(sed -n "${nr}p" "$work/machines")
		k=${machine%%|*}
		ready=
		for m in ${taken#* }; do
			if why=$(prepare "$work/tree-$k-$lane" "$m" "$k"); then
				ready="$ready $m"
			else
				verdict FAIL "$m" "$why"
			fi
		done
		[ -n "$ready" ] || continue
		n=$((n + 1))
		log=$work/series-$lane-$n
		# shellcheck disable=SC2086 # a list
		series_run "$log" "$machine" $ready
		# shellcheck disable=SC2086 # a list
		series_judge "$log" "$machine" $ready
	done
}

# kmod_half MUTANT...
kmod_half()
{
	rm -rf "$work"/series-* "$work"/owed-* "$work"/kernel-*
	: >"$work/lock"
	: >"$work/all"
	for m in "$@"; do
		rm -rf "${work:?}/$m"
		if [ ! -f "$here/$m.patch" ]; then
			result FAIL "$m: no such patch"
		elif [ -z "$(machine_of "$m")" ]; then
			result FAIL "$m: no headers of its kernel here"
		elif [ -z "$(field Killed-by "$m")" ]; then
			result FAIL "$m: names no test"
		else
			printf '%s\t%s\t%s\t%s\n' "$(machine_of "$m")" \
				"$(field Killed-by "$m")" "$m" \
				"$(field Alone "$m")" >>"$work/all"
		fi
	done
	sort -o "$work/all" "$work/all"
	# sort by machine and tests, so that the sound module has fewer to run
	cut -f1 "$work/all" | uniq >"$work/machines"
	awk -F'\t' 'NR == FNR { nr[$1] = FNR; next }
		{ print nr[$1], $3, $4 ? "alone" : "" }' \
		"$work/machines" "$work/all" >"$work/queue"
	# a kernel that nothing was built for so far
	for k in $(cut -d'|' -f1 "$work/machines" | sort -u); do
		[ -f "$o/$k/hugearena.ko" ] ||
			MAKEFLAGS='' make -s -C "$top" O="$o" \
				"$o/$k/hugearena.ko" >&2 ||
			result FAIL "the module does not build for $k"
	done
	kmod_lane 1 &
	kmod_lane 2
	wait
	# tests that no series has completed
	for f in "$work"/owed-*; do
		[ -f "$f" ] || continue
		nr=${f##*-}
		log=$work/series-$nr-sound
		series_run "$log" "$(sed -n "${nr}p" "$work/machines")"
		[ "$(tried "$log" sound)" = pass ] ||
			result FAIL "without a bug, too, tests fail: see $log"
	done
}
