# Sourced by every script, after it went to the top of the repository.
# shellcheck shell=bash
root=$(pwd -P)
# Two checkouts on one machine must not meet under one name.
checkout=$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)

# shellcheck source=scripts/lib/say.sh
. scripts/lib/say.sh
# shellcheck source=scripts/lib/process.sh
. scripts/lib/process.sh
# shellcheck source=scripts/lib/random.sh
. scripts/lib/random.sh
# shellcheck source=scripts/lib/settings.sh
. scripts/lib/settings.sh
# shellcheck source=scripts/lib/install.sh
. scripts/lib/install.sh
# shellcheck source=scripts/lib/user.sh
. scripts/lib/user.sh
# shellcheck source=scripts/lib/postgres.sh
. scripts/lib/postgres.sh
# shellcheck source=scripts/lib/rabbitmq.sh
. scripts/lib/rabbitmq.sh
# shellcheck source=scripts/lib/services.sh
. scripts/lib/services.sh
