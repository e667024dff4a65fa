#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-co-http': the example server, a coroutine a connection, and the same
# with epoll and callbacks, in turns: requests a second by wrk, CPU time a
# request of the server alone, which a busy machine changes less.
#
# Usage: http.sh DIR [SECONDS] [CONNECTIONS]

dir=$1
seconds=${2:-5}
connections=${3:-64}

command -v wrk >/dev/null || {
	echo "no wrk: install it with 'apt-get install wrk'" >&2
	exit 1
}
t=$(mktemp) || exit 1
trap 'rm -f "$t"; kill "$pid" 2>/dev/null' EXIT
hz=$(getconf CLK_TCK)

# ticks PID: CPU time so far
ticks()
{
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

for round in 1 2 3; do
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
		used=$(ticks $pid)
		kill $pid
		wait $pid 2>/dev/null
		awk -v name="$server" -v used="$used" -v hz="$hz" '
			/requests in/ { n = $1 }
			/Requests\/sec/ { rate = $2 }
			/Socket errors/ { errors = $0 }
			END { printf "%-12s %9.0f requests/s %6.2f us CPU a request%s\n",
			      name, rate, used * 1e6 / hz / n, errors }' "$t"
	done
done
