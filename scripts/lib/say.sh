# Lines for the person at the terminal.
# shellcheck shell=bash

say() {
    printf '%4ds  %s\n' "$SECONDS" "$*"
}

fail() {
    printf '%4ds  error: %s\n' "$SECONDS" "$*" >&2
    exit 1
}
