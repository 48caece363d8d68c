# Processes, and the files that remember them.
# shellcheck shell=bash

# A minimal Debian has no `ps`; macOS has no /proc. Nothing is printed for a process that has ended, a zombie included.
command_of() {
    if [ -d /proc/self ]; then
        tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true
    else
        ps -o command= -p "$1" 2>/dev/null || true
    fi
}

# process_of FILE MARK: the id in a pid file, if that process lives and its command line holds the mark. A file left behind
# by a crash may name a stranger by now.
process_of() {
    local id
    id=$(head -n 1 "$1" 2>/dev/null) && [ -n "$id" ] || return 1
    case $(command_of "$id") in
        *"$2"*) echo "$id" ;;
        *) return 1 ;;
    esac
}

ended() {
    ! process_of "$@" >/dev/null
}

# end_process FILE MARK SIGNAL SECONDS
end_process() {
    local id
    if id=$(process_of "$1" "$2"); then
        kill "-$3" "$id" || true
        wait_until "$4" ended "$1" "$2" || kill -KILL "$id" || true
        wait_until 5 ended "$1" "$2" || say "process $id does not end"
    fi
    rm -f "$1"
}

# wait_until SECONDS COMMAND…
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# background COMMAND…: in a process group of its own, so that Ctrl-C reaches this script alone, which ends the rest in order.
background() {
    set -m
    "$@" </dev/null &
    set +m
}

# end_group ID: ends what `background` started, if anything.
end_group() {
    [ -n "$1" ] || return 0
    kill -TERM -- "-$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    kill -KILL -- "-$1" 2>/dev/null || true
}

# sh -c "$remember" FILE COMMAND…: the process writes its own id, so that it is never there without a file.
# shellcheck disable=SC2016,SC2034 # for the inner shell, in other files
remember='echo $$ >"$0" && exec "$@"'

# lock NAME: fails while another script of this checkout holds it. A link appears whole or not at all.
lock() {
    local file="$root/.local/$1.lock" mine="$root/.local/$1.lock.$$"
    echo "$$" >"$mine"
    until ln "$mine" "$file" 2>/dev/null; do
        if process_of "$file" scripts/ >/dev/null; then
            rm -f "$mine"
            return 1
        fi
        rm -f "$file"
    done
    rm -f "$mine"
}

# unlock NAME: if it is ours.
unlock() {
    local file="$root/.local/$1.lock"
    [ "$(cat "$file" 2>/dev/null)" != "$$" ] || rm -f "$file"
}
