#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-box-http': the example server (a region a request, a heap a tenant)
# against itself with a malloc() and a free() for each object, on the mallocs there
# are, in turns.  Medians: requests a second by wrk, CPU time a request of the
# server alone, which a busy machine changes less, and instructions of user code
# a request by callgrind, which it does not change at all.
#
# Usage: http.sh BUILD
# From the environment: ROUNDS, SECONDS_EACH.

o=$(cd "$1" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
dir=$o/bench/box
: "${ROUNDS:=5}" "${SECONDS_EACH:=3}"

for tool in wrk valgrind; do
	command -v $tool >/dev/null || {
		echo "no $tool: install it with 'apt-get install $tool'" >&2
		exit 1
	}
done
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"; [ -z "$pid" ] || kill "$pid" 2>/dev/null' EXIT
export SHIM_DEBUG_REGION=0	# valgrind is here to count, not to check

mimalloc=$(ls /usr/lib/*/libmimalloc.so.2* 2>/dev/null | head -n 1)
jemalloc=$(ls /usr/lib/*/libjemalloc.so.2 2>/dev/null | head -n 1)

# variants: name, program and malloc of each, tab-separated
{
	printf 'libshim-box, glibc\thttp_box\t\n'
	printf 'libshim-box, libshim\thttp_box\t%s\n' "$o/libshim.so.0"
	printf 'by hand, glibc\thttp_hand\t\n'
	printf 'by hand, libshim\thttp_hand\t%s\n' "$o/libshim.so.0"
	[ -z "$jemalloc" ] || printf 'by hand, jemalloc\thttp_hand\t%s\n' "$jemalloc"
	[ -z "$mimalloc" ] || printf 'by hand, mimalloc\thttp_hand\t%s\n' "$mimalloc"
} >"$t/variants"

# serve PRELOAD PROGRAM [TOOL...]: start a server; sets pid and port
serve()
{
	preload=$1 program=$2
	shift 2
	: >"$t/said"
	LD_PRELOAD=$preload "$@" "$dir/$program" >"$t/said" 2>"$t/log" &
	pid=$!
	until grep -q listening "$t/said"; do
		kill -0 "$pid" 2>/dev/null || {
			cat "$t/log" >&2
			exit 1
		}
		sleep 0.05
	done
	port=$(awk '/listening/ { print $4 }' "$t/said")
}

# ask SECONDS CONNECTIONS: a line of requests, requests a second, faults
ask()
{
	wrk -t1 -c"$2" -d"${1}s" -s "$here/http.lua" \
		"http://127.0.0.1:$port/" >"$t/wrk" || exit 1
	awk '/requests in/ { n = $1 } /Requests\/sec/ { rate = $2 }
	     /Socket errors|Non-2xx/ { bad = 1 }
	     END { print n + 0, rate + 0, bad + 0 }' "$t/wrk"
}

stop()
{
	kill "$pid"
	wait "$pid" 2>/dev/null
	pid=
}

# median FILE COLUMN
median()
{
	cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 }
		END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}

for round in $(seq "$ROUNDS"); do
	nr=0
	while IFS='	' read -r _ program preload; do
		nr=$((nr + 1))
		serve "$preload" "$program"
		asked=$(ask "$SECONDS_EACH" 32)
		used=$(cut -d' ' -f1 "/proc/$pid/schedstat")
		stop
		echo "$asked $used" |
			awk '{ print $2, $4 / 1e3 / $1, $3 }' >>"$t/$nr"
	done <"$t/variants"
done

# counted PRELOAD PROGRAM: instructions a request; what the start takes is counted
# by a run that is asked nothing
counted()
{
	for seconds in 0 4; do
		serve "$1" "$2" valgrind --tool=callgrind \
			--callgrind-out-file=/dev/null
		[ $seconds = 0 ] && n=0 || n=$(ask $seconds 4 | cut -d' ' -f1)
		stop
		sed -n 's/.*Collected : *//p' "$t/log" |
			awk -v n="$n" '{ print $1, n }'
	done | awk 'NR == 1 { base = $1 } NR == 2 { printf "%.0f", ($1 - base) / $2 }'
}

echo "kernel $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)," \
	"$ROUNDS rounds of ${SECONDS_EACH} s, medians"
printf '%-24s %12s %16s %16s\n' '' requests/s 'us CPU/request' \
	'instr/request'
nr=0
while IFS='	' read -r name program preload; do
	nr=$((nr + 1))
	bad=
	! grep -q ' 1$' "$t/$nr" || bad=' (errors)'
	printf '%-24s %12.0f %16.2f %16s%s\n' "$name" "$(median "$t/$nr" 1)" \
		"$(median "$t/$nr" 2)" "$(counted "$preload" "$program")" "$bad"
done <"$t/variants"
