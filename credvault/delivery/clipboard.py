"""The system's clipboard, by the system's own tools: a value goes to a tool's stdin, and nowhere else.

What was copied is taken off again by `clearing.py`, a process of its own.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest
from shutil import which
from typing import Any, NamedTuple

from credvault.model.errors import InvalidValue, Unsupported
from credvault.model.value import SecretValue

# A tool answers at once, or its display does not answer at all.
TOOL_SECONDS = 10.0
SETTLE_SECONDS = 1.0
# What a tool needs of the environment: the process that it leaves behind is to hold no key.
_INHERITED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"),
    *("WSL_DISTRO_NAME", "WSL_INTEROP"),
)
_HINT = "get it by 'credvault get NAME' or -o FILE"


class Tool(NamedTuple):
    """A tool that copies its stdin; how the clipboard is read and emptied. `codec` is what it takes text for."""

    copy: Sequence[str]
    paste: Sequence[str]
    clear: Sequence[str]
    codec: str = "utf-8"


_POWERSHELL = ("powershell.exe", "-NoProfile", "-NonInteractive", "-Command")
_WL_COPY = Tool(("wl-copy", "--type", "text/plain"), ("wl-paste", "--no-newline"), ("wl-copy", "--clear"))
_XCLIP = ("xclip", "-selection", "clipboard")
_XSEL = ("xsel", "--clipboard")
# By what tells that a tool can be of use: a variable, or the system. The first that works is used.
TOOLS = (
    ("WAYLAND_DISPLAY", _WL_COPY),
    ("DISPLAY", Tool((*_XCLIP, "-in"), (*_XCLIP, "-out"), (*_XCLIP, "-in"))),
    ("DISPLAY", Tool((*_XSEL, "--input"), (*_XSEL, "--output"), (*_XSEL, "--clear"))),
    ("darwin", Tool(("pbcopy",), ("pbpaste",), ("pbcopy",))),
    (
        "WSL_DISTRO_NAME",
        Tool(
            ("clip.exe",),
            (*_POWERSHELL, "[Console]::OutputEncoding = [Text.Encoding]::UTF8; Get-Clipboard -Raw"),
            ("clip.exe",),
            codec="utf-16-le",
        ),
    ),
)


class Clipboard:
    """A clipboard that can be reached in an environment. Nothing of it is held open."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Find the tools there are; raises Unsupported where there are none."""
        self.environ = {name: environ[name] for name in _INHERITED if name in environ}
        path = environ.get("PATH")
        places = {place for place, _ in TOOLS if environ.get(place) or place == sys.platform}
        self.tools = [tool for place, tool in TOOLS if place in places and which(tool.copy[0], path=path)]
        if not places:
            raise Unsupported("there is no clipboard: no display is set, WAYLAND_DISPLAY or DISPLAY", hint=_HINT)
        if not self.tools:
            needed = ", ".join(dict.fromkeys(tool.copy[0] for place, tool in TOOLS if place in places))
            raise Unsupported("there is no program for the clipboard", hint=f"install one of {needed}")

    @property
    def place(self) -> str:
        """Which one it is, among those of a user: a home folder may be that of several machines."""
        displays = (self.environ.get(name, "") for name in ("WAYLAND_DISPLAY", "DISPLAY"))
        return " ".join([os.uname().nodename, *displays])

    def copy(self, value: SecretValue) -> Tool:
        """Put a text on the clipboard, and return the tool that did.

        Raises InvalidValue for what is no text, Unsupported where no tool reaches the display.
        """
        try:
            text = value.reveal().decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise InvalidValue("the value is not text, and a clipboard holds text", hint="give -o FILE") from None
        for tool in self.tools:
            if self._write([*tool.copy, *self._hints(tool)], text.encode(tool.codec)):
                self._wait_for(tool, value)
                return tool
        tried = ", ".join(tool.copy[0] for tool in self.tools)
        raise Unsupported(f"the clipboard cannot be reached by {tried}", hint="is the display that is set still there?")

    def holds(self, tool: Tool, key: bytes, fingerprint: bytes) -> bool:
        """Say whether the clipboard holds the text of a fingerprint, and nothing that was copied since."""
        text = self._read(tool.paste)
        return text is not None and compare_digest(fingerprint_of(text, key), fingerprint)

    def clear(self, tool: Tool) -> None:
        """Empty the clipboard."""
        self._write(tool.clear, b"")
        _settle(lambda: not self._read(tool.paste))

    def _wait_for(self, tool: Tool, value: SecretValue) -> None:
        fingerprint = fingerprint_of(value.reveal(), b"")
        _settle(lambda: self.holds(tool, b"", fingerprint))

    def _hints(self, tool: Tool) -> list[str]:
        """Return what asks clipboard managers not to keep it: x-kde-passwordManagerHint, of wl-copy 2.3 and later."""
        if tool.copy[0] != "wl-copy" or b"--sensitive" not in (self._read(("wl-copy", "--help")) or b""):
            return []
        return ["--sensitive"]

    def _write(self, words: Sequence[str], text: bytes) -> bool:
        """Run a tool with a text to read, and say whether it was content.

        It leaves a process behind that serves the clipboard: that one gets no pipe of ours, which would be waited for.
        """
        return self._run(words, input=text, stdout=subprocess.DEVNULL) is not None

    def _read(self, words: Sequence[str]) -> bytes | None:
        """Return what a tool writes, or None where it fails."""
        return self._run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def _run(self, words: Sequence[str], **streams: Any) -> bytes | None:
        try:
            done = subprocess.run(
                words,
                **streams,
                stderr=subprocess.DEVNULL,
                env=self.environ,
                timeout=TOOL_SECONDS,
                start_new_session=True,  # no terminal ends what serves the clipboard
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout or b""


def _settle(is_so: Callable[[], bool]) -> None:
    """Return when the clipboard is as a tool was told to make it; that a manager changes it is no failure.

    xsel and xclip end before, and what comes late would undo a newer copy.
    """
    until = time.monotonic() + SETTLE_SECONDS
    while not is_so() and time.monotonic() < until:
        time.sleep(0.02)


def fingerprint_of(text: bytes, key: bytes) -> bytes:
    """Return what a text on the clipboard is known by, without the line ends that Windows gives it."""
    return sha256(key + text.replace(b"\r\n", b"\n").rstrip(b"\n")).digest()
