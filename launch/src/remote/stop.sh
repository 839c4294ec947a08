set --
for record in "$workers"/*.worker; do
    if load_running "$record"; then
        kill "$pid" && set -- "$@" "$pid:$since:$record"
    fi
done

# They end side by side.
limit=$(($(date +%s) + grace))
for stopped in "$@"; do
    pid=${stopped%%:*}
    rest=${stopped#*:}
    since=${rest%%:*}
    record=${rest#*:}
    how=ended
    while [ "$(began "$pid")" = "$since" ]; do
        if [ "$(date +%s)" -ge "$limit" ]; then
            [ "$(date +%s)" -lt "$((limit + 10))" ] || fail alive "$pid"
            kill -9 "$pid" && how=killed
        fi
        pause
    done
    rm -f -- "$record" "${record%.worker}.ready"
    say stopped "$pid" "$how"
done
say done
