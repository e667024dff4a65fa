#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Pages drawn and rendered by ghostscript.
case $1 in
program)
	command -v gs || exit 77
	;;
prepare)
	cat >"$DATA/app.ps" <<'PS'
%!PS
/Helvetica findfont 9 scalefont setfont
0 1 9 {
	/page exch def
	0 1 60 {
		/i exch def
		40 20 i 12 mul add moveto
		(Line ) show i 20 string cvs show
		i page add 7 mod 7 div 0.5 0.2 setrgbcolor
		newpath 300 400 i 5 mul 0 270 arc stroke
		newpath 100 i 9 mul add 100 moveto
		200 500 400 i 10 mul 300 300 curveto closepath fill
	} for
	/d 400 dict def
	0 1 399 { dup 40 string cvs cvn exch 50 array d 3 1 roll put } for
	showpage
} for
PS
	;;
run)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	exec $ALLOC gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=ppmraw -r60 \
		-sOutputFile=- "$DATA/app.ps"
	;;
esac
