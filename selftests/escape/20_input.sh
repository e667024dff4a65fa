# SPDX-License-Identifier: GPL-2.0-only
# Sourced by run: input that cannot be worked on is told so in one sentence, and
# compiled nevertheless, as a build's compiler must.

printf 'int main(void) { return 0; }\n' >"$t/a.c"
cp "$t/a.c" "$t/a.cc"

sentence 'at -O0' 'a.c:1:1: not analysed: -O0' 0 \
	"$o/shimcc" -m -O0 -c -o "$t/a.o" "$t/a.c"
sentence 'with -flto' 'a.c:1:1: not analysed: -flto' 0 \
	"$o/shimcc" -m -O2 -flto -c -o "$t/a.o" "$t/a.c"
sentence 'for C++' 'a.cc:1:1: not analysed: .*C++' 0 \
	"$o/shimcc" -m -O2 -c -o "$t/a.o" "$t/a.cc"
[ -f "$t/a.o" ]
verdict $? 'compiles what it does not analyse'

# gcc of another version: a command that says it is, then the plugin itself
mkdir -p "$t/other/999"
cat >"$t/gcc-999" <<END
#!/bin/sh
[ "\$1" = -dumpversion ] && { echo 999; exit; }
exec gcc "\$@"
END
chmod +x "$t/gcc-999"
sentence 'for another gcc' 'is gcc 999, the plugin is there for.*only' 1 \
	env SHIMCC_CC="$t/gcc-999" "$o/shimcc" -m -O2 -c "$t/a.c"
sentence 'without a gcc' 'no /nowhere/gcc: install gcc' 1 \
	env SHIMCC_CC=/nowhere/gcc "$o/shimcc" -m -O2 -c "$t/a.c"
sentence 'an option that there is not' "unknown option '--shim-nothing'" 1 \
	"$o/shimcc" --shim-nothing -c "$t/a.c"
sentence 'a flag of gcc in SHIMCC_FLAGS' 'SHIMCC_FLAGS has' 1 \
	env SHIMCC_FLAGS=-O2 "$o/shimcc" -c "$t/a.c"

printf 'f 1x\n' >"$t/bad.tags"
"$o/shimcc" -m --shim-summary="$t/bad.tags" -O2 -c -o "$t/a.o" "$t/a.c" \
	>"$t/out" 2>&1
[ $? != 0 ] && grep -q "bad.tags:1: '1x' is no item" "$t/out"
verdict $? 'a summary with more behind a number'
printf 'f 1>nowhere\n' >"$t/bad.tags"
"$o/shimcc" -m --shim-summary="$t/bad.tags" -O2 -c -o "$t/a.o" "$t/a.c" \
	>"$t/out" 2>&1
[ $? != 0 ] && grep -q "bad.tags:1: '1>nowhere' is no item" "$t/out"
verdict $? 'a summary that is wrong'
printf '\n\n# f 1x\n  \n f  1\t*1>r  r=0\nf 1>!\0 2x\n' >"$t/bad.tags"
"$o/shimcc" -m --shim-summary="$t/bad.tags" -O2 -c -o "$t/a.o" "$t/a.c" \
	>"$t/out" 2>&1
[ $? != 0 ] && grep -q 'bad.tags: a byte of it is 0' "$t/out"
verdict $? 'a summary that is no text'
printf '\n\n# f 1x\n  \n f  1\t*1>r  r=0\nf 1>! 2x' >"$t/bad.tags"
"$o/shimcc" -m --shim-summary="$t/bad.tags" -O2 -c -o "$t/a.o" "$t/a.c" \
	>"$t/out" 2>&1
[ $? != 0 ] && grep -q "bad.tags:6: '2x' is no item" "$t/out"
verdict $? 'a summary with empty lines, and none at its end'
"$o/shimcc" -m --shim-summary="$t" -O2 -c -o "$t/a.o" "$t/a.c" >"$t/out" 2>&1
[ $? != 0 ] && grep -q "$t: Is a directory" "$t/out"
verdict $? 'a summary that is a folder'
"$o/shimcc" -m --shim-summary="$t/none.tags" -O2 -c -o "$t/a.o" "$t/a.c" \
	>"$t/out" 2>&1
