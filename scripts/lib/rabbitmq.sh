# A private RabbitMQ node with its own epmd, the name server of Erlang.
# shellcheck shell=bash

# Debian's program in the PATH always runs as the user rabbitmq on the system's own data; the one behind it does not.
rabbitmq_places() {
    ls -d /usr/lib/rabbitmq/bin /opt/homebrew/opt/rabbitmq/sbin /usr/local/opt/rabbitmq/sbin /opt/rabbitmq/sbin \
        2>/dev/null || true
    if has rabbitmq-server; then dirname "$(command -v rabbitmq-server)"; fi
}

# find_rabbitmq: sets rabbitmq_bin
find_rabbitmq() {
    rabbitmq_bin=$(rabbitmq_places | head -n 1)
    [ -n "$rabbitmq_bin" ] && has erl && has epmd
}

install_rabbitmq() {
    install_service rabbitmq-server rabbitmq
    # Nor shall Debian's own start at the next boot.
    if has apt-get && has systemctl; then as_root systemctl disable --quiet rabbitmq-server 2>/dev/null || true; fi
}

require_rabbitmq() {
    find_rabbitmq || { install_rabbitmq && find_rabbitmq; } || fail "no RabbitMQ was found"
}

choose_rabbitmq() {
    rabbitmq_password=$(remembered rabbitmq_password random_hex 16)
    rabbitmq_cookie=$(remembered rabbitmq_cookie random_hex 16)
    if rabbitmq_running; then
        rabbitmq_port=$(setting rabbitmq_port)
        rabbitmq_management_port=$(setting rabbitmq_management_port)
        epmd_port=$(setting epmd_port)
    else
        # Nobody but a node of ours needs it, and the port it was started for may change.
        stop_epmd
        rabbitmq_port=$(unused_port rabbitmq_port)
        rabbitmq_management_port=$(unused_port rabbitmq_management_port)
        rabbitmq_distribution_port=$(unused_port rabbitmq_distribution_port)
        epmd_port=$(unused_port epmd_port)
    fi
}

rabbitmq_running() {
    process_of "$rabbitmq_data/rabbitmq.pid" "$rabbitmq_name" >/dev/null
}

# Absolute limits, so that a small or a full machine does not make the broker block its publishers at once.
configure_rabbitmq() {
    cat <<END
listeners.tcp.1 = 127.0.0.1:$rabbitmq_port
default_user = fairlead
default_pass = $rabbitmq_password
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
END
    [ -z "$throwaway" ] || cat <<END
management.tcp.ip = 127.0.0.1
management.tcp.port = $rabbitmq_management_port
management_agent.disable_metrics_collector = true
END
}

start_rabbitmq() {
    local log="$local_directory/rabbitmq.log" plugins=
    if rabbitmq_running; then return; fi
    [ -z "$throwaway" ] || rm -rf "$rabbitmq_data"
    service_directory "$rabbitmq_data"
    [ -z "$throwaway" ] || plugins=rabbitmq_management
    configure_rabbitmq | as_service tee "$rabbitmq_data/rabbitmq.conf" >/dev/null
    echo "[$plugins]." | as_service tee "$rabbitmq_data/enabled_plugins" >/dev/null
    as_service touch "$rabbitmq_data/rabbitmq-env.conf"
    # Erlang wants the cookie unreadable to others; a file that exists already is also unwritable.
    as_service rm -f "$rabbitmq_data/.erlang.cookie"
    printf %s "$rabbitmq_cookie" | (umask 077 && as_service tee "$rabbitmq_data/.erlang.cookie" >/dev/null)
    as_service chmod 400 "$rabbitmq_data/.erlang.cookie"

    as_service sh -c "$remember" "$rabbitmq_data/epmd.pid" epmd -port "$epmd_port" -address 127.0.0.1 \
        </dev/null >"$local_directory/epmd.log" 2>&1 &
    wait_until 10 answers "$epmd_port" || fail "epmd did not start: $(cat "$local_directory/epmd.log")"

    # RUNNING_UNDER_SYSTEMD makes the start script become the node instead of its parent; `+B i` ignores Ctrl-C.
    ulimit -n 10240 2>/dev/null || true
    as_service sh -c "$remember" "$rabbitmq_data/rabbitmq.pid" env -i \
        PATH="$PATH" LANG=C.UTF-8 HOME="$rabbitmq_data" \
        ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$epmd_port" \
        RABBITMQ_NODENAME="$rabbitmq_name@localhost" \
        RABBITMQ_DIST_PORT="$rabbitmq_distribution_port" \
        RABBITMQ_CONF_ENV_FILE="$rabbitmq_data/rabbitmq-env.conf" \
        RABBITMQ_CONFIG_FILE="$rabbitmq_data/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$rabbitmq_data/enabled_plugins" \
        RABBITMQ_MNESIA_BASE="$rabbitmq_data/mnesia" \
        RABBITMQ_LOG_BASE="$rabbitmq_data/log" \
        RABBITMQ_PID_FILE="$rabbitmq_data/node.pid" \
        RABBITMQ_LOGS=- \
        RUNNING_UNDER_SYSTEMD=true \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+B i -kernel inet_dist_use_interface {127,0,0,1} -fairlead $rabbitmq_name" \
        "$rabbitmq_bin/rabbitmq-server" </dev/null >"$log" 2>&1 &
    local starting=$!
    # The port of AMQP opens last.
    wait_until 90 rabbitmq_decided "$starting"
    answers "$rabbitmq_port" || fail "RabbitMQ did not start; the end of $log: $(tail -n 12 "$log")"
    say "RabbitMQ listens on port $rabbitmq_port"
}

# rabbitmq_decided ID: it serves, or it has ended.
rabbitmq_decided() {
    answers "$rabbitmq_port" || [ -z "$(command_of "$1")" ]
}

stop_rabbitmq() {
    local signal=TERM
    # Closing the management plugin in order takes five seconds more.
    [ -z "$throwaway" ] || signal=KILL
    end_process "$rabbitmq_data/rabbitmq.pid" "$rabbitmq_name" "$signal" 30
    stop_epmd
}

stop_epmd() {
    end_process "$rabbitmq_data/epmd.pid" "epmd -port $(setting epmd_port) " TERM 5
}
