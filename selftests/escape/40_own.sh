# SPDX-License-Identifier: GPL-2.0-only
# Sourced by run: mistakes with what is owned are found, and nothing else is.

case=$here/own/own.c
"$o/shimcc" --shim-json="$t/own.json" -O1 -Wall -Wextra -I"$here/../../libshim/include" \
	-c -o "$t/own.o" "$case" >"$t/out" 2>&1
verdict $? 'own.c compiles'
sed -n 's/.*"line":\([0-9]*\),.*"kind":"ownership","rule":"\([^"]*\)".*/\1 \2/p' \
	"$t/own.json" | sort -u >"$t/own.found"
awk 'match($0, /\/\*: own-[a-z-]*/) { print FNR, substr($0, RSTART + 4, RLENGTH - 4) }' \
	"$case" | sort -u >"$t/own.want"
diff "$t/own.want" "$t/own.found" >"$t/out"
verdict $? 'own.c: what is marked is found, and nothing else'
[ -s "$t/own.want" ]
verdict $? 'own.c has marks'

# our own code and examples are right
for f in libshim/box/*.c Documentation/examples/*.c; do
	rm -f "$t/quiet.json"
	"$o/shimcc" -O1 -w -D_GNU_SOURCE -Ilibshim/include -Ilibshim -I"$o/libshim/gen" \
		--shim-json="$t/quiet.json" -c -o "$t/quiet.o" "$f" \
		>"$t/out" 2>&1 || continue
	! grep -q '"kind":"ownership"' "$t/quiet.json"
	verdict $? "$f: nothing to complain of"
done
