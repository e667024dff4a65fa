#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-services': real services under load, each allocator in turn.
#
# A service does a fixed amount of work for a client that is not preloaded; nginx
# and node work for some seconds, and their CPU time is that of a million requests.
# The service has half of the CPUs and its clients the other half: without that a
# run's CPU time differs by twice as much from that of the next.  A service that is
# not installed is left out, with a word.
#
# Memory comes first, in two rounds: the proportional set (Pss) of all processes of
# the service, so that what they share counts once; the largest sum seen, the
# average while it worked, and what is left two seconds after.  The figures are
# medians.  To ask for them costs CPU time, so this is measured in rounds of its
# own: user and system time of all processes.  A round is divided by its mean, as
# the machine becomes faster and slower in minutes; the figure is the mean of the
# rounds, and "+-" its standard error in per cent.  Two allocators that are no
# further apart than the sum of theirs cannot be told apart.
#
# Usage: run.sh BUILD [SERVICE...]
# From the environment: ROUNDS (6, of CPU time), BUDGET (1100 seconds: no round
# starts that would end later, and no service after it).

here=$(cd "$(dirname "$0")" && pwd)
o=$(cd "$1" && pwd) || exit 1
shift
services=${*:-redis postgres mariadb nginx memcached node}
out=$o/bench
began=$(date +%s)

work=$(mktemp -d /tmp/bench-services-XXXXXX) || exit 1
# other users' programs load the library from here, and have their sockets here
chmod 755 "$work"
pid=
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

libdir=/usr/lib/$(gcc -print-multiarch 2>/dev/null)
allocators=
# allocator NAME LIBRARY
allocator()
{
	if [ -e "$2" ]; then
		cp -L "$2" "$work/$1.so" && allocators="$allocators $1"
	else
		echo "$1: $2 is not there" >&2
	fi
}
allocator glibc "$libdir/libc.so.6"
allocator libshim "$o/libshim.so.0"
allocator jemalloc "$libdir/libjemalloc.so.2"
allocator mimalloc "$libdir/libmimalloc.so.2"
allocator tcmalloc "$libdir/libtcmalloc_minimal.so.4"
# the C library cannot be loaded from a copy of it
rm -f "$work/glibc.so"

# preload ALLOCATOR: the value of LD_PRELOAD
preload()
{
	if [ "$1" = glibc ]; then
		echo "$libdir/libc.so.6"
	else
		echo "$work/$1.so"
	fi
}

# half of the CPUs for the service, the others for its clients
cpus=$(nproc)
for_service=0-$((cpus / 2 - 1))
for_clients=$((cpus / 2))-$((cpus - 1))
if [ "$cpus" -lt 2 ] || ! taskset -c "$for_service" true 2>/dev/null ||
   ! taskset -c "$for_clients" true 2>/dev/null; then
	echo "the service and its clients share the CPUs" >&2
	for_service=
fi

# on WHICH: this shell, and what it starts from now on, runs on these CPUs
on()
{
	[ -z "$for_service" ] || taskset -cp "$1" $$ >/dev/null
}

