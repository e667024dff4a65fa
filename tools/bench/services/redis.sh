# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh reads and sets these
#
# A key-value server: filled, overwritten, and saved by a fork while it is
# written to.

redis_there()
{
	command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null
}

redis_prepare()
{
	redis_socket=$work/redis.sock
}

redis_start()
{
	rm -f "$work/dump.rdb"
	LD_PRELOAD=$1 redis-server --port 0 --unixsocket "$redis_socket" --save '' \
		--appendonly no --dir "$work" >>"$work/log" 2>&1 &
	pid=$!
	started redis-cli -s "$redis_socket" ping
}

redis_write()
{
	redis-benchmark -s "$redis_socket" -c 8 -P 16 -r 100000 -d "$1" -n "$2" \
		-q -t set,hset,zadd
}

redis_load()
{
	redis_write 100 200000 &&
		redis_write 300 200000 &&
		redis-cli -s "$redis_socket" bgsave &&
		redis_write 200 200000 || return 1
	while redis-cli -s "$redis_socket" info persistence |
	      grep -q 'rdb_bgsave_in_progress:1'; do
		sleep 0.1
	done
	redis-cli -s "$redis_socket" info persistence |
		grep -q 'rdb_last_bgsave_status:ok'
}
