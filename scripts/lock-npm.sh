#!/bin/bash
# lock-npm.sh [GROUP...]: writes packages/npm/GROUP/package-lock.json after its package.json was changed (all groups unless
# said). The lock file pins every package by version and checksum, and names no registry.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

groups=("$@")
[ ${#groups[@]} -gt 0 ] || mapfile -t groups < <(basename -a packages/npm/*)
for group in "${groups[@]}"; do
  [ -f "packages/npm/$group/package.json" ] || fail "packages/npm/$group has no package.json"
  step "lock-npm: packages/npm/$group"
  (cd "packages/npm/$group" && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved \
    --no-audit --no-fund)
  if grep -q '"resolved"' "packages/npm/$group/package-lock.json"; then
    fail "the lock file of $group names a registry" "use npm 8.10 or newer"
  fi
done
