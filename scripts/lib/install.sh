# What is missing comes from the system's package manager.
# shellcheck shell=bash

has() {
    command -v "$1" >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        fail "needs root or sudo to run: $*"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -qq -o Dpkg::Use-Pty=0 "$@" \
        </dev/null >>"$root/.local/install.log" 2>&1 ||
        fail "apt-get $* failed; see .local/install.log"
}

# install_packages "DEBIAN PACKAGES" "HOMEBREW PACKAGES"
install_packages() {
    if has apt-get; then
        say "installing $1"
        # shellcheck disable=SC2086 # a list
        apt update && apt install --no-install-recommends $1
    elif has brew; then
        say "installing $2"
        # shellcheck disable=SC2086 # a list
        brew install -q $2 </dev/null
    else
        fail "please install $1: neither apt-get nor brew is here"
    fi
}

# install_service "DEBIAN PACKAGES" "HOMEBREW PACKAGES": Debian would also start the packaged service, now and at every
# boot, which nobody asked for.
install_service() {
    local policy=/usr/sbin/policy-rc.d added=
    if has apt-get && [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        added=yes
    fi
    # In a subshell, so that the policy goes even when the installation fails.
    local outcome=0
    (install_packages "$@") || outcome=$?
    [ -z "$added" ] || as_root rm -f "$policy"
    return "$outcome"
}

# need COMMAND "DEBIAN PACKAGES" "HOMEBREW PACKAGES"
need() {
    has "$1" || install_packages "$2" "$3"
}

need_rust() {
    has cargo || PATH="$HOME/.cargo/bin:$PATH"
    has cargo || fail "Rust is missing: see https://rustup.rs"
    need cc build-essential gcc
}
