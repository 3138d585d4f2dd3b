#!/bin/bash
# build-root.sh [PROFILE [DIR]]: builds a root for cells (core unless said) into DIR (build/root unless said), from which
# `make run` takes it. Nothing to do when it is there: a second.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

profile=${1:-core}
directory=${2:-build/root}
program=build/release/codeapi
if [ "$(id -u)" -ne 0 ]; then fail "only root can build a root: its files belong to root" "try: sudo make root"; fi
[ -x $program ] || { scripts/setup.sh && scripts/build.sh release codeapi; }
exec $program package-init --profile "$profile" --dir "$directory"
