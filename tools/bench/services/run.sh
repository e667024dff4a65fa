#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-services': real services under load, each allocator in turn.
#
# A service does a fixed amount of work for a client that is not preloaded; nginx
# works for some seconds, and its CPU time is that of a million requests.  Then
# it has nothing to do for two seconds.  CPU is user and system time of all its
# processes; memory is their proportional set (Pss), so that what processes
# share counts once: the largest sum seen, the average while it worked, and what
# is left at the end.  Figures are medians; a service that is not installed is
# left out, with a word.
#
# Usage: run.sh BUILD [SERVICE...]
# From the environment: ROUNDS (3), BUDGET (1100 seconds: no round starts that
# would end later, and no service after it).

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

# once SERVICE ALLOCATOR: one line with service, allocator, CPU, peak, mean, idle
once()
{
	"${1}_start" "$(preload "$2")" || return 1
	# somebody must have loaded it
	if ! grep -q "$(preload "$2")" "/proc/$pid/maps"; then
		echo "$1: does not run with $2" >&2
		return 1
	fi
	: >"$work/busy"
	sample "$work/busy" &
	sampler=$!
	before=$(cpu "$pid")
	requests=
	"${1}_load" >>"$work/log" 2>&1 || {
		rm -f "$work/busy"
		wait $sampler
		return 1
	}
	used=$(($(cpu "$pid") - before))
	rm -f "$work/busy"
	wait $sampler
	sleep 2
	awk -v s="$1" -v a="$2" -v used="$used" -v hz="$(getconf CLK_TCK)" \
	    -v idle="$(pss "$pid")" -v requests="${requests:-0}" '
		{ n++; sum += $1; if ($1 > peak) peak = $1 }
		END {
			ms = used * 1000 / hz
			if (requests)
				ms *= 1e6 / requests
			if (idle > peak)
				peak = idle
			printf "%s\t%s\t%.0f\t%d\t%d\t%d\n", s, a, ms, peak,
			       n ? sum / n : idle, idle
		}' "$work/samples"
	stop
}

echo "kernel $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)" >&2
: >"$work/all"
longest=0
for round in $(seq "${ROUNDS:-3}"); do
	start=$(date +%s)
	if [ "$round" -gt 1 ] &&
	   [ $((start - began + longest)) -gt "${BUDGET:-1100}" ]; then
		break
	fi
	for s in $there; do
		# a slow machine: a service less rather than more than 20 minutes
		if [ $(($(date +%s) - began)) -gt "${BUDGET:-1100}" ]; then
			echo "$s: left out of round $round, the time is over" >&2
			continue
		fi
		for a in $allocators; do
			once "$s" "$a" >>"$work/all" ||
				echo "$s with $a failed: $(tail -1 "$work/log")" >&2
			stop
		done
	done
	# another one first, the next time
	allocators=$(echo "$allocators" | awk '{ $(NF + 1) = $1; $1 = ""; print }')
	now=$(date +%s)
	[ $((now - start)) -le $longest ] || longest=$((now - start))
	echo "round $round: $((now - start)) s" >&2
done

# medians, and their ratio to the best of the service
awk -F '\t' -v OFS='\t' '
function median(key, n,   i, k, t, v)
{
	for (i = 1; i <= n; i++)
		v[i] = value[key, i]
	for (i = 2; i <= n; i++)
		for (k = i; k > 1 && v[k] < v[k - 1]; k--) {
			t = v[k]; v[k] = v[k - 1]; v[k - 1] = t
		}
	return (v[int((n + 1) / 2)] + v[int((n + 2) / 2)]) / 2
}
{
	row = $1 OFS $2
	if (!(row in runs))
		order[++rows] = row
	runs[row]++
	for (i = 3; i <= 6; i++)
		value[row OFS i, runs[row]] = $i
}
END {
	print "service", "allocator", "runs", "cpu_ms", "peak_kb", "mean_kb",
	      "idle_kb", "cpu", "peak", "mean", "idle"
	for (r = 1; r <= rows; r++) {
		split(order[r], name, OFS)
		for (i = 3; i <= 6; i++) {
			m[r, i] = median(order[r] OFS i, runs[order[r]])
			if (!((name[1], i) in best) || m[r, i] < best[name[1], i])
				best[name[1], i] = m[r, i]
		}
	}
	for (r = 1; r <= rows; r++) {
		split(order[r], name, OFS)
		line = order[r] OFS runs[order[r]]
		for (i = 3; i <= 6; i++)
			line = line OFS m[r, i]
		for (i = 3; i <= 6; i++)
			line = line OFS sprintf("%.2f", best[name[1], i] ? \
				m[r, i] / best[name[1], i] : 1)
		print line
	}
}' "$work/all" >"$out/services.tsv"
column -t -s "$(printf '\t')" "$out/services.tsv"
echo "written: $out/services.tsv"
