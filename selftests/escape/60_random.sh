# SPDX-License-Identifier: GPL-2.0-only
# Sourced by run: functions made at random return the same when their objects are
# moved, and the address sanitizer finds nothing.  SEEDS names others.

if command -v python3 >/dev/null; then
	for seed in ${SEEDS-1 2}; do
		(cd "$t" && python3 "$here/functions.py" "$seed" 200) >"$t/out" 2>&1
		verdict $? "random $seed: is written" || continue
		for flags in -O2 '-O1 -fsanitize=address'; do
			"$o/shimcc" -m --shim-promote --shim-frame=100000 $flags \
				-w -o "$t/$seed" "$t/$seed.c" >"$t/report" 2>&1 &&
				ASAN_OPTIONS=detect_leaks=0 "$t/$seed" \
					>"$t/out" 2>&1 &&
				cmp "$t/out" "$t/$seed.want" >>"$t/out" 2>&1
			verdict $? "random $seed: the same with $flags"
		done
		# one in eight of what is made, at least: or nothing was tried
		[ $((8 * $(grep -c 'moved to the stack' "$t/report"))) -gt \
			"$(grep -c 'malloc(' "$t/report")" ]
		verdict $? "random $seed: objects are moved"
	done
else
	skipped=$((skipped + 1))
	echo "SKIP shimcc random: no python3"
fi
