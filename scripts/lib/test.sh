# What the tests need.
# shellcheck shell=bash

# A test runs a subscriber written in Python; scripts/check-manifests reads YAML.
prepare_python() {
    local venv="$local_directory/venv"
    if ! "$venv/bin/python" -c 'import jsonschema, pika, yaml' 2>/dev/null; then
        python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv python
        say "creating the Python environment"
        { python3 -m venv --clear "$venv" && "$venv/bin/pip" install -q jsonschema pika PyYAML; } </dev/null >"$local_directory/pip.log" 2>&1 ||
            fail "pip could not install jsonschema, pika and PyYAML; see .local/test/pip.log"
    fi
    FAIRLEAD_TEST_PYTHON="$venv/bin/python"
}

# prepare_node NAME: what testing/NAME needs of Node.js, into .local/INSTANCE/NAME.
prepare_node() {
    local source="$root/testing/$1" target="$local_directory/$1" log="$local_directory/npm-$1.log"
    has npm || install_packages "nodejs npm" node
    # What was installed is what the lock says, and complete.
    if ! cmp -s "$source/package-lock.json" "$target/installed.json"; then
        say "installing what testing/$1 needs"
        mkdir -p "$target"
        cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$target/"
        npm ci --prefix "$target" </dev/null >"$log" 2>&1 ||
            fail "npm could not install what testing/$1 needs; see ${log#"$root/"}"
        cp "$source/package-lock.json" "$target/installed.json"
    fi
}

# People sign in by a real provider in a test.
prepare_provider() {
    prepare_node provider
    FAIRLEAD_TEST_OIDC_PROVIDER="$local_directory/provider"
}

# A test calls the API by a client that is generated from its document.
prepare_client() {
    prepare_node client
    FAIRLEAD_TEST_NODE_CLIENT="$local_directory/client"
}

# start_test_services: starts what the environment does not name, and writes the variables that the tests read.
start_test_services() {
    forget_own FAIRLEAD_TEST_DATABASE_URL postgres_password
    forget_own FAIRLEAD_TEST_AMQP_URL rabbitmq_password
    own_postgres=yes
    own_rabbitmq=yes
    [ -z "${FAIRLEAD_TEST_DATABASE_URL:-}" ] || own_postgres=
    [ -z "${FAIRLEAD_TEST_AMQP_URL:-}" ] || [ -z "${FAIRLEAD_TEST_AMQP_ADMIN_URL:-}" ] || own_rabbitmq=
    require_postgres
    prepare_services
    start_services
    prepare_python
    prepare_provider
    prepare_client
    services_started || exit 1
    if [ -n "$own_postgres" ]; then
        FAIRLEAD_TEST_DATABASE_URL="postgres://fairlead:$postgres_password@127.0.0.1:$postgres_port/postgres"
    fi
    if [ -n "$own_rabbitmq" ]; then
        FAIRLEAD_TEST_AMQP_URL="amqp://fairlead:$rabbitmq_password@127.0.0.1:$rabbitmq_port"
        FAIRLEAD_TEST_AMQP_ADMIN_URL="http://fairlead:$rabbitmq_password@127.0.0.1:$rabbitmq_management_port"
    fi
    FAIRLEAD_TEST_POSTGRES_BIN=$postgres_bin
    write_variables "$local_directory/env" \
        FAIRLEAD_TEST_DATABASE_URL FAIRLEAD_TEST_AMQP_URL FAIRLEAD_TEST_AMQP_ADMIN_URL \
        FAIRLEAD_TEST_POSTGRES_BIN FAIRLEAD_TEST_PYTHON FAIRLEAD_TEST_OIDC_PROVIDER FAIRLEAD_TEST_NODE_CLIENT
}

# Whether `scripts/services up test` has been called, and what it started is still there.
test_services_up() {
    [ -n "$(setting up)" ] && [ -f "$local_directory/env" ] || return 1
    [ -z "$(setting own_postgres)" ] || postgres_running || return 1
    [ -z "$(setting own_rabbitmq)" ] || rabbitmq_running || return 1
}

stop_test_services() {
    keep up ''
    rm -f "$local_directory/env"
    stop_services
}
