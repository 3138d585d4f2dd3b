#!/bin/bash
# need-root.sh TARGET: ends with one clear line when a make target that needs root is started without it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
need_root "$1"
