# For scripts that run other people's programs: a folder that goes when they end ($work), what they have started and stop
# then (pids), and what all of them do. Read by `source`.
# shellcheck shell=bash
work=$(mktemp -d)
pids=()
stop() {
    local code=$?
    kill "${pids[@]}" 2>/dev/null || true
    if test "$code" != 0; then tail -n 40 "$work"/*.log; fi
    rm -rf "$work"
}
trap stop EXIT

# Whether there is the command $1, installed from the package $2, or one of the same name, if need be.
available() {
    command -v "$1" >/dev/null && return
    local package=${2:-$1}
    apt-get install -y -qq "$package" >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq "$package" >/dev/null 2>&1; } || true
    command -v "$1" >/dev/null || { echo "skipped $1: apt has no package $package here"; return 1; }
}

# Waits until a command succeeds, two minutes at most.
await() {
    for _ in $(seq 1200); do
        "$@" && return
        sleep 0.1
    done
    echo "in vain: $*"
    return 1
}

# Pebble's own HTTPS certificate (api.pem, key.pem) and the root that vouches for it (api-root.pem), in $work.
pebbles_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=root \
        -keyout "$work/root-key.pem" -out "$work/api-root.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pebble \
        -keyout "$work/key.pem" -out "$work/api.csr" 2>/dev/null
    printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >"$work/api.ext"
    openssl x509 -req -in "$work/api.csr" -CA "$work/api-root.pem" -CAkey "$work/root-key.pem" -days 2 \
        -extfile "$work/api.ext" -out "$work/api.pem" 2>/dev/null
}
