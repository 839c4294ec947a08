for record in "$workers"/*.worker; do
    if load_running "$record"; then
        state=waiting
        [ ! -s "${record%.worker}.ready" ] || state=joined
        say worker "$pid" "$state" "$threads" "$coordinator" "$name" "$started"
    fi
done
say done
