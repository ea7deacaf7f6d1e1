#!/usr/bin/env bash
# demo.sh FAIRWAY: serves routes/demo.eskip before two demo origins until Ctrl-C; `make run` builds FAIRWAY first.
# Addresses come from the environment.
set -eu
cd "$(dirname "$0")/.."
fairway=$1
address=${ADDRESS:-127.0.0.1:9090} support=${SUPPORT:-127.0.0.1:9911}
origin=${ORIGIN:-127.0.0.1:9080} second=${SECOND_ORIGIN:-127.0.0.1:9081}

# needs VARIABLE ADDRESS: ends with advice if somebody listens there.
needs() {
    local host=${2%:*} port=${2##*:}
    if (: >"/dev/tcp/${host:-127.0.0.1}/$port") 2>/dev/null; then
        echo "port $port is taken; choose another: make run $1=$host:$((port + 100))" >&2
        exit 1
    fi
}
needs ADDRESS "$address"
needs SUPPORT "$support"
needs ORIGIN "$origin"
needs SECOND_ORIGIN "$second"

routes=routes/demo.eskip copy=
if [ "$origin $second" != "127.0.0.1:9080 127.0.0.1:9081" ]; then
    # The file names the usual addresses; a copy names these.
    copy=$(mktemp --suffix .eskip)
    sed "s/127\.0\.0\.1:9080/$origin/; s/127\.0\.0\.1:9081/$second/" "$routes" >"$copy"
    routes=$copy
fi

pids=()
cleanup() {
    trap - INT TERM EXIT
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    [ -z "$copy" ] || rm -f "$copy"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

"$fairway" origin --address "$origin" --address "$second" >/dev/null &
pids+=($!)
"$fairway" serve -address "$address" -support-listener "$support" -routes-file "$routes" -wait-first-route-load \
    -wait-for-healthcheck-interval 0s &
pids+=($!)

host=${address%:*}
until (: >"/dev/tcp/${host:-127.0.0.1}/${address##*:}") 2>/dev/null; do
    kill -0 "${pids[0]}" 2>/dev/null && kill -0 "${pids[1]}" 2>/dev/null || exit 1
    sleep 0.1
done
cat <<TEXT

  proxy     http://$address/          serves $routes: change it and save
  routes    http://$support/routes    those in use
  metrics   http://$support/metrics
  origins   http://$origin/  http://$second/
  try       curl -i http://$address/hello/world
  end       Ctrl-C

TEXT
# If one of both ends by itself, all of it ends.
wait -n "${pids[@]}" || exit 1
