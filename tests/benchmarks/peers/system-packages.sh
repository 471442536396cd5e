#!/bin/sh
# Installs what `make bench` compares with and Debian has, and only if something is missing: as root or with `sudo -n`.
# Elsewhere it says what the table will lack. Not for the tests, which have tests/system-packages.sh.
set -eu

# command, Debian package, the lines of the table that need it
needed='
age-keygen            age           sops -d --extract
curl                  curl          curl --parallel
dbus-daemon           dbus-daemon   keyring get
gnome-keyring-daemon  gnome-keyring keyring get
gpg                   gnupg         gpg -d, pass show
pass                  pass          pass show
ps                    procps        the memory of the agent
'

purpose="the benchmark"
. "$(dirname "$0")/../../debian-packages.sh"

[ -n "$(missing)" ] || exit 0

install_missing
missing | while read -r command package lines; do
  echo "missing: $command (Debian package $package); left out without it: $lines" >&2
done
