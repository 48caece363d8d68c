# Secrets and ports.
# shellcheck shell=bash

# random_hex BYTES
random_hex() {
    od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'
}

# answers PORT
answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the ranges from which Linux and macOS take the ports of outgoing connections.
free_port() {
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! answers "$port" && ! grep -q "=$port\$" "$settings"; then
            echo "$port"
            return
        fi
    done
}
