# What a checkout remembers between runs (ports, passwords), and what the user has set.
# shellcheck shell=bash

# choose_instance NAME: `run`, `test`, `faults` or `tour`; everything the instance keeps is under .local/NAME. What the tests write
# need not outlive them: `throwaway` is `yes` for them, else empty.
choose_instance() {
    instance=$1
    throwaway=
    case $instance in test | faults) throwaway=yes ;; esac
    local_directory="$root/.local/$instance"
    settings="$local_directory/settings"
    mkdir -p "$local_directory"
    # The services may run as another user; what is secret has a mode of its own.
    chmod 755 "$root/.local" "$local_directory"
    (umask 077 && touch "$settings")
}

setting() {
    sed -n "s/^$1=//p" "$settings"
}

keep() {
    local kept
    kept=$(grep -v "^$1=" "$settings" || true)
    (umask 077 && printf '%s\n%s=%s\n' "$kept" "$1" "$2" | sed '/^$/d' >"$settings.new")
    mv "$settings.new" "$settings"
}

# remembered NAME COMMAND…: the value kept under the name; the first time, what the command prints.
remembered() {
    local value
    value=$(setting "$1")
    if [ -z "$value" ]; then
        value=$("${@:2}")
        keep "$1" "$value"
    fi
    printf '%s\n' "$value"
}

# unused_port NAME: the remembered port, or another when a stranger has taken it meanwhile.
unused_port() {
    local port
    port=$(setting "$1")
    if [ -z "$port" ] || answers "$port"; then
        port=$(free_port)
        keep "$1" "$port"
    fi
    printf '%s\n' "$port"
}

# set_default NAME VALUE: exports the variable unless it has a value.
set_default() {
    [ -n "${!1:-}" ] || export "$1=$2"
}

# forget_own VARIABLE SECRET: drops what the shell has read from a file of ours, which may be out of date: it holds a secret
# that nobody else knows.
forget_own() {
    local secret
    secret=$(setting "$2")
    [ -n "$secret" ] || return 0
    case ${!1:-} in *"$secret"*) unset "$1" ;; esac
}

# load_dotenv PREFIX: the variables of `.env` that have the prefix; the environment wins.
load_dotenv() {
    local line name value
    [ -f "$root/.env" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line#export }
        name=${line%%=*}
        value=${line#*=}
        case $line in "$1"*=*) ;; *) continue ;; esac
        case $name in *[!A-Za-z0-9_]*) continue ;; esac
        case $value in
            \"*\") value=${value#\"} && value=${value%\"} ;;
            \'*\') value=${value#\'} && value=${value%\'} ;;
        esac
        set_default "$name" "$value"
    done <"$root/.env"
}

# quoted VALUE: as one word of the shell.
quoted() {
    printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# write_variables FILE NAME…: for the shell to read.
write_variables() {
    local file=$1 name
    shift
    (umask 077 && for name in "$@"; do
        printf 'export %s=%s\n' "$name" "$(quoted "${!name}")"
    done >"$file")
}
