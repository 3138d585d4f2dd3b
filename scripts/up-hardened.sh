#!/bin/bash
# Sets up, builds and runs the service in hardened mode on loopback, as docs/hardened.md tells to do by hand: Debian's
# Redis with a user for each purpose, and one process of each role with fresh keys, each as a user of its own. Prints where
# they are, and ends them on Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

need_root up-hardened
scripts/setup.sh
scripts/build.sh release codeapi codeapi-jailer codeapi-init
scripts/build-root.sh core build/root
exec /usr/bin/python3 tests/hardened_stack.py
