#!/bin/bash
# fuzz.sh [SECONDS]: builds the libFuzzer targets (src/*/*_fuzz.cc) with sanitizers and runs each for SECONDS (60 unless
# said) on the seeds in tests/corpus/TARGET. What a run finds goes to build/fuzz/corpus/TARGET, where the next run goes
# on from it; an input that crashes a target stays in build/fuzz/crashes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || fail "SECONDS is a whole number from 1, not $seconds" "usage: scripts/fuzz.sh [SECONDS]"
build=build/fuzz
crashes=$build/crashes

scripts/build.sh fuzz fuzz_targets
mapfile -t sources < <(find src -name '*_fuzz.cc' | sort)
[ ${#sources[@]} -gt 0 ] || fail "there is no src/*/*_fuzz.cc"
mkdir -p "$crashes"

executions=0
crashed=()
for source in "${sources[@]}"; do
  target=$(basename "$source" .cc)
  found=$build/corpus/$target
  seeds=tests/corpus/$target
  log=$build/$target.log
  mkdir -p "$found"
  [ -d "$seeds" ] || fail "$target has no seeds" "put a few small inputs into $seeds"
  step "fuzz: $target for $seconds s"
  # A file from an earlier run must not pass for one of this run.
  started=$(mktemp "$build/started.XXXXXX")
  code=0
  "$build/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$crashes/$target-" "$found" "$seeds" >"$log" 2>&1 || code=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log" | tail -n 1)
  executions=$((executions + ${runs:-0}))
  if [ "$code" -eq 0 ]; then
    step "fuzz: $target: ${runs:-0} executions, ${rate:-0} per second"
  else
    crashed+=("$target")
    printf 'error: %s ended with %d; the end of %s:\n' "$target" "$code" "$log" >&2
    grep -v '^stat::' "$log" | tail -n 40 >&2
    input=$(find "$crashes" -name "$target-*" -newer "$started" | sort | tail -n 1)
    printf '       to reproduce: %s %s\n' "$build/$target" "${input:-(no input was kept, see the log)}" >&2
  fi
  rm -f "$started"
done

echo "fuzz: ${#sources[@]} targets, $executions executions, ${#crashed[@]} crashes"
[ ${#crashed[@]} -eq 0 ] || exit 1