# tree PID...: these processes and all below them
tree()
{
	for p; do
		echo "$p"
		# shellcheck disable=SC2046 # a list
		tree $(cat "/proc/$p"/task/*/children 2>/dev/null)
	done
}

# cpu PID: ticks of CPU time of a tree, with children that have ended
cpu()
{
	for p in $(tree "$1"); do
		# the name may have blanks: count from behind it
		sed 's/.*) //' "/proc/$p/stat" 2>/dev/null
	done | awk '{ n += $12 + $13 + $14 + $15 } END { print n + 0 }'
}

# pss PID: KiB of a tree
pss()
{
	for p in $(tree "$1"); do
		cat "/proc/$p/smaps_rollup" 2>/dev/null
	done | awk '/^Pss:/ { n += $2 } END { print n + 0 }'
}

# Samples of $pid, until the file that is named is gone.
sample()
{
	while [ -e "$1" ]; do
		pss "$pid"
		sleep 0.1
	done >"$work/samples"
}

# started WHAT...: wait until a command succeeds
started()
{
	until "$@" >/dev/null 2>&1; do
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.05
	done
}

stop()
{
	[ -n "$pid" ] || return 0
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
}

for s in $services; do
	if [ ! -e "$here/$s.sh" ]; then
		echo "$s: no such service" >&2
		exit 2
	fi
	# shellcheck source=/dev/null
	if . "$here/$s.sh" && "${s}_there" && "${s}_prepare" >>"$work/log" 2>&1; then
		there="$there $s"
	else
		echo "$s: not installed, or it cannot be prepared: left out" >&2
	fi
done
[ -n "$there" ] || exit 1

# start SERVICE ALLOCATOR
start()
{
	on "$for_service"
	"${1}_start" "$(preload "$2")" || return 1
	on "$for_clients"
	# somebody must have loaded it
	if ! grep -q "$(preload "$2")" "/proc/$pid/maps"; then
		echo "$1: does not run with $2" >&2
		return 1
	fi
}

# memory SERVICE ALLOCATOR: one line with both, peak, mean and idle, in KiB
memory()
{
	start "$1" "$2" || return 1
	: >"$work/busy"
	sample "$work/busy" &
	sampler=$!
	"${1}_load" >>"$work/log" 2>&1
	failed=$?
	rm -f "$work/busy"
	wait $sampler
	[ $failed = 0 ] || return 1
	sleep 2
	awk -v s="$1" -v a="$2" -v idle="$(pss "$pid")" '
		{ n++; sum += $1; if ($1 > peak) peak = $1 }
		END {
			if (idle > peak)
				peak = idle
			printf "memory\t%s\t%s\t%d\t%d\t%d\n", s, a, peak,
			       n ? sum / n : idle, idle
		}' "$work/samples"
}

# cpu_time SERVICE ALLOCATOR: one line with both, and milliseconds of CPU time
cpu_time()
{
	start "$1" "$2" || return 1
	# more than a service has, or the first touch of memory measures the host
	"$out/warm" 512 || return 1
	before=$(cpu "$pid")
	requests=
	"${1}_load" >>"$work/log" 2>&1 || return 1
	used=$(($(cpu "$pid") - before))
	awk -v s="$1" -v a="$2" -v used="$used" -v hz="$(getconf CLK_TCK)" \
	    -v requests="${requests:-0}" -v round="$round" 'BEGIN {
		ms = used * 1000 / hz
		if (requests)
			ms *= 1e6 / requests
		printf "cpu\t%s\t%s\t%d\t%.0f\n", s, a, round, ms
	}'
}

echo "kernel $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)" >&2
: >"$work/all"
# round WHAT: every service with every allocator once
round()
{
	for s in $there; do
		# a slow machine: a service less rather than more than 20 minutes
		if [ $(($(date +%s) - began)) -gt "${BUDGET:-1100}" ]; then
			echo "$s: left out, the time is over" >&2
			continue
		fi
		for a in $allocators; do
			"$1" "$s" "$a" >>"$work/all" ||
				echo "$s with $a failed: $(tail -1 "$work/log")" >&2
			stop
		done
	done
	# another one first, the next time
	allocators=$(echo "$allocators" | awk '{ $(NF + 1) = $1; $1 = ""; print }')
}

# rounds WHAT HOW_MANY: at least one
rounds()
{
	longest=0
	for round in $(seq "$2"); do
		start=$(date +%s)
		if [ "$round" -gt 1 ] &&
		   [ $((start - began + longest)) -gt "${BUDGET:-1100}" ]; then
			break
		fi
		round "$1"
		now=$(date +%s)
		[ $((now - start)) -le $longest ] || longest=$((now - start))
		echo "$1, round $round: $((now - start)) s" >&2
	done
}

rounds memory 2
rounds cpu_time "${ROUNDS:-6}"

awk -F '\t' -v OFS='\t' -f "$here/summary.awk" "$work/all" >"$out/services.tsv"
column -t -s "$(printf '\t')" "$out/services.tsv"
echo "written: $out/services.tsv"
