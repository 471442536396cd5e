#!/bin/sh
# Installs what `make bench` compares with and Debian has, and only if something is missing: as root or with `sudo -n`.
# Elsewhere it says what the table will lack. Not for the tests, which have tests/system-packages.sh.
set -eu

# command, Debian package, the lines of the table that need it
needed='
age-keygen            age           sops -d --extract
dbus-daemon           dbus-daemon   keyring get
gnome-keyring-daemon  gnome-keyring keyring get
gpg                   gnupg         gpg -d, pass show
pass                  pass          pass show
ps                    procps        the memory of the agent
'

missing() {
  printf '%s' "$needed" | while read -r command package lines; do
    if [ -n "$command" ] && ! command -v "$command" >/dev/null 2>&1; then
      echo "$command $package $lines"
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

[ -n "$(missing)" ] || exit 0

if may_install; then
  packages=$(missing | cut -d ' ' -f 2 | sort -u | tr '\n' ' ')
  echo "installing for the benchmark: $packages" >&2
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # One source that cannot be refreshed need not stop the others: what counts is whether the install succeeds.
  # $packages is a list, and split on purpose.
  if ! { as_root apt-get update; as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
  fi
fi

missing | while read -r command package lines; do
  echo "missing: $command (Debian package $package); left out without it: $lines" >&2
done
