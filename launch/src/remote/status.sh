reports=0
for record in "$workers"/*.worker; do
    if load_running "$record"; then
        state=waiting
        [ ! -s "${record%.worker}.ready" ] || state=joined
        say worker "$pid" "$state" "$threads" "$coordinator" "$name" "$started"
        reports=$((reports + 1))
    fi
done
say done "$reports"
