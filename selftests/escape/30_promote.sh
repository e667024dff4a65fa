# SPDX-License-Identifier: GPL-2.0-only
# Sourced by run: what is moved to the stack, what is not, and that programs do
# the same, with every level of optimisation and under the sanitizers.

moved='/*: moved */'
for case in "$here"/promote/*.c; do
	name=$(basename "$case" .c)
	"$o/shimcc" -m --shim-promote -O2 -w -o "$t/$name" "$case" -pthread \
		>"$t/report" 2>&1
	status=$?
	cp "$t/report" "$t/out"
	verdict $status "$name compiles" || continue
	# each mark against the line's verdict
	awk 'FNR == NR { split($0, at, ":"); said[at[2]] = said[at[2]] $0; next }
	     match($0, /\/\*: [^*]*\*\//) {
		split(substr($0, RSTART + 4, RLENGTH - 6), w, " ")
		line = said[FNR]
		is = line ~ /moved to the stack/
		if (w[1] == "moved" ? !is : is || line == "")
			print "line " FNR ": not " w[1] ": " line
		else if (w[1] == "kept" && w[2] != "*/" && w[2] != "" &&
			 !index(line, w[2]))
			print "line " FNR ": not because of " w[2] ": " line
	     }' "$t/report" "$case" >"$t/out"
	[ ! -s "$t/out" ]
	verdict $? "$name: moved and kept as marked"
	nr=$(grep -c 'moved to the stack' "$t/report")
	[ "$nr" = "$(grep -cF "$moved" "$case")" ]
	verdict $? "$name: nothing else is moved"

	gcc -O2 -w -o "$t/$name.plain" "$case" -pthread
	"$t/$name.plain" >"$t/$name.want"
	for flags in -O1 -O2 -O3 -Os -Og '-O2 -fPIC' \
		     '-O1 -fsanitize=address,undefined' \
		     '-O2 -fsanitize=address,undefined'; do
		"$o/shimcc" --shim-promote $flags -w -o "$t/$name" "$case" \
			-pthread >"$t/out" 2>&1 &&
			ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=0 \
				"$t/$name" >"$t/out" 2>&1 &&
			cmp -s "$t/out" "$t/$name.want"
		verdict $? "$name: the same with $flags"
	done
done

# each call that was promoted is gone from the code; cleanup() has one
"$o/shimcc" --shim-promote -O1 -fno-inline -w -c -o "$t/only.o" "$here/promote/moved.c"
objdump -dr "$t/only.o" >"$t/out"
[ "$(grep -c 'R_X86_64_PLT32.*\(malloc\|calloc\)' "$t/out")" = 1 ]
verdict $? 'moved.c: one call of malloc() is left'

# the limits
cat >"$t/limit.c" <<'END'
#include <stdlib.h>
int f(int x)
{
	char *a = malloc(1000), *b = malloc(1000);
	int r;

	a[0] = b[0] = x;
	r = a[0] + b[0];
	free(a);
	free(b);
	return r;
}
END
moves()
{
	"$o/shimcc" -m --shim-promote "$@" -O2 -c -o "$t/limit.o" "$t/limit.c" 2>&1 |
		grep -c 'moved to the stack'
}
[ "$(moves)" = 2 ] && [ "$(moves --shim-max=999)" = 0 ] &&
	[ "$(moves --shim-frame=1999)" = 1 ] && [ "$(moves --shim-max=1000)" = 2 ]
verdict $? '--shim-max and --shim-frame'
