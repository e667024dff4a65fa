#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A key-value server: fill, overwrite, delete, fill with larger values.
# The client only asks; the server's script does the work.
case $1 in
program)
	command -v redis-server || exit 77
	command -v redis-cli >/dev/null || exit 77
	;;
prepare)
	cat >"$DATA/redis.lua" <<'LUA'
local n = 40000
for i = 1, n do
	redis.call('SET', 'k' .. i, string.rep('v', 20 + i * 7919 % 300))
end
for i = 1, n, 2 do
	redis.call('SET', 'k' .. i, string.rep('w', 20 + i * 104729 % 500))
end
for i = 1, n do
	if i % 5 ~= 0 then redis.call('DEL', 'k' .. i) end
end
for i = 1, n / 4 do
	redis.call('SET', 'big' .. i, string.rep('b', 1000 + i % 1000))
	redis.call('RPUSH', 'list' .. i % 100, i)
	redis.call('HSET', 'hash' .. i % 200, 'f' .. i, i)
	redis.call('ZADD', 'set' .. i % 50, i, 'm' .. i)
end
return redis.call('DBSIZE')
LUA
	;;
run)
	socket=$(mktemp -u /tmp/bench-redis-XXXXXX)
	# shellcheck disable=SC2086 # $ALLOC is a command with arguments
	$ALLOC redis-server --port 0 --unixsocket "$socket" --save '' \
		--appendonly no --daemonize no --loglevel warning \
		--lua-time-limit 0 --dir /tmp >&2 &
	server=$!
	until [ -S "$socket" ]; do
		kill -0 $server || exit 1
		sleep 0.02
	done
	redis-cli -s "$socket" --eval "$DATA/redis.lua"
	redis-cli -s "$socket" debug digest
	redis-cli -s "$socket" shutdown nosave
	wait $server
	;;
esac
