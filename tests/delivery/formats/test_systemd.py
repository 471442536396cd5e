"""`systemd`, as systemd reads EnvironmentFile=: by the very functions that its service manager calls for that.

Debian's library of them is shared, so that they can be called from here: load_env_file() reads the file, and
strv_env_clean_with_callback() leaves out what is no assignment (src/core/execute.c, exec_context_load_environment).
"""

import ctypes
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from credvault.delivery.formats import render
from credvault.model.errors import InvalidValue
from tests.delivery.formats.proof import injection, is_text, refused_after_proof

NO_CHARACTER = re.compile("[\ufdd0-\ufdef\ufffe\uffff\U0010ffff]")
Strings = ctypes.POINTER(ctypes.c_char_p)


class Systemd:
    """The functions, and what of libc they need."""

    def __init__(self, path: Path) -> None:
        # Its functions are called by address, with what their declarations say.
        library, libc = ctypes.CDLL(str(path)), ctypes.CDLL(None)
        self._load = library.load_env_file
        self._load.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Strings)]
        self._clean = library.strv_env_clean_with_callback
        self._clean.argtypes, self._clean.restype = [Strings, ctypes.c_void_p, ctypes.c_void_p], Strings
        self._open = libc.fmemopen
        self._open.argtypes, self._open.restype = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p], ctypes.c_void_p
        self._close = libc.fclose
        self._close.argtypes = [ctypes.c_void_p]

    def read(self, text: bytes) -> Mapping[str, bytes]:
        """Return the variables in a file with this text, as a service gets them; raises ValueError where none."""
        file = self._open(text, len(text), b"r")
        assignments = Strings()
        try:
            if self._load(file, b"exported", ctypes.byref(assignments)) != 0:
                raise ValueError("systemd takes nothing of this file")
        finally:
            self._close(file)
        assignments = self._clean(assignments, None, None)
        read, number = {}, 0
        while assignments and (assignment := assignments[number]) is not None:
            name, _, value = assignment.partition(b"=")
            read[name.decode()] = value
            number += 1
        return read


@pytest.fixture(scope="module")
def systemd() -> Systemd:
    found = sorted(Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so"))
    if not found and os.environ.get("CI") != "true":
        pytest.skip("systemd's shared library is not here")
    return Systemd(found[-1])


def test_every_text_arrives_in_a_service(systemd: Systemd, tmp_path: Path) -> None:
    refused = refused_after_proof("systemd", systemd.read, tmp_path, count=100_000)

    assert refused
    assert not any(is_text(value) and not NO_CHARACTER.search(value.decode()) for value in refused)


@pytest.mark.parametrize("character", ["\ufdd0", "\ufdef", "\ufffe", "\uffff", "\U0010ffff"])
def test_what_systemd_takes_for_no_text_is_refused(character: str, systemd: Systemd) -> None:
    with pytest.raises(InvalidValue, match="a character that stands for none"):
        render("systemd", [injection(character.encode())])

    with pytest.raises(ValueError, match="systemd takes nothing"):
        systemd.read(f'A="{character}"\nB="b"\n'.encode())  # that is why


def test_no_text_is_taken_for_more_than_one_variable(systemd: Systemd) -> None:
    text = render("systemd", [injection(b'a"\nB=b\n"', "A"), injection(b"c\\", "C"), injection(b"", "D")])

    assert systemd.read(text) == {"A": b'a"\nB=b\n"', "C": b"c\\", "D": b""}


def test_line_is_in_double_quotes() -> None:
    assert render("systemd", [injection(b'it\'s "$x" `y` \\z')]) == b'A="it\'s \\"\\$x\\" \\`y\\` \\\\z"\n'
