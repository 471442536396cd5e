# Read by scripts that need programs of Debian's packages. `needed` has a line for each: command, package, its use;
# `purpose` says what for. Installs as root or with `sudo -n`.
# shellcheck shell=sh

missing() {
  printf '%s' "$needed" | while read -r command package use; do
    if [ -n "$command" ] && ! command -v "$command" >/dev/null 2>&1; then
      echo "$command $package $use"
    fi
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
  command -v apt-get >/dev/null 2>&1 || return 1
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# Installs what is missing, where that may be done; what is missing after that, `missing` says.
install_missing() {
  may_install || return 0
  packages=$(missing | cut -d ' ' -f 2 | sort -u | tr '\n' ' ')
  echo "installing for $purpose: $packages" >&2
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # One source that cannot be refreshed need not stop the others: what counts is whether the install succeeds.
  # $packages is a list, and split on purpose.
  if ! { as_root apt-get update; as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
  fi
}
