# What the program is told, and what the person who started it is told.
# shellcheck shell=bash

choose_own() {
    forget_own FAIRLEAD_DATABASE_URL postgres_password
    forget_own FAIRLEAD_APP_DATABASE_URL fairlead_app_login
    forget_own FAIRLEAD_ENGINE_DATABASE_URL fairlead_engine_login
    forget_own FAIRLEAD_AMQP_URL rabbitmq_password
    own_postgres=yes
    own_rabbitmq=yes
    [ -z "${FAIRLEAD_DATABASE_URL:-}" ] || own_postgres=
    [ -z "${FAIRLEAD_AMQP_URL:-}" ] || own_rabbitmq=
}

# login_url LOGIN: FAIRLEAD_DATABASE_URL for another login. Logins belong to a whole server, so on one that is not ours alone
# they are named after this checkout.
login_url() {
    local login=$1 password
    [ -n "$own_postgres" ] || login=${login}_$checkout
    password=$(remembered "$1" random_hex 16)
    printf '%s' "$FAIRLEAD_DATABASE_URL" | sed -E "s#^([a-z]+://)([^@/]*@)?#\1$login:$password@#"
}

# port_from FIRST: the first one on which nobody listens
port_from() {
    local port=$1
    while answers "$port"; do port=$((port + 1)); done
    echo "$port"
}

# Each variable keeps what `.env` or the environment says.
set_environment() {
    if [ -n "$own_postgres" ]; then
        export FAIRLEAD_DATABASE_URL="postgres://fairlead:$postgres_password@127.0.0.1:$postgres_port/fairlead"
    fi
    if [ -n "$own_rabbitmq" ]; then
        export FAIRLEAD_AMQP_URL="amqp://fairlead:$rabbitmq_password@127.0.0.1:$rabbitmq_port/%2f"
    fi
    set_default FAIRLEAD_APP_DATABASE_URL "$(login_url fairlead_app_login)"
    set_default FAIRLEAD_ENGINE_DATABASE_URL "$(login_url fairlead_engine_login)"
    set_default FAIRLEAD_HTTP_ADDRESS "127.0.0.1:$(port_from 8080)"
    set_default FAIRLEAD_OPERATIONS_ADDRESS "127.0.0.1:$(port_from 9090)"
    set_default FAIRLEAD_SECRET_KEY "$(remembered secret_key random_hex 32)"
    set_default FAIRLEAD_ENCRYPTION_KEYS "own:$(remembered encryption_key random_hex 32)"
    set_default FAIRLEAD_ERASURE_JOURNAL "$local_directory/erasures.jsonl"
    set_default FAIRLEAD_MAIL_DIRECTORY "$local_directory/mail"
    # Whoever reaches this machine may register; a server in the open would say no.
    set_default FAIRLEAD_OPEN_REGISTRATION true
    set_default FAIRLEAD_ORGANIZATION_ID "$(setting organization)"
    # A program that listens everywhere is reached here, too.
    api_url="http://$(printf '%s' "$FAIRLEAD_HTTP_ADDRESS" | sed -E 's/^(0\.0\.0\.0|\[::\]):/127.0.0.1:/')"
    write_environment
}

# For those who run the program by hand.
write_environment() {
    write_variables "$local_directory/fairlead.env" \
        FAIRLEAD_DATABASE_URL FAIRLEAD_APP_DATABASE_URL FAIRLEAD_ENGINE_DATABASE_URL FAIRLEAD_AMQP_URL \
        FAIRLEAD_HTTP_ADDRESS FAIRLEAD_OPERATIONS_ADDRESS FAIRLEAD_SECRET_KEY \
        FAIRLEAD_ENCRYPTION_KEYS FAIRLEAD_ERASURE_JOURNAL FAIRLEAD_MAIL_DIRECTORY FAIRLEAD_OPEN_REGISTRATION \
        FAIRLEAD_ORGANIZATION_ID
}

# Registers the first organization, as anybody would; its owner's password is remembered.
found_organization() {
    owner_email=owner@example.com
    owner_password=$(remembered owner_password random_hex 12)
    [ -z "$(setting organization)" ] || return 0
    local owner registered id
    owner='{"name": "First Owner", "email": "'$owner_email'", "password": "'$owner_password'"}'
    registered=$(curl -sS --fail-with-body "$api_url/v1/organizations" -H 'content-type: application/json' \
        -d '{"name": "First", "owner": '"$owner"'}') || fail "the first organization can't be registered: $registered"
    id=$(printf '%s' "$registered" | sed 's/.*"organization_id":"\([^"]*\)".*/\1/')
    keep organization "$id"
    FAIRLEAD_ORGANIZATION_ID=$id
    export FAIRLEAD_ORGANIZATION_ID
    write_environment
}

# json KEY VALUE…
json() {
    local separator='{'
    while [ $# -gt 0 ]; do
        printf '%s\n  "%s": "%s"' "$separator" "$1" "$(printf '%s' "$2" | sed 's/[\\"]/\\&/g')"
        separator=,
        shift 2
    done
    printf '\n}\n'
}

# introduce TOKEN
introduce() {
    (umask 077 && json \
        api_url "$api_url" docs_url "$api_url/docs" operations_url "http://$FAIRLEAD_OPERATIONS_ADDRESS" \
        owner_email "$owner_email" owner_password "$owner_password" token "$1" organization_id "$FAIRLEAD_ORGANIZATION_ID" \
        database_url "$FAIRLEAD_DATABASE_URL" app_database_url "$FAIRLEAD_APP_DATABASE_URL" \
        engine_database_url "$FAIRLEAD_ENGINE_DATABASE_URL" amqp_url "$FAIRLEAD_AMQP_URL" >"$root/.local/run.json.new")
    # Whole or not at all: it also tells others that the program is ready.
    mv "$root/.local/run.json.new" "$root/.local/run.json"
    local place=${local_directory#"$root/"}
    cat <<END

  address        $api_url
  documentation  $api_url/docs
  operations     http://$FAIRLEAD_OPERATIONS_ADDRESS/metrics and /health/ready
  organization   $FAIRLEAD_ORGANIZATION_ID
  database       $FAIRLEAD_DATABASE_URL
                 $FAIRLEAD_APP_DATABASE_URL
                 $FAIRLEAD_ENGINE_DATABASE_URL
  broker         $FAIRLEAD_AMQP_URL
  letters        ${FAIRLEAD_MAIL_DIRECTORY#"$root/"}
  owner          $owner_email, who signs in with the password $owner_password

  all of this is in .local/run.json, the environment of the program in $place/fairlead.env, its log in
  $place/fairlead.log; a first command:

curl $api_url/v1/sessions -H 'content-type: application/json' -d '{"email":"$owner_email","password":"$owner_password"}'

END
}
