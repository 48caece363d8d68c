# The program, in the background of `make run`.
# shellcheck shell=bash

locate_program() {
    program="${CARGO_TARGET_DIR:-$root/target}/debug/fairlead"
    program_pid="$local_directory/fairlead.pid"
    program_log="$local_directory/fairlead.log"
}

# Its lines are shown here and kept.
start_program() {
    [ ! -f "$program_log" ] || mv "$program_log" "$program_log.1"  # what it said before it ended the last time
    sh -c "$remember" "$program_pid" "$program" dev 2>&1 | tee "$program_log"
}

stop_program() {
    end_process "$program_pid" "$program dev " TERM 60
}

program_ready() {
    curl -fsS --max-time 2 -o /dev/null "$api_url/health/ready" 2>/dev/null
}

# program_decided ID: it serves, or it has ended.
program_decided() {
    program_ready || ! kill -0 "$1" 2>/dev/null
}
