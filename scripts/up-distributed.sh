#!/bin/bash
# Sets up, builds and runs the service as processes of their own on loopback: Debian's Redis, an S3 server, a file
# server, two APIs and three workers. Prints where they are, and ends them on Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

need_root up-distributed
scripts/setup.sh
scripts/build.sh release codeapi
exec /usr/bin/python3 tests/stack.py
