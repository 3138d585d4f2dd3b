#!/bin/bash
# Sets up, builds, starts the service, runs an example through its HTTP API. Started from a terminal (or with KEEP=1)
# it then leaves the service running until Ctrl-C, else it stops it again.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

host=127.0.0.1
port=${SERVICE_PORT:-3112}
base=http://$host:$port/v1
program=build/release/codeapi
run_dir=$PWD/build/run
log=$run_dir/server.log
start_seconds=60  # a cold machine with a slow disk needs a few; more means that something is wrong
stop_seconds=30   # more than the service's own grace period

need_root run
scripts/setup.sh
scripts/build.sh release codeapi
[ -x $program ] || fail "$program was not built" "make clean, then make run"

packages=$PWD/build/root
if [ -z "${CODEAPI_ROOT:-}" ] && [ ! -e "$packages/current/packages.json" ]; then
  step "run: building what programs see, once (some minutes; without it: CODEAPI_ROOT=host make run)"
  scripts/build-root.sh "${PROFILE:-core}" ||
    echo "warning: no root was built (see above); programs see this machine's own /usr until make root succeeds" >&2
fi

mkdir -p "$run_dir"
step "run: starting $program serve on $host:$port (log: build/run/server.log)"
owner=$(/usr/bin/python3 scripts/port-owner.py $host "$port") ||
  fail "port $port cannot be used: $owner" "stop that process, or choose another port: SERVICE_PORT=3113 make run"

SERVICE_PORT=$port CODEAPI_HOST=$host CODEAPI_DATA_DIR=$run_dir/data CODEAPI_PACKAGES_DIR=$packages $program serve >"$log" 2>&1 </dev/null &
server=$!

alive() { kill -0 $server 2>/dev/null; }

show_log() {
  echo "--- last lines of build/run/server.log" >&2
  tail -n 20 "$log" >&2 || true
  echo "---" >&2
}

# stop: ends the service politely, then not; returns its exit code.
stop() {
  trap '' INT TERM
  kill -TERM $server 2>/dev/null || true
  local i code=0
  for ((i = 0; i < stop_seconds * 10; i++)); do
    alive || break
    sleep 0.1
  done
  if alive; then
    echo "error: the service did not stop within $stop_seconds seconds; killing it" >&2
    kill -KILL $server 2>/dev/null || true
  fi
  wait $server || code=$?
  return $code
}
trap 'stop || true; exit 130' INT TERM
# Whatever ends this script ends the service.
trap 'if alive; then stop || true; fi' EXIT

printf '==> run: waiting until a program has run in a cell '
for ((i = 0; ; i++)); do
  if ! alive; then
    echo
    show_log
    fail "the service ended while starting" "what this machine can isolate: $program doctor"
  fi
  if curl --noproxy '*' --silent --fail --max-time 5 --output /dev/null "$base/health"; then break; fi
  if ((i >= start_seconds * 5)); then
    echo
    show_log
    fail "no program ran in a cell within $start_seconds seconds" "what this machine can isolate: $program doctor"
  fi
  if ((i % 5 == 0)); then printf .; fi
  sleep 0.2
done
echo ' ready'

step "run: an example through $base/exec"
if ! /usr/bin/python3 examples/first_run.py "$base" "$run_dir/plot.png"; then
  show_log
  fail "the example failed" "its message is above; what this machine can isolate: $program doctor"
fi

echo
echo "Set this in LibreChat's .env:"
echo "  LIBRECHAT_CODE_BASEURL=$base"
echo

if { [ -t 0 ] && [ -t 1 ]; } || [ "${KEEP:-}" = 1 ]; then
  step "run: the service keeps running; Ctrl-C stops it"
  trap 'echo; step "run: stopping"; code=0; stop || code=$?; exit $code' INT TERM
  code=0
  wait $server || code=$?
  show_log
  fail "the service ended by itself with code $code" "its log is build/run/server.log"
fi

step "run: stopping the service (from a terminal, or with KEEP=1, it keeps running)"
stop || fail "the service did not stop cleanly" "its log is build/run/server.log"
