# What is known of a worker that was told to stop: PID:SINCE:RECORD.
parse() {
    pid=${1%%:*}
    record=${1#*:}
    since=${record%%:*}
    record=${record#*:}
}

is_alive() {
    [ "$(began "$pid")" = "$since" ]
}

# Waits until all have ended, but no longer than so many seconds.
await() {
    limit=$(($(seconds) + $1))
    shift
    for worker in "$@"; do
        parse "$worker"
        while is_alive && [ "$(seconds)" -lt "$limit" ]; do
            pause
        done
    done
}

set --
for record in "$workers"/*.worker; do
    if load_running "$record"; then
        kill "$pid" 2>/dev/null
        set -- "$@" "$pid:$since:$record"
    fi
done
await "$grace" "$@"
killed=' '
for worker in "$@"; do
    parse "$worker"
    is_alive && kill -9 "$pid" 2>/dev/null && killed="$killed$pid "
done
[ "$killed" = ' ' ] || await 10 "$@"

for worker in "$@"; do
    parse "$worker"
    if is_alive; then
        # Its record stays: it is known, and can be stopped later.
        say stopped "$pid" alive
        continue
    fi
    rm -f -- "$record" "${record%.worker}.ready"
    case $killed in
        *" $pid "*) say stopped "$pid" killed ;;
        *) say stopped "$pid" ended ;;
    esac
done
say done "$#"
