#!/bin/bash
# lock-pypi.sh [LIST...]: writes the checksums into packages/pypi/LIST.txt (all lists unless said). Downloads every file of
# each pinned version that could be installed on x86-64 or arm64 from the package index that pip is configured with, and
# replaces the line's checksums by theirs. Lines that cannot be had stay as they are, and are named.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

python=${PYTHON_VERSION:-3.13} # of the suite that packages/base.yaml names
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip --version >/dev/null 2>&1 || fail "pip is not installed" "apt-get install python3-pip"

# download REQUIREMENT MACHINE DIRECTORY
download() {
  local platforms=()
  for glibc in manylinux2014 manylinux_2_17 manylinux_2_24 manylinux_2_27 manylinux_2_28 manylinux_2_31 manylinux_2_34 \
    manylinux_2_39; do platforms+=(--platform "${glibc}_$2"); done
  python3 -m pip download --quiet --no-deps --only-binary :all: --disable-pip-version-check --dest "$3" \
    --python-version "$python" --implementation cp --abi "cp${python//./}" --abi abi3 --abi none --platform any \
    "${platforms[@]}" "$1"
}

missing=()
lists=("$@")
[ ${#lists[@]} -gt 0 ] || mapfile -t lists < <(basename -s .txt packages/pypi/*.txt)
for list in "${lists[@]}"; do
  file=packages/pypi/$list.txt
  [ -f "$file" ] || fail "$file does not exist"
  step "lock-pypi: $file"
  while IFS= read -r line; do
    requirement=${line%%[ #]*}
    if [ -z "$requirement" ]; then
      printf '%s\n' "$line"
      continue
    fi
    rm -rf "${work:?}/files"
    for machine in x86_64 aarch64; do download "$requirement" $machine "$work/files" >&2 || true; done
    hashes=$(find "$work/files" -type f -name '*.whl' -exec sha256sum {} + 2>/dev/null | cut -d' ' -f1 | sort -u |
      sed 's/^/ --hash=sha256:/' | tr -d '\n')
    if [ -z "$hashes" ]; then
      missing+=("$requirement")
      printf '%s\n' "$line"
    else
      printf '%s%s\n' "$requirement" "$hashes"
    fi
  done <"$file" >"$work/$list.txt"
  cp "$work/$list.txt" "$file"
done
[ ${#missing[@]} -eq 0 ] || fail "not to be had: ${missing[*]}" "they stay in the lists and are left out of roots"
