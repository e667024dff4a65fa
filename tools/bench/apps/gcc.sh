#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The C compiler proper on a generated file: phases, obstacks, a collector.
case $1 in
program)
	command -v gcc >/dev/null || exit 77
	gcc -print-prog-name=cc1
	;;
prepare)
	awk 'BEGIN {
		print "struct s { int a, b[4]; struct s *n; };"
		for (i = 0; i < 150; i++) {
			printf "int f%d(struct s *p, int k)\n{\n", i
			printf "\tint i, t = %d;\n\n", i
			printf "\tfor (i = 0; i < k; i++) {\n"
			printf "\t\tif (p->b[i & 3] > t + %d)\n", i % 7
			printf "\t\t\tt += p->b[(i + %d) & 3] * i;\n", i % 5
			printf "\t\telse if (p->n && p->n->a == %d)\n", i
			if (i)
				printf "\t\t\tt ^= f%d(p->n, k / 2);\n", i - 1
			else
				printf "\t\t\tt ^= p->n->a;\n"
			printf "\t\tp = p->n ? p->n : p;\n\t}\n"
			printf "\tswitch (t & 7) {\n"
			for (c = 0; c < 6; c++)
				printf "\tcase %d:\n\t\treturn t * %d + k;\n", \
					c, c * i + 1
			printf "\t}\n\treturn t;\n}\n\n"
		}
	}' >"$DATA/app.c"
	;;
run)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	exec $ALLOC "$(gcc -print-prog-name=cc1)" -quiet -O1 \
		-o - "$DATA/app.c"
	;;
esac
