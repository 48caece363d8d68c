# The services of an instance together. `own_postgres` and `own_rabbitmq` are `yes` for those that are ours to start, else
# empty.
# shellcheck shell=bash

# Where the services' data are, or are to be.
locate_services() {
    data=$(setting data)
    data=${data:-$local_directory}
    postgres_data="$data/postgres"
    rabbitmq_data="$data/rabbitmq"
    # The name tells our broker from any other process.
    rabbitmq_name="fairlead-$instance-$checkout"
    starting=
}

prepare_services() {
    if [ -n "$own_postgres" ]; then require_postgres; fi
    if [ -n "$own_rabbitmq" ]; then require_rabbitmq; fi
    choose_service_user
    choose_data_directory
    locate_services
    # What a killed run left behind.
    [ -z "$throwaway" ] || stop_services
    if [ -n "$own_postgres" ]; then choose_postgres; fi
    if [ -n "$own_rabbitmq" ]; then choose_rabbitmq; fi
}

# In the background: see services_started.
start_services() {
    if [ -n "$own_rabbitmq" ]; then
        background start_rabbitmq
        starting="$starting $!"
    fi
    if [ -n "$own_postgres" ]; then
        background start_postgres
        starting="$starting $!"
    fi
}

services_started() {
    local id
    for id in $starting; do
        wait "$id" || return 1
    done
    starting=
}

# A service that is just starting can be stopped cleanly only once it has started.
stop_services() {
    services_started || true
    stop_postgres &
    stop_rabbitmq
    wait "$!"
    [ -z "$throwaway" ] || rm -rf "$postgres_data" "$postgres_data.new" "$rabbitmq_data"
}
