#!/bin/bash
# npm-install.sh DIR: installs exactly what DIR/package-lock.json pins into build/npm/<name of DIR>, unless it is there
# already, and prints that directory. Nobody's install scripts are run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

[ $# -eq 1 ] || fail "usage: scripts/npm-install.sh DIR"
source=${1%/}
[ -f "$source/package-lock.json" ] || fail "$source has no package-lock.json"
target=build/npm/$(basename "$source")
mkdir -p "$target"

# Two test runs may want it at once.
exec 9>"$target.lock"
flock 9
if ! cmp -s "$source/package-lock.json" "$target/installed"; then
  command -v npm >/dev/null || fail "npm is missing" "install it (Debian: apt-get install npm), then try again"
  rm -rf "$target"
  mkdir -p "$target"
  cp "$source/package.json" "$source/package-lock.json" "$target/"
  (cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
    fail "npm could not install what $source/package-lock.json names" "see npm's message above; is a registry within reach?"
  cp "$target/package-lock.json" "$target/installed"
fi
echo "$PWD/$target"
