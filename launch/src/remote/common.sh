# What every script begins with. It runs in the plain sh of any system, with what POSIX has and `head -c`; before it
# come lines that set its variables. A report to the launcher begins with the mark, wherever in a line that is, and ends
# with the line; fields are parted by tabs. Each is written at once, so that what others print is never inside of one.
set -u
umask 077
LC_ALL=C
export LC_ALL
tab=$(printf '\t')
mark=$(printf '\001@swath')

say() {
    word=$1
    shift
    line="$mark $word"
    for field in "$@"; do
        line="$line$tab$(printf '%s' "$field" | tr '\t\r\n\001' '    ')"
    done
    printf '%s\n' "$line"
}

fail() {
    say failed "$@"
    exit 0
}

pause() {
    sleep 0.1 2>/dev/null || sleep 1
}

# Seconds on a clock that nobody sets, where the system has one: only differences mean something.
seconds() {
    if [ -r /proc/uptime ]; then
        read -r up rest </proc/uptime
        printf '%s' "${up%%.*}"
    else
        date +%s
    fi
}

# When a process began, as the system counts it: a process that has got the number of an old one began at another time.
# Nothing for one that has ended, even if nobody has waited for it.
began() {
    if [ -r "/proc/$1/stat" ]; then
        stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
        # After the name, which may hold anything: the state is the 3rd of all fields, the time the 22nd.
        set -- ${stat##*) }
        [ "$1" = Z ] || printf '%s' "${20}"
    elif [ ! -d /proc/self ]; then
        ps -o lstart= -p "$1" 2>/dev/null | tr ' :' '__'
    fi
}

boot() {
    cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown
}

# A record is what is known of a worker that was started here: NAME.worker, beside NAME.log and NAME.ready. A home that
# several hosts share has a folder for each.
load() {
    pid= since= booted= coordinator= threads= name= started=
    [ -f "$1" ] || return 1
    while IFS='=' read -r key value; do
        case $key in
            pid) pid=$value ;;
            since) since=$value ;;
            booted) booted=$value ;;
            coordinator) coordinator=$value ;;
            threads) threads=$value ;;
            name) name=$value ;;
            started) started=$value ;;
        esac
    done <"$1"
    [ -n "$pid" ]
}

# Whether the worker of the record that was loaded runs, and not another process that has got its number.
runs() {
    [ -n "$since" ] && [ "$booted" = "$(boot)" ] && [ "$(began "$pid")" = "$since" ]
}

# Loads the record of a worker that runs and is for the coordinator that is meant, or for any if none is; removes a
# record whose worker has ended.
load_running() {
    load "$1" || return 1
    if ! runs; then
        rm -f -- "$1" "${1%.worker}.ready"
        return 1
    fi
    [ -z "$for_coordinator" ] || [ "$coordinator" = "$for_coordinator" ]
}

cd || fail folder "there is no home: ${HOME-}"
workers=$folder/workers/$(uname -n)
