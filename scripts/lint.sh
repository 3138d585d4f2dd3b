#!/bin/bash
# lint.sh [--changed]: format, include directions, shell scripts, clang-tidy. Runs all of them, then fails if any did.
# --changed gives clang-tidy only the files that differ from the last commit (it is by far the slowest part).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

build=build/release
changed=false
case "${1:-}" in
  '') ;;
  --changed) changed=true ;;
  *) fail "unknown option $1" "usage: scripts/lint.sh [--changed]" ;;
esac
[ -f $build/compile_commands.json ] || fail "$build is not configured" "run make build first: clang-tidy reads its compile commands"

failed=()
check() {
  local name=$1
  shift
  step "lint: $name"
  "$@" || failed+=("$name")
}

mapfile -t sources < <(find src -name '*.h' -o -name '*.cc' | sort)
mapfile -t shell_scripts < <(find scripts .ci examples -type f \( -name '*.sh' -o -path '.ci/*' \) | sort)

# Files that have a compile command. A header is checked through the sources that include it.
mapfile -t units < <(printf '%s\n' "${sources[@]}" | grep '\.cc$')
if $changed; then
  mapfile -t units < <({ git diff --name-only HEAD; git ls-files --others --exclude-standard; } 2>/dev/null |
    sort -u | { grep '^src/.*\.cc$' || true; } | while read -r f; do [ -f "$f" ] && echo "$f"; done)
fi

# run_tidy CHECKS FILES...
run_tidy() {
  local checks=$1
  shift
  [ $# -gt 0 ] || return 0
  # run-clang-tidy takes regular expressions on absolute paths.
  printf '%s\n' "$@" | sed "s|\.|\\\\.|g; s|.*|^$PWD/&\$|" |
    xargs run-clang-tidy-19 -quiet -p "$build" -j "${JOBS:-2}" -checks="$checks" 2>&1 |
    { grep -v -e ' warnings generated\.$' -e '^clang-tidy-19 ' -e '^$' || true; }
}

# Tests go without the static analyzer: it spends nine tenths of the time there, on GoogleTest's own macros.
tidy() {
  local tests=() others=() unit code=0
  for unit in "${units[@]}"; do
    case $unit in *_test.cc) tests+=("$unit") ;; *) others+=("$unit") ;; esac
  done
  step "lint: clang-tidy on ${#others[@]} sources and ${#tests[@]} tests (about 15 seconds each and core)"
  run_tidy '' "${others[@]}" || code=1
  run_tidy '-clang-analyzer-*' "${tests[@]}" || code=1
  return $code
}

check format clang-format-19 --dry-run -Werror "${sources[@]}"
check includes /usr/bin/python3 scripts/check-includes.py
check shellcheck shellcheck -x "${shell_scripts[@]}"
check clang-tidy tidy

[ ${#failed[@]} -eq 0 ] || fail "lint failed: ${failed[*]}" "make format repairs the first; the others say file and line above"
step "lint: clean"
