say system "$(uname -sm)"
# Nothing is done where the program that is to be copied cannot run.
[ -z "$program_size" ] || { read -r answer && [ "$answer" = go ]; } || exit 0

make_folder() {
    error=$(mkdir -p -- "$1" 2>&1) || fail folder "$error"
}

# Bytes from the launcher into a file, which appears under its name when it is whole and, if it is a program, when it
# runs.
receive() {
    what=$1 size=$2 target=$3
    part=$target.$(uname -n).$$.part
    trap 'rm -f -- "$part"' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    say want "$what"
    error=$( { head -c "$size" >"$part"; } 2>&1 ) || fail copy "$error"
    # Less than that without an error: the launcher is gone.
    [ "$(wc -c <"$part")" -eq "$size" ] || fail copy "the copy broke off"
    if [ "$what" = program ]; then
        error=$( { chmod 700 "$part" && "$part" --version >/dev/null; } 2>&1 ) || fail program "$error"
    fi
    error=$(mv -f -- "$part" "$target" 2>&1) || fail copy "$error"
    trap - EXIT HUP INT TERM PIPE
}

# The last words of a worker in its log: its last notice, and the last line that is an error, or the last of all.
read_last_words() {
    notice=$(grep '^@worker ' "$log" | tail -n 1)
    words=$(grep -e '^swath: ' -e '^error: ' "$log" | tail -n 1)
    [ -n "$words" ] || words=$(tail -n 1 "$log")
}

make_folder "$folder"
# Whoever can write there could put another program or another log in the place of ours.
[ -n "$(find "$folder/." -prune -user "$(id -u)" ! -perm -0020 ! -perm -0002)" ] ||
    fail folder "$folder belongs to somebody else, or others may write to it"
make_folder "$workers"

if [ -z "$force" ]; then
    for record in "$workers"/*.worker; do
        if load_running "$record"; then
            say running "$pid" "$threads" "$started"
            exit 0
        fi
    done
fi

if [ -n "$program_size" ]; then
    make_folder "$folder/bin"
    find "$folder/bin" -name '*.part' -mtime +1 -exec rm -f -- {} +
    program=$folder/bin/$program_name
    if [ -x "$program" ] && [ "$(wc -c <"$program")" -eq "$program_size" ]; then
        say have program
    else
        receive program "$program_size" "$program"
    fi
elif [ -n "$program" ]; then
    command -v "$program" >/dev/null 2>&1 || fail missing "$program"
elif command -v swath >/dev/null 2>&1; then
    program=swath
elif [ -x .cargo/bin/swath ]; then
    # Where cargo puts it; only an interactive shell has that folder on its path.
    program=.cargo/bin/swath
else
    fail missing swath
fi

if [ -n "$access_size" ]; then
    make_folder "$folder/access"
    chmod 700 "$folder/access"
    receive access "$access_size" "$folder/access/$access_name"
    access=$folder/access/$access_name
fi
[ -z "$access" ] || set -- "$@" --access "$access"

id=$(date +%Y%m%d-%H%M%S)-$$
log=$workers/$id.log
ready=$workers/$id.ready
record=$workers/$id.worker
find "$workers" -name '*.log' -mtime +30 -exec rm -f -- {} +
error=$( { : >"$log"; } 2>&1 ) || fail folder "$error"
set -- "$program" "$@" --ready-file "$ready"
# It writes notices into its log. Not an argument: an older program may work without.
SWATH_LAUNCHED=true
export SWATH_LAUNCHED
if [ -n "$attached" ]; then
    # Of a command in the background, sh would close the standard input.
    exec 3<&0
    "$@" --attached --silence "$silence" <&3 3<&- >>"$log" 2>&1 &
    exec 3<&- </dev/null
else
    # The worker inherits that it does not hear of the end of the login.
    trap '' HUP
    if command -v setsid >/dev/null 2>&1; then
        setsid "$@" </dev/null >>"$log" 2>&1 &
    else
        "$@" </dev/null >>"$log" 2>&1 &
    fi
fi
pid=$!
since=$(began "$pid")
booted=$(boot)
write_record() {
    printf 'pid=%s\nsince=%s\nbooted=%s\ncoordinator=%s\nthreads=%s\nname=%s\nstarted=%s\n' "$pid" "$since" "$booted" \
        "$for_coordinator" "$our_threads" "$our_name" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$record.part" &&
        mv -f -- "$record.part" "$record"
}
error=$(write_record 2>&1) || {
    kill "$pid"
    rm -f -- "$record.part" "$record"
    fail folder "$error"
}

limit=$(($(seconds) + timeout))
while [ ! -s "$ready" ]; do
    if ! runs; then
        wait "$pid"
        code=$?
        rm -f -- "$record" "$ready"
        read_last_words
        say died "$code" "$notice" "$words"
        exit 0
    fi
    if [ "$(seconds)" -ge "$limit" ]; then
        read_last_words
        kill "$pid"
        rm -f -- "$record" "$ready"
        say late "$notice" "$words"
        exit 0
    fi
    pause
done
say joined "$pid" "$(cat "$ready")"

if [ -n "$attached" ]; then
    wait "$pid"
    code=$?
    rm -f -- "$record" "$ready"
    read_last_words
    say ended "$code" "$notice" "$words"
fi
