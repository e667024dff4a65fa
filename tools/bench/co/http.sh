#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-co-http': the example server, a coroutine a connection, and the same
# with epoll and callbacks, in turns: requests a second by wrk, CPU time a
# request of the server alone, which a busy machine changes less; medians last.
#
# Usage: http.sh DIR [SECONDS] [CONNECTIONS]
# From the environment: ROUNDS.

dir=$1
seconds=${2:-5}
connections=${3:-64}

command -v wrk >/dev/null || {
	echo "no wrk: install it with 'apt-get install wrk'" >&2
	exit 1
}
t=$(mktemp) && all=$(mktemp) || exit 1
trap 'rm -f "$t" "$all"; kill "$pid" 2>/dev/null' EXIT

# used PID: nanoseconds of CPU time so far
used()
{
	cut -d' ' -f1 "/proc/$1/schedstat"
}

echo "kernel $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)"
for round in $(seq "${ROUNDS:-5}"); do
	for server in http_server http_epoll; do
		: >"$t"
		"$dir/$server" >"$t" &
		pid=$!
		until grep -q listening "$t"; do
			kill -0 $pid || exit 1
			sleep 0.05
		done
		port=$(awk '{ print $4 }' "$t")
		wrk -t1 -c"$connections" -d"${seconds}s" \
			"http://127.0.0.1:$port/" >"$t"
		used=$(used $pid)
		kill $pid
		wait $pid 2>/dev/null
		awk -v name="$server" -v used="$used" '
			/requests in/ { n = $1 }
			/Requests\/sec/ { rate = $2 }
			/Socket errors/ { errors = $0 }
			END { printf "%-12s %9.0f requests/s %6.2f us CPU a request%s\n",
			      name, rate, used / 1e3 / n, errors }' "$t" |
			tee -a "$all"
	done
done
# median SERVER COLUMN
median()
{
	awk -v s="$1" -v c="$2" '$1 == s { print $c }' "$all" | sort -n |
		awk '{ v[NR] = $1 }
		     END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}
echo "$(median http_server 2) $(median http_epoll 2)" \
	"$(median http_server 4) $(median http_epoll 4)" | awk '{
	printf "medians: %.0f requests/s against %.0f (%.2f), ", $1, $2, $1 / $2
	printf "%.2f us CPU a request against %.2f (%.2f)\n", $3, $4, $3 / $4 }'
