#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A document of 10 MB parsed into a tree, formatted, written and freed.
case $1 in
program)
	command -v xmllint || exit 77
	;;
prepare)
	awk 'BEGIN {
		print "<?xml version=\"1.0\"?><catalog>"
		for (i = 0; i < 80000; i++) {
			printf "<item id=\"i%d\" kind=\"%s\">", i, i % 7
			printf "<name>Item number %d</name>", i
			printf "<price currency=\"EUR\">%d.%02d</price>", \
				i * 7919 % 1000, i % 100
			printf "<note><!-- %d -->some <b>text</b></note>", i
			print "</item>"
		}
		print "</catalog>"
	}' >"$DATA/app.xml"
	;;
run)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	exec $ALLOC xmllint --nonet --format "$DATA/app.xml"
	;;
esac
