#!/bin/sh
# Installs what the tests run besides Python, and only if something is missing: Debian's packages, as root or with
# `sudo -n`. Elsewhere it says which tests will be skipped. With CI=true nothing may be skipped, so that is an error.
set -eu

# command, Debian package, the tests that need it
needed='
curl     curl        the agent as curl asks it
bash     bash        exec and the shell integration under bash
dash     dash        exec and the demo under a plain POSIX sh
ps       procps      what other users see of a running credvault
setpriv  util-linux  file permissions as seen by another user
'

purpose="the tests"
. "$(dirname "$0")/debian-packages.sh"

[ -n "$(missing)" ] || exit 0

install_missing
missing | while read -r command package tests; do
  echo "missing: $command (Debian package $package); skipped without it: $tests" >&2
done
if [ -n "$(missing)" ] && [ "${CI:-}" = true ]; then
  echo "error: CI=true, and tests must not be skipped for want of a program" >&2
  exit 1
fi
