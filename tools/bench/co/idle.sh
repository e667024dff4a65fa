#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'make bench-co-idle': connections that have nothing to say, after one request each:
# what the example server, and the one of callbacks, take for each of them.  RSS and
# page tables are the servers' own; MemFree has both ends' sockets in it, and whatever
# else the machine does.  Where RLIMIT_NOFILE is too low for one process and cannot
# be raised, there are several, each with a part of the connections.
#
# Usage: idle.sh DIR [CONNECTIONS]

dir=$1
nr=${2:-100000}
t=$(mktemp -d) || exit 1
servers='' clients=''
trap 'rm -rf "$t"; kill $servers $clients 2>/dev/null' EXIT

room=$(ulimit -Hn)
if [ "$room" = unlimited ] || [ "$room" -ge $((nr + 100)) ]; then
	parts=1
else
	parts=$(((nr + room - 101) / (room - 100)))
fi
each=$((nr / parts))
ulimit -n "$((each + 100))" || exit 1

free_kb()
{
	awk '$1 == "MemFree:" { print $2 }' /proc/meminfo
}

# kB of all servers: resident, and page tables
own()
{
	for p in $servers; do
		cat "/proc/$p/status"
	done | awk '/^VmRSS:|^VmPTE:/ { n += $2 } END { print n }'
}

# row NAME PROGRAM [OPTION...]
row()
{
	name=$1
	shift
	servers='' clients=''
	for i in $(seq "$parts"); do
		: >"$t/server$i"
		: >"$t/client$i"
		"$@" >"$t/server$i" &
		servers="$servers $!"
		until grep -q listening "$t/server$i"; do
			kill -0 $! || exit 1
			sleep 0.05
		done
	done
	own=$(own) before=$(free_kb)
	mkfifo "$t/go"
	exec 3<>"$t/go"
	for i in $(seq "$parts"); do
		"$dir/idle" "$(awk '{ print $4 }' "$t/server$i")" "$each" \
			<"$t/go" 3>&- >"$t/client$i" &
		clients="$clients $!"
	done
	for i in $(seq "$parts"); do
		until grep -q answered "$t/client$i"; do
			# shellcheck disable=SC2086 # a list
			kill -0 $clients || exit 1
			sleep 0.2
		done
	done
	# the janitor comes by once a second: until nothing changes any more
	last=
	while [ "$(own)" != "$last" ]; do
		last=$(own)
		sleep 3
	done
	awk -v name="$name" -v nr=$((each * parts)) -v own=$(($(own) - own)) \
		-v free=$((before - $(free_kb))) \
		-v maps="$(wc -l <"/proc/${servers##* }/maps")" 'BEGIN {
		printf "%-22s %11d %10.0f %10.0f %9d\n", name, nr,
			own * 1024 / nr, free * 1024 / nr, maps }'
	# shellcheck disable=SC2086 # a list
	kill $servers $clients
	wait
	exec 3>&-
	rm -f "$t/go"
}

echo "kernel $(uname -r), $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)," \
	"$parts server process(es) of one thread"
printf '%-22s %11s %10s %10s %9s\n' 'bytes a connection' connections \
	'RSS + PTE' MemFree mappings
row 'coroutines, io_uring' "$dir/http_server" -i 3600
row 'coroutines, epoll' "$dir/http_server" -i 3600 -e
row 'coroutines, parked' "$dir/http_server" -i 3600 -k
row 'callbacks, epoll' "$dir/http_epoll"
