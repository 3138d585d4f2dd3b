#!/bin/bash
# build.sh [PRESET [TARGET...]]: configures build/PRESET (release unless said) and builds the targets (everything unless
# said).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

preset=${1:-release}
shift || true
step "build: configuring build/$preset"
if ! output=$(cmake --preset "$preset" 2>&1); then
  printf '%s\n' "$output" >&2
  fail "configuring failed" "is everything installed? make setup; a broken cache? make clean"
fi
step "build: compiling (the first time takes minutes, later only what changed)"
cmake --build "build/$preset" -j "${JOBS:-$(nproc)}" ${1:+--target "$@"} || fail "the build failed" "see the compiler's message above"
