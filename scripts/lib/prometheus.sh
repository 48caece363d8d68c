# promtool, which knows whether rules are right.
# shellcheck shell=bash

# find_promtool: sets promtool
find_promtool() {
    promtool=$(command -v promtool) || promtool="$root/.local/prometheus/usr/bin/promtool"
    [ -x "$promtool" ]
}

# Out of Debian's package, which is not installed: it would start a service. Fails where there is no network.
fetch_promtool() {
    local log="$root/.local/install.log" target="$root/.local/prometheus"
    mkdir -p "$target"
    say "fetching promtool"
    if has apt-get; then
        # Lists that are out of date name packages that are gone.
        (cd "$target" && { apt-get -qq download prometheus || { as_root apt-get -qq update && apt-get -qq download prometheus; }; } &&
            dpkg -x prometheus_*.deb . && rm -f prometheus_*.deb) </dev/null >>"$log" 2>&1
    elif has brew; then
        brew install -q prometheus </dev/null >>"$log" 2>&1
    else
        return 1
    fi
}
