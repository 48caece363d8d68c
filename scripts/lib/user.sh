# Who runs the services, and where their data may lie.
# shellcheck shell=bash

# PostgreSQL refuses to run as root. The user is remembered: it owns the data.
choose_service_user() {
    service_user=
    [ "$(id -u)" = 0 ] || return 0
    service_user=$(remembered service_user existing_user postgres nobody)
    [ -n "$service_user" ] || fail "started as root, and there is no user to run PostgreSQL as"
}

existing_user() {
    local user
    for user in "$@"; do
        if id "$user" >/dev/null 2>&1; then
            echo "$user"
            return
        fi
    done
}

# as_service COMMAND…: from a directory that the user can read.
as_service() (
    cd /
    if [ -n "$service_user" ]; then
        exec setpriv --reuid "$service_user" --regid "$(id -g "$service_user")" --init-groups -- "$@"
    fi
    exec "$@"
)

# service_directory PATH: creates it, private to the services.
service_directory() {
    mkdir -p "$1"
    chmod 700 "$1"
    [ -z "$service_user" ] || chown "$service_user" "$1"
}

# Under .local, unless the service user cannot get there (a clone under /root).
choose_data_directory() {
    data=$local_directory
    if [ -n "$service_user" ] && ! as_service test -x "$data"; then
        data="/var/lib/fairlead-$checkout/$instance"
        mkdir -p "$data"
        chmod 755 "${data%/*}" "$data"
    fi
    # Without the passwords that were kept in the settings, what lies there is of no use.
    [ -n "$(setting data)" ] || rm -rf "$data/postgres" "$data/rabbitmq"
    keep data "$data"
}
