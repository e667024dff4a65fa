# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh reads and sets these
#
# A database: pgbench's transactions, each on 4 connections.  It refuses to run
# as root: then it is the user postgres.

postgres_bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null |
	sort | tail -1)

postgres_there()
{
	[ -x "$postgres_bin/postgres" ] && [ -x "$postgres_bin/pgbench" ] &&
		{ [ "$(id -u)" != 0 ] || id postgres >/dev/null 2>&1; }
}

# in place of this shell
postgres_exec()
{
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid postgres --regid postgres --clear-groups "$@"
	fi
	exec "$@"
}

postgres_as()
{
	(postgres_exec "$@")
}

# postgres_run PRELOAD DIRECTORY
postgres_run()
{
	postgres_exec env LD_PRELOAD="$1" "$postgres_bin/postgres" -D "$2" -k "$pg" \
		-c listen_addresses= -c shared_buffers=32MB -c fsync=off \
		>>"$work/log" 2>&1 &
	pid=$!
	started postgres_as "$postgres_bin/psql" -h "$pg" -c 'select 1' postgres
}

postgres_prepare()
{
	pg=$work/pg
	mkdir "$pg" && { [ "$(id -u)" != 0 ] || chown postgres "$pg"; } &&
		cd "$pg" &&
		postgres_as "$postgres_bin/initdb" -D "$pg/template" -A trust &&
		postgres_run '' "$pg/template" &&
		postgres_as "$postgres_bin/pgbench" -h "$pg" -i -s 2 postgres || return 1
	stop
}

# each time on the same data
postgres_start()
{
	postgres_as rm -rf "$pg/data"
	postgres_as cp -a "$pg/template" "$pg/data" && postgres_run "$1" "$pg/data"
}

postgres_load()
{
	postgres_as "$postgres_bin/pgbench" -h "$pg" -c 4 -t 1500 -n postgres &&
		postgres_as "$postgres_bin/pgbench" -h "$pg" -c 4 -t 5000 -n -S postgres
}
