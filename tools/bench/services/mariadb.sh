# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh reads and sets these
#
# A database: sysbench's transactions (reads, updates, deletes, inserts) on 4
# connections, on four tables of 10,000 rows.  It wants to be told to run as root.

mariadb_there()
{
	command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null &&
		command -v mariadb >/dev/null && command -v sysbench >/dev/null
}

# mariadb_run PRELOAD DIRECTORY
mariadb_run()
{
	LD_PRELOAD=$1 mariadbd --no-defaults --user="$(id -un)" --datadir="$2" \
		--socket="$mariadb_socket" --pid-file="$mariadb_dir/pid" \
		--skip-networking --innodb-buffer-pool-size=64M \
		--innodb-flush-log-at-trx-commit=0 >>"$work/log" 2>&1 &
	pid=$!
	started mariadb --no-defaults -S "$mariadb_socket" -u root -e 'select 1'
}

# mariadb_sysbench EVENTS WHAT
mariadb_sysbench()
{
	sysbench oltp_read_write --mysql-socket="$mariadb_socket" --mysql-user=root \
		--mysql-db=bench --tables=4 --table-size=10000 --threads=4 \
		--events="$1" --time=0 "$2"
}

mariadb_prepare()
{
	mariadb_dir=$work/mariadb
	mariadb_socket=$work/mariadb.sock
	mkdir "$mariadb_dir" &&
		mariadb-install-db --no-defaults --user="$(id -un)" \
			--auth-root-authentication-method=normal \
			--datadir="$mariadb_dir/template" &&
		mariadb_run '' "$mariadb_dir/template" &&
		mariadb --no-defaults -S "$mariadb_socket" -u root \
			-e 'create database bench' &&
		mariadb_sysbench 0 prepare || return 1
	stop
}

# each time on the same data
mariadb_start()
{
	rm -rf "$mariadb_dir/data"
	cp -a "$mariadb_dir/template" "$mariadb_dir/data" &&
		mariadb_run "$1" "$mariadb_dir/data"
}

mariadb_load()
{
	mariadb_sysbench "${MARIADB_EVENTS:-4000}" run
}
