# SPDX-License-Identifier: GPL-2.0-only
# Sourced by run: each verdict that a case of the table expects.

: >"$t/sums"
for case in "$here"/table/*.c; do
	name=$(basename "$case")
	"$o/shimcc" -m -O2 -w -c -o /dev/null "$case" >"$t/out" 2>&1
	verdict $? "$name compiles" || continue
	awk -f "$here/judge.awk" "$t/out" "$case" >"$t/tap"
	grep '^#' "$t/tap" >>"$t/sums"
	passed=$((passed + $(grep -c '^ok' "$t/tap")))
	if grep '^not ok' "$t/tap"; then
		failed=$((failed + $(grep -c '^not ok' "$t/tap")))
	fi
	# a case without a verdict would pass by being silent
	grep -q '^ok' "$t/tap"
	verdict $? "$name has verdicts"
done
awk '{ r += $2; f += $4; c += $6 }
     END { printf "shimcc: Go'"'"'s table: %d right, %d finer than Go, %d more careful\n", r, f, c }' \
	"$t/sums"
