#!/bin/sh
# Installs what the tests run besides Python, and only if something is missing: Debian's packages, as root or with
# `sudo -n`. Elsewhere it says which tests will be skipped. With CI=true nothing may be skipped, so that is an error.
set -eu

# command, Debian package, the tests that need it
needed='
bash     bash        exec and the shell integration under bash
dash     dash        exec and the demo under a plain POSIX sh
ps       procps      what other users see of a running credvault
setpriv  util-linux  file permissions as seen by another user
'

missing() {
  printf '%s' "$needed" | while read -r command package tests; do
    if [ -n "$command" ] && ! command -v "$command" >/dev/null 2>&1; then
      echo "$command $package $tests"
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
  echo "installing for the tests: $packages" >&2
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # One source that cannot be refreshed need not stop the others: what counts is whether the install succeeds.
  # $packages is a list, and split on purpose.
  if ! { as_root apt-get update; as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
  fi
fi

missing | while read -r command package tests; do
  echo "missing: $command (Debian package $package); skipped without it: $tests" >&2
done
if [ -n "$(missing)" ] && [ "${CI:-}" = true ]; then
  echo "error: CI=true, and tests must not be skipped for want of a program" >&2
  exit 1
fi
