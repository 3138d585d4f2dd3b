#!/bin/bash
# Installs what scripts/debian-packages.txt lists and this machine lacks. Nothing to do: one line, no root needed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

list=scripts/debian-packages.txt

command -v dpkg-query >/dev/null || fail "this is not Debian: dpkg-query is missing" \
  "install the equivalents of the packages in $list by hand, then use cmake --preset release directly"

installed() {
  # A Node.js from elsewhere serves as well, and the two packages would fight over the file.
  if [ "$1" = nodejs ] && [ -x /usr/bin/node ]; then return 0; fi
  if [ "$1" = npm ] && [ -x /usr/bin/npm ]; then return 0; fi
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

missing=()
while read -r package _; do
  case $package in '' | '#'*) continue ;; esac
  installed "$package" || missing+=("$package")
done <"$list"

if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: nothing to do"
  exit 0
fi

command="apt-get install --no-install-recommends ${missing[*]}"
root=()
if [ "$(id -u)" -ne 0 ]; then
  # Without a terminal sudo could only wait for a password that nobody can type.
  if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    root=(sudo)
  else
    fail "packages are missing and installing them needs root; run as root: apt-get update && $command"
  fi
fi

step "setup: installing ${#missing[@]} packages: ${missing[*]}"
apt_get() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}
install() { apt_get install -y --no-install-recommends "${missing[@]}"; }

# The lists can be absent (a fresh container) or older than the archive; both are cured by one update.
if ! install; then
  step "setup: that failed; updating the package lists and trying once more"
  apt_get update || fail "apt-get update failed" "check the network and /etc/apt/sources.list, then run make setup again"
  install || fail "the packages could not be installed" "see apt's message above; by hand: $command"
fi

for package in "${missing[@]}"; do
  installed "$package" || fail "$package is still missing after installation" "by hand: apt-get install $package"
done
step "setup: done"
