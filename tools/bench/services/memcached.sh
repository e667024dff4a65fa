# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh reads and sets these
#
# A cache: values of 10 to 2,000 bytes from 8 connections that come and go.

memcached_there()
{
	command -v memcached >/dev/null && command -v nc >/dev/null
}

memcached_prepare()
{
	memcached_port=18474
	for i in $(seq 8); do
		awk -v seed="$i" 'BEGIN {
			srand(seed)
			for (i = 0; i < 2000; i++)
				long = long "v"
			for (i = 0; i < 30000; i++) {
				n = 10 + int(rand() * 1990)
				printf "set k%d 0 0 %d noreply\r\n%s\r\n",
				       int(rand() * 40000), n, substr(long, 1, n)
				printf "get k%d\r\n", int(rand() * 40000)
			}
			printf "quit\r\n"
		}' >"$work/memcached.$i" || return 1
	done
}

memcached_start()
{
	LD_PRELOAD=$1 memcached -u nobody -l 127.0.0.1 -p "$memcached_port" -m 256 \
		>>"$work/log" 2>&1 &
	pid=$!
	started nc -z 127.0.0.1 "$memcached_port"
}

memcached_load()
{
	clients=
	for i in $(seq 8); do
		nc 127.0.0.1 "$memcached_port" <"$work/memcached.$i" >/dev/null &
		clients="$clients $!"
	done
	# shellcheck disable=SC2086 # a list
	wait $clients
}