[ $? != 0 ] && grep -q 'none.tags: No such file' "$t/out"
verdict $? 'a summary that is not there'
"$o/shimcc" -m --shim-out=/nowhere/report -O2 -c -o "$t/a.o" "$t/a.c" \
	>"$t/out" 2>&1
[ $? != 0 ] && grep -q '/nowhere/report: No such file' "$t/out"
verdict $? 'a report that cannot be written'

# a report is written each time, and once, whatever stands between
printf '#include <stdlib.h>\nint f(void) { return !malloc(1); }\n' >"$t/twice.c"
for i in 1 2; do
	"$o/shimcc" -m --shim-out="$t/twice.$i" -O1 -c -o "$t/twice.o" "$t/twice.c"
done >"$t/out" 2>&1
cp "$t/twice.1" "$t/out"
[ "$(wc -l <"$t/twice.1")" = 1 ] && cmp -s "$t/twice.1" "$t/twice.2"
verdict $? 'one report a call'

# the command itself: which gcc it runs, and what it hands on
mkdir -p "$t/path/first" "$t/path/second/gcc" "$t/path/third"
printf '#!/bin/sh\nPATH=%s\nexec gcc "$@"\n' "$PATH" >"$t/path/third/gcc"
chmod +x "$t/path/third/gcc"
ln -f "$t/path/third/gcc" "$t/path/third/gcc-$(gcc -dumpversion | cut -d. -f1)"
printf '#!/bin/sh\necho "$0"\n' >"$t/path/first/ccache"
chmod +x "$t/path/first/ccache"
ln -sf ccache "$t/path/first/gcc"
cat >"$t/args" <<'END'
#!/bin/sh
# a gcc that says what it is given
[ "$1" = -dumpversion ] && exec gcc -dumpversion
echo "cache $CCACHE_DISABLE" >&2
for a; do
	echo "<$a>"
done
END
chmod +x "$t/args"

# the cache is passed by, a folder is no program, and the gcc itself is started
env PATH="$t/path/first:$t/path/second:$t/path/third:$PATH" "$o/shimcc" -m \
	--shim-out="$t/a report" -O1 -c -o "$t/twice.o" "$t/twice.c" \
	>"$t/out" 2>&1 && cmp "$t/twice.1" "$t/a report" >>"$t/out" 2>&1
verdict $? 'finds gcc behind a cache; a report with a blank in its name'

SHIMCC_FLAGS=' -mm  --shim-max=64 ' SHIMCC_CC="$t/args" "$o/shimcc" -c 'a b.c' \
	--shim-promote -o -m32 '' >"$t/out" 2>&1
cat >"$t/want" <<END
cache 1
<-fplugin=PLUGIN>
<-fplugin-arg-shim_escape-summary=DIR/libc.tags>
<-fplugin-arg-shim_escape-summary=DIR/shim.tags>
<-fplugin-arg-shim_escape-m=2>
<-fplugin-arg-shim_escape-max=64>
<-fplugin-arg-shim_escape-promote>
<-D__SHIM_ESCAPE__>
<-c>
<a b.c>
<-o>
<-m32>
<>
END
sed "s,<-fplugin=.*/shim_escape.so>,<-fplugin=PLUGIN>,
     s,=[^=]*/\([a-z]*\.tags\)>,=DIR/\1>," "$t/out" | cmp - "$t/want" >>"$t/out" 2>&1
verdict $? 'what gcc is given, in its order'

sentence 'a size that is no number' "a number of bytes, please: '--shim-max=1k'" 1 \
	"$o/shimcc" --shim-max=1k -c "$t/a.c"
sentence 'an option without its value' "unknown option '--shim-out='" 1 \
	"$o/shimcc" --shim-out= -c "$t/a.c"
mkdir -p "$t/other/dir"
sentence 'where no plugin is' 'is gcc .*the plugin is there for only' 1 \
	env SHIMCC_DIR="$t/other/dir" "$o/shimcc" -c "$t/a.c"
status=0
"$o/shimcc" >"$t/help" 2>"$t/out" || status=$?
[ "$status" = 1 ] && [ ! -s "$t/help" ] && grep -q '^Usage: shimcc' "$t/out" &&
	"$o/shimcc" --help >"$t/help" && cmp "$t/help" "$t/out"
verdict $? 'help'
