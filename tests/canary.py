"""Canaries: values that must not get out, and where to look for them in every form they may take."""

import base64
import subprocess
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path


def forms(value: bytes) -> Iterator[bytes]:
    """Yield a value as it is, in hexadecimal, quoted for a URL, and as it looks inside of longer base64 text."""
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    yield urllib.parse.quote_from_bytes(value).encode()
    yield urllib.parse.quote_plus(value).encode()
    yield repr(value)[2:-1].encode()
    for offset in range(3):
        # The characters at both ends are shared with the bytes around the value.
        encoded = base64.b64encode(bytes(offset) + value)[(0, 2, 3)[offset] : (offset + len(value)) * 8 // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def is_in(content: bytes, canaries: Sequence[bytes]) -> bool:
    """Say whether any canary is in the content, in any form."""
    return any(form in content for canary in canaries for form in forms(canary))


def files_with(folder: Path, canaries: Sequence[bytes]) -> list[str]:
    """Return the files below a folder whose name or content holds a canary."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if is_in(str(path.relative_to(folder)).encode() + b"\n" + content, canaries):
            found.append(str(path.relative_to(folder)))
    return sorted(found)


def watch_command_lines(process: "subprocess.Popen[bytes]", canaries: Sequence[bytes]) -> tuple[int, list[bytes]]:
    """Look at every command line on this machine until the process ends; return how often, and those with a canary."""
    looks, found = 0, []
    while process.poll() is None:
        found += command_lines_with(canaries)
        looks += 1
    return looks, found


def command_lines_with(canaries: Sequence[bytes]) -> list[bytes]:
    """Return the command lines on this machine that have a canary."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes()
            if is_in(line, canaries):
                found.append(line)
    return found
