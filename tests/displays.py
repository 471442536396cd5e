"""Displays without a screen, on which the system's clipboard tools work as on any other."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import SECONDS

_NOBODY = 65534


def need(*programs: str) -> None:
    """Skip a test where a program is missing; with CI=true that is a failure, and comes when it is started."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"needs {', '.join(missing)}")


@contextmanager
def x_display() -> Iterator[dict[str, str]]:
    """Give the environment of an X server of its own."""
    need("Xvfb")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp", "-noreset"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            yield {"DISPLAY": f":{numbers.readline().strip()}"}
    finally:
        server.terminate()
        server.wait()


@contextmanager
def wayland_display() -> Iterator[dict[str, str]]:
    """Give the environment of a Wayland compositor of its own: one with a clipboard for programs without a window."""
    need("sway", "wl-copy")
    with tempfile.TemporaryDirectory(prefix="cv-", ignore_cleanup_errors=True) as folder:
        words = ["sway", "-c", os.devnull]
        if os.geteuid() == 0:  # as root it does not run
            os.chown(folder, _NOBODY, _NOBODY)
            words = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *words]
        headless = {"WLR_BACKENDS": "headless", "WLR_LIBINPUT_NO_DEVICES": "1", "WLR_RENDERER": "pixman"}
        compositor = subprocess.Popen(
            words,
            cwd="/",
            env={"PATH": os.environ["PATH"], "HOME": folder, "XDG_RUNTIME_DIR": folder, **headless},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + SECONDS
            while not (sockets := [path for path in Path(folder).glob("wayland-*") if path.suffix != ".lock"]):
                assert compositor.poll() is None, "sway has ended"
                assert time.monotonic() < until, "sway is not ready"
                time.sleep(0.05)
            display = {"WAYLAND_DISPLAY": sockets[0].name, "XDG_RUNTIME_DIR": folder}
            yield display
            # Else wl-copy leaves the file of what it serves in /tmp.
            subprocess.run(["wl-copy", "--clear"], env={**os.environ, **display}, timeout=SECONDS, check=True)
        finally:
            compositor.terminate()
            compositor.wait()
