# shellcheck shell=bash
# Sourced by the other scripts: one way to speak.

step() { printf '==> %s\n' "$*"; }

# fail MESSAGE [WHAT TO DO]
fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf '       %s\n' "$2" >&2; fi
  exit 1
}

# need_root WHAT: cells are made of namespaces, mounts and cgroups, which only root may make for now.
need_root() {
  if [ "$(id -u)" -ne 0 ]; then fail "$1 makes real cells and needs root in this version; try: sudo make $1"; fi
}
