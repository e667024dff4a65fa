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

# Our own code and examples are right.  Each folder is one verdict; what does not
# compile here would be a silent pass.
flags="-O1 -w -std=gnu11 -D_GNU_SOURCE -fPIC -fexceptions
	-DSHIM_VERSION=\"0\" -DHUGEARENA_VERSION=\"0\" -DHUGEARENA_LIBDIR=\"/\"
	-Ilibshim/include -Ilibshim -Itools/hugearena -I$o/libshim/gen
	-I$t/uapi $(pkg-config --cflags jansson ncursesw libdw 2>/dev/null)"
mkdir -p "$t/uapi/linux"
cp "$here/../../kmod/uapi/hugearena.h" "$t/uapi/linux/" 2>/dev/null
for folder in "$here"/../../libshim/*/ "$here"/../../tools/hugearena/*/ \
	      "$here"/../../Documentation/examples/; do
	[ -d "$folder" ] || continue
	name=${folder#"$here"/../../}
	rm -f "$t/quiet.json"
	for f in "$folder"*.c; do
		[ -f "$f" ] || continue
		(cd "$here/../.." && "$o/shimcc" $flags --shim-json="$t/quiet.json" \
			-S -o /dev/null "${f#"$here"/../../}") >"$t/out" 2>&1 ||
			echo "$f does not compile" >>"$t/own.bad"
	done
	[ -f "$t/quiet.json" ] || continue
	grep '"kind":"ownership"' "$t/quiet.json" >>"$t/own.bad"
	cp "$t/own.bad" "$t/out" 2>/dev/null
	[ ! -s "$t/own.bad" ]
	verdict $? "${name}: nothing to complain of"
	rm -f "$t/own.bad"
done
