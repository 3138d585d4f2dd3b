#!/bin/bash
# npm-install.sh DIR [TARGET]: installs the packages that DIR/package-lock.json pins into TARGET (build/npm/<name of DIR>
# unless said), once per lock file. Scripts of packages are not run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

dir=${1:?usage: npm-install.sh DIR [TARGET]}
target=${2:-build/npm/$(basename "$dir")}
[ -f "$dir/package-lock.json" ] || fail "$dir has no package-lock.json"
command -v npm >/dev/null || fail "npm is missing" "make setup, or install Node.js with npm"

stamp=$target/.installed
if [ -f "$stamp" ] && cmp -s "$dir/package-lock.json" "$stamp"; then exit 0; fi
mkdir -p "$target"
rm -f "$stamp"
cp "$dir/package.json" "$dir/package-lock.json" "$target/"
step "npm: installing the packages of $dir into $target"
(cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || fail "npm ci failed" "see npm's message above"
cp "$dir/package-lock.json" "$stamp"
