# A private PostgreSQL.
# shellcheck shell=bash

# Where a PostgreSQL may be, the preferred place first.
postgres_places() {
    if has postgres; then dirname "$(readlink -f "$(command -v postgres)")"; fi
    if has pg_config; then pg_config --bindir; fi
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5 -n -r
    printf '%s\n' /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin
}

# find_postgres: sets postgres_bin; data written by one version can be read by no other.
find_postgres() {
    local version wanted='1[5678]' program
    [ ! -f "$postgres_data/PG_VERSION" ] || wanted=$(cat "$postgres_data/PG_VERSION")
    while IFS= read -r postgres_bin; do
        for program in initdb pg_ctl pg_dump pg_resetwal psql; do
            [ -x "$postgres_bin/$program" ] || continue 2
        done
        version=$("$postgres_bin/postgres" --version | sed 's/.*) \([0-9]*\).*/\1/')
        # shellcheck disable=SC2254 # a pattern
        case $version in $wanted) return ;; esac
    done <<<"$(postgres_places)"
    return 1
}

install_postgres() {
    local conf=/etc/postgresql-common/createcluster.conf
    if has apt-get; then
        # Without this, the package creates a cluster that starts at every boot.
        install_service postgresql-common ''
        as_root sed -i.fairlead 's/^#\? *create_main_cluster.*/create_main_cluster = false/' "$conf"
    fi
    install_service postgresql postgresql@16
    if has apt-get; then as_root mv "$conf.fairlead" "$conf"; fi
}

require_postgres() {
    find_postgres || { install_postgres && find_postgres; } ||
        fail "no PostgreSQL 15 to 18 was found that can read $postgres_data; 'make clean-local' discards that data"
}

choose_postgres() {
    postgres_password=$(remembered postgres_password random_hex 16)
    if postgres_running; then
        postgres_port=$(setting postgres_port)
    else
        postgres_port=$(unused_port postgres_port)
    fi
}

postgres_running() {
    process_of "$postgres_data/postmaster.pid" "$postgres_data " >/dev/null
}

# Whole or not at all: an interrupted initdb leaves a directory that looks ready.
create_postgres() {
    local new="$postgres_data.new" locale
    # Code points order the text, on every machine alike; letters have their upper and lower case.
    locale=$(locale -a 2>/dev/null | grep -ix -m 1 -e 'C\.utf-\?8') || locale=en_US.UTF-8
    rm -rf "$new"
    service_directory "$new"
    service_directory "$new/data"
    printf '%s\n' "$postgres_password" >"$new/password"
    [ -z "$service_user" ] || chown "$service_user" "$new/password"
    as_service "$postgres_bin/initdb" --pgdata "$new/data" --username fairlead --pwfile "$new/password" \
        --auth scram-sha-256 --encoding UTF8 --locale "$locale" ${throwaway:+--no-sync} \
        >>"$local_directory/postgres.log" 2>&1 || return 1
    mv "$new/data" "$postgres_data"
    rm -rf "$new"
}

# A machine that was switched off leaves a process id behind; once a stranger has that id, PostgreSQL takes it for a server
# and refuses to start. It finds out by itself that nobody has it.
forget_stranger() {
    local file="$postgres_data/postmaster.pid" id
    id=$(head -n 1 "$file" 2>/dev/null) || return 0
    [ -z "$(command_of "$id")" ] || rm -f "$file"
}

start_postgres() {
    local options="-c listen_addresses=127.0.0.1 -c port=$postgres_port -c unix_socket_directories=''" log
    log="$local_directory/postgres.log"
    if postgres_running; then return; fi
    : >"$log"
    if [ -n "$throwaway" ]; then
        rm -rf "$postgres_data"
        options="$options -c fsync=off -c full_page_writes=off -c max_connections=400"
        options="$options -c shared_buffers=128MB -c max_prepared_transactions=10"
    fi
    [ -d "$postgres_data" ] || create_postgres || fail "initdb failed: $(tail -n 5 "$log")"
    forget_stranger
    as_service "$postgres_bin/pg_ctl" start --silent --wait --timeout 60 --pgdata "$postgres_data" --options "$options" \
        >>"$log" 2>&1 || fail "PostgreSQL did not start: $(tail -n 5 "$log")"
    say "PostgreSQL listens on port $postgres_port"
}

# SIGINT ends sessions and writes a checkpoint, SIGQUIT only ends.
stop_postgres() {
    local signal=INT
    [ -z "$throwaway" ] || signal=QUIT
    end_process "$postgres_data/postmaster.pid" "$postgres_data " "$signal" 60
}
