#!/bin/bash
# test-rootless.sh: runs the black-box tests against servers of an ordinary user, who makes cells in user namespaces and
# has no cgroups. Started by root it becomes such a user for each server; started by one it stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

scripts/build.sh release codeapi
if [ "$(id -u)" -eq 0 ]; then
  # Where that user can run them: a checkout is often below a home that is closed.
  programs=$(mktemp -d /tmp/codeapi-rootless.XXXXXX)
  trap 'rm -rf "$programs"' EXIT
  chmod 755 "$programs"
  cp build/release/codeapi build/release/codeapi-jailer build/release/codeapi-init "$programs"
  export CODEAPI_BIN=$programs/codeapi CODEAPI_TEST_USER=${CODEAPI_TEST_USER:-54321}
  step "test-rootless: servers run as user $CODEAPI_TEST_USER"
fi
/usr/bin/python3 -m pytest tests/api tests/verdicts tests/security tests/machine tests/locks/test_jailer.py tests/rootless "$@"
