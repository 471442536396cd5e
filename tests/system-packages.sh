#!/bin/sh
# Installs what the tests run besides Python, and only if something is missing: Debian's packages, as root or with
# `sudo -n`. Elsewhere it says which tests will be skipped. With CI=true nothing may be skipped, so that is an error.
set -eu

# command, Debian package, the tests that need it
needed='
curl           curl        the agent as curl asks it
bash           bash        exec and the shell integration under bash
dash           dash        exec and the demo under a plain POSIX sh
dbus-daemon    dbus-daemon the backend keyring and the keyring slot
direnv         direnv      the recipe for direnv
docker         docker.io   export --format docker, read by the real client
fish           fish        export, completion and shellenv under fish
gnome-keyring-daemon  gnome-keyring  the backend keyring and the keyring slot
git            git         exec --mask with an editor started by git
gpg            gnupg       import from a store of pass
groff          groff       the manual pages
keepassxc-cli  keepassxc   import from KeePass
less           less        exec --mask with a pager
man            man-db      the manual pages
node           nodejs      export --format dotenv, read by the dotenv of npm
npm            npm         export --format dotenv, read by the dotenv of npm
openssl        openssl     exec --file, read by openssl
pass           pass        import from a store of pass
ps             procps      what other users see of a running credvault
psql           postgresql-client  exec --file, read by psql
setpriv        util-linux  file permissions as seen by another user
sway           sway        get --copy under Wayland
ssh-add        openssh-client  exec --file, read by ssh-add and ssh-keygen
systemctl      systemd     export --format systemd, read by the functions of systemd
top            procps      exec --mask with a full-screen program
unshare        util-linux  exec --file and --fd in namespaces of processes
vim            vim         exec --mask with a full-screen program
wl-copy        wl-clipboard get --copy under Wayland
xclip          xclip       get --copy
xsel           xsel        get --copy
Xvfb           xvfb        get --copy
zsh            zsh         export, completion and shellenv under zsh
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
