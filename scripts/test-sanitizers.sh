#!/bin/bash
# test-sanitizers.sh [PRESET...]: builds with AddressSanitizer and UndefinedBehaviorSanitizer, and with ThreadSanitizer, and
# runs the unit tests and the API tests on each build. Ends with a line per build.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

# Without a symbolizer a report names no function, and no suppression can.
symbolizer=$(command -v llvm-symbolizer-19 || command -v llvm-symbolizer) ||
  fail "llvm-symbolizer is missing" "make setup, or: apt-get install llvm"
export ASAN_OPTIONS=external_symbolizer_path=$symbolizer:detect_leaks=1
export TSAN_OPTIONS=external_symbolizer_path=$symbolizer:halt_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

results=()
for preset in "${@:-asan tsan}"; do
  for name in $preset; do
    scripts/build.sh "$name"
    step "test-sanitizers: unit tests of build/$name"
    ctest --test-dir "build/$name" --output-on-failure --no-tests=error -j "${JOBS:-$(nproc)}"
    step "test-sanitizers: API tests of build/$name"
    CODEAPI_BIN=$PWD/build/$name/codeapi /usr/bin/python3 -m pytest tests/api -m "not memory"
    results+=("test-sanitizers: $name: unit and API tests passed")
  done
done
printf '%s\n' "${results[@]}"
