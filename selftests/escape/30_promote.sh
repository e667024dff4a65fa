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
	marks 'moved to the stack' "$t/report" "$case"
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
	char *a = malloc(1000), *b = malloc(1000), *c = malloc(1000);
	int r;

	a[0] = b[0] = c[0] = x;
	r = a[0] + b[0] + c[0];
	free(c);
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
[ "$(moves)" = 3 ] && [ "$(moves --shim-max=999)" = 0 ] &&
	[ "$(moves --shim-frame=1999)" = 1 ] && [ "$(moves --shim-max=1000)" = 3 ] &&
	[ "$(moves --shim-frame=2500)" = 2 ]
verdict $? '--shim-max and --shim-frame'

# allocators that have other arguments as well
cat >"$t/pair.c" <<'END'
#include <stddef.h>
void *db_get(void *db, size_t n);
void db_put(void *db, void *p);
void *dbg_get(size_t n, size_t size, int line);
void dbg_put(void *p, int line);
int f(void *db, int x)
{
	int *p = db_get(db, 16), *q = dbg_get(2, 8, __LINE__), r;

	p[1] = x;
	r = p[1] + q[1];
	dbg_put(q, __LINE__);
	db_put(db, p);
	return r;
}
END
"$o/shimcc" -m --shim-promote --shim-pair=db_get,2:db_put,2 \
	--shim-pair=dbg_get,1,2:dbg_put:zeroed -O2 -S -o "$t/pair.s" "$t/pair.c" \
	>"$t/out" 2>&1 &&
	[ "$(grep -c ' \(db_get\|dbg_get\)(16) does not.*moved to the stack' "$t/out")" = 2 ] &&
	! grep -q 'db_get\|db_put\|dbg_get\|dbg_put' "$t/pair.s"
verdict $? '--shim-pair with more arguments'
for bad in f: :f f,:g f,0:g f,1,2,3:g f:g,1,2 f:g:full; do
	"$o/shimcc" --shim-pair=$bad -O2 -S -o "$t/pair.s" "$t/pair.c" >"$t/out" 2>&1
	[ $? != 0 ] && grep -q "$bad is no MALLOC:FREE" "$t/out"
	verdict $? "--shim-pair=$bad is refused"
done
