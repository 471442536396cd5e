#!/bin/sh
# The installed `credvault` (hatch_build.py puts it into the wheel): the environment's interpreter, without its detours.
#
# What pip writes in its place imports `re`, and lets `site` read every .pth file: together as much as a bare
# interpreter takes. So in the usual case nothing is forked here, and `main` loads `site` only where it needs it.
#
# The price: some shells, dash among them, do not hand on variables whose names they could not set (`a.b`, `a-b`,
# `BASH_FUNC_f%%`), and set PWD. What `credvault exec` runs then has it so too; `python -m credvault` keeps all.

# The file itself, behind symbolic links: pipx and uv put one on PATH. One hop at a time, for a readlink without -f.
self=$0
case $self in
*/*) ;;
*) if [ -e "./$self" ]; then self=./$self; else self=$(command -v -- "$self"); fi ;;
esac
while [ -h "$self" ]; do
  target=$(PATH=/usr/bin:/bin${PATH:+:$PATH} && exec readlink -- "$self") || break
  case $target in
  /*) self=$target ;;
  *) self=${self%/*}/$target ;;
  esac
done
case $self in
/*) ;;
*) self=$PWD/$self ;; # what goes on sys.path must outlive a chdir
esac
bin=${self%/*}

# Runs credvault from the folder that is its first argument, which ranks after the standard library.
run='import sys
sys.path.append(sys.argv.pop(1))
try:
    from credvault.lane import leave
    leave()
except ImportError as error:
    sys.exit("credvault: error: the installed program is not whole: %s\ncredvault: hint: install it again" % error)'

# An environment, virtual or not, has its packages and its interpreter in one place: go straight there.
for packages in "$bin"/../lib/py*/site-packages/credvault/; do
  packages=${packages%/credvault/}
  lib=${packages%/site-packages}
  if [ -f "$bin/../pyvenv.cfg" ] || [ -f "$lib/os.py" ]; then
    python=$bin/${lib##*/}
    [ -x "$python" ] || python=$bin/python
    [ -x "$python" ] && exec "$python" -I -S -c "$run" "$packages" "$@"
  fi
done

# A user's or a system's own packages (`pip install --user`, `--prefix`, Debian's dist-packages): their interpreter is
# somewhere else, and its version is the name of a folder here. `site` is needed then, and tells what else it finds.
try='import sys
sys.path.append(sys.argv[1])
from importlib.util import find_spec
import credvault.__main__
sys.exit(not (find_spec("click") and find_spec("cryptography")))'
for packages in "$bin"/../lib/py*/*-packages/credvault/ "$bin"/../local/lib/py*/*-packages/credvault/; do
  packages=${packages%/credvault/}
  lib=${packages%/*}
  for python in "$bin/${lib##*/}" "${lib##*/}" "/usr/bin/${lib##*/}" "$bin/python" "$bin/python3" python3; do
    "$python" -P -c "$try" "$packages" </dev/null >/dev/null 2>&1 && exec "$python" -P -c "$run" "$packages" "$@"
  done
done

echo "credvault: error: no Python beside $self or on PATH has credvault" >&2
echo "credvault: hint: install credvault again; from elsewhere, make a symbolic link to it, not a copy" >&2
exit 1
