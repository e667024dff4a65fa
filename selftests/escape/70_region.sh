# SPDX-License-Identifier: GPL-2.0-only
# Sourced by run: what goes to a region, what does not, and that programs do the same,
# also where each object of a region is watched.

box=$o/libshim-box.a
inc=-I$here/../../libshim/include
for case in "$here"/region/*.c; do
	name=region-$(basename "$case" .c)
	"$o/shimcc" -m --shim-regions $inc -O2 -w -o "$t/$name" "$case" "$box" \
		-pthread >"$t/report" 2>&1
	status=$?
	cp "$t/report" "$t/out"
	verdict $status "$name compiles" || continue
	marks 'moved to the region' "$t/report" "$case"
	verdict $? "$name: moved and kept as marked"
	! grep -F '?:0' "$t/report" >"$t/out"
	verdict $? "$name: each verdict says where"
	nr=$(grep -c 'moved to the region' "$t/report")
	[ "$nr" = "$(grep -cF '/*: moved */' "$case")" ]
	verdict $? "$name: nothing else is moved"

	gcc $inc -O2 -w -o "$t/$name.plain" "$case" "$box" -pthread
	"$t/$name.plain" >"$t/$name.want" 2>"$t/$name.used.plain"
	for flags in -O1 -O2 -O3 -Os -Og '-O2 -fPIC' '-O2 --shim-promote' \
		     '-O1 -fsanitize=address,undefined' \
		     '-O2 -fsanitize=address,undefined'; do
		"$o/shimcc" --shim-regions $inc $flags -w -o "$t/$name" \
			"$case" "$box" -pthread >"$t/out" 2>&1 &&
			SHIM_DEBUG_REGION=1 \
			ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=0 \
				"$t/$name" >"$t/out" 2>"$t/$name.used" &&
			cmp -s "$t/out" "$t/$name.want"
		verdict $? "$name: the same with $flags"
	done
done
# it was in the region: main() prints how much
[ "$(tr -dc 0-9 <"$t/region-moved.used.plain")" -lt 1000 ] &&
	[ "$(tr -dc 0-9 <"$t/region-moved.used")" -gt 10000 ]
verdict $? 'region-moved: the region has had the memory'

# no call of malloc() or free() is left; main() makes no object
"$o/shimcc" --shim-regions $inc -O1 -w -c -o "$t/only.o" "$here/region/moved.c"
objdump -dr "$t/only.o" >"$t/out"
! grep -q 'R_X86_64_[A-Z0-9]*[[:space:]]*\(malloc\|calloc\|free\)-' "$t/out" &&
	grep -q 'R_X86_64_[A-Z0-9]*[[:space:]]*shim_region_more-' "$t/out"
verdict $? 'moved.c: no call of malloc() or free() is left'

# without its functions there is nothing to call, and without the option no change
cat >"$t/noheader.c" <<'END'
#include <stdlib.h>
struct shim_region;
void shim_region_mark(struct shim_region *r);
int f(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)), v;

	shim_region_mark(r);
	p[n - 1] = n;
	v = p[n - 1];
	free(p);
	return v;
}
END
"$o/shimcc" -m --shim-regions -O2 -c -o "$t/only.o" "$t/noheader.c" >"$t/out" 2>&1 &&
	grep -q 'shim_region.h is not included' "$t/out"
verdict $? 'without shim_region.h'
"$o/shimcc" -m $inc -O2 -w -c -o "$t/only.o" "$here/region/moved.c" >"$t/out" 2>&1
! grep -q 'region r\]\|not in a region' "$t/out"
verdict $? 'off unless it is asked for'
