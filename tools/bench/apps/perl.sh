#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Hashes, split and join, sorted strings in perl.
case $1 in
program)
	command -v perl || exit 77
	;;
prepare)
	cat >"$DATA/app.pl" <<'PL'
my (%count, @lines);
for my $i (0 .. 90000) {
	my $line = join ' ', map { 'w' . (($i * $_ * 7919) % 5003) } 1 .. 6;
	push @lines, $line if $i % 3 == 0;
	$count{$_}++ for split / /, $line;
}
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my %tree;
push @{$tree{substr $_, 0, 3}{substr $_, 3, 2}}, uc for @lines;
my $n = 0;
for my $a (sort keys %tree) { $n += @{$tree{$a}{$_}} for keys %{$tree{$a}} }
print scalar(@top), " $n @top[0 .. 9]\n";
PL
	;;
run)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	PERL_HASH_SEED=0 exec $ALLOC perl "$DATA/app.pl"
	;;
esac
