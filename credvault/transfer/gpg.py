"""Decryption by the user's own gpg: bytes in, bytes out, nothing on disk, and never a wait without end."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from credvault.model.errors import CredvaultError, Damaged, Locked, Unsupported, WrongKey

# A person may have to type a passphrase; without one gpg answers in milliseconds. Seconds.
PATIENCE = 60.0
PATIENCE_UNATTENDED = 20.0

_MARK = b"[GNUPG:] "


class Gpg:
    """The gpg on the user's PATH. `attended` lets it ask for a passphrase, `options` go before ours.

    Raises Unsupported where there is none.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        attended: bool,
        max_bytes: int,
        options: Sequence[str] = (),
        patience: float | None = None,
    ) -> None:
        search = environ.get("PATH")
        program = shutil.which("gpg2", path=search) or shutil.which("gpg", path=search)
        if program is None:
            raise Unsupported("gpg is not installed, and the store is encrypted with it", hint="install GnuPG")
        mode = [] if attended else ["--pinentry-mode", "error"]
        self._words = [program, *options, "--quiet", "--batch", *mode, "--max-output", str(max_bytes)]
        self._patience = patience or (PATIENCE if attended else PATIENCE_UNATTENDED)
        # What unlocks the vault is nothing that gpg needs to see.
        self._env = {name: value for name, value in environ.items() if not name.startswith("CREDVAULT_")}
        if attended and "GPG_TTY" not in self._env and sys.stdin is not None and sys.stdin.isatty():
            self._env["GPG_TTY"] = os.ttyname(sys.stdin.fileno())

    def decrypt(self, data: bytes, what: str) -> bytes:
        """Return what an encrypted message holds; `what` names it in an error.

        Raises WrongKey without its key, Locked where a passphrase was not given, Damaged for what is no whole
        message or unpacks to more than the limit.
        """
        read_end, write_end = os.pipe()
        try:
            words = [*self._words, "--status-fd", str(write_end), "--decrypt"]
            code, content = self._run(words, data, what, write_end)
            os.close(write_end)
            write_end = -1
            status = _read_status(read_end)
        except OSError as exc:
            raise Unsupported(f"gpg cannot be run: {(exc.strerror or 'input/output error').lower()}") from None
        finally:
            os.close(read_end)
            if write_end >= 0:
                os.close(write_end)
        if code == 0 and "DECRYPTION_OKAY" in status:
            return content
        raise _failure(status, what)

    def _run(self, words: Sequence[str], data: bytes, what: str, status_fd: int) -> tuple[int, bytes]:
        with subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._env,
            pass_fds=[status_fd],
            # Of its own, so that what it starts ends with it.
            process_group=0,
        ) as process:
            try:
                content, _ = process.communicate(data, timeout=self._patience)
            except BaseException as exc:
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(exc, subprocess.TimeoutExpired):
                    raise Locked(f"gpg gave no answer for '{what}' in {self._patience:.0f} s") from None
                raise
        return process.returncode, content


def _read_status(fd: int) -> set[str]:
    """Return the keywords of gpg's status lines (doc/DETAILS of GnuPG); they are few, and fit into a pipe."""
    os.set_blocking(fd, False)
    lines = b""
    with suppress(BlockingIOError):
        while chunk := os.read(fd, 1 << 16):
            lines += chunk
    return {line.removeprefix(_MARK).split(b" ")[0].decode("ascii", "replace") for line in lines.splitlines()}


def _failure(status: set[str], what: str) -> CredvaultError:
    if "DECRYPTION_OKAY" in status:
        return Damaged(f"'{what}' unpacks to more than a secret may have")
    # Said once the key of the message is there.
    if "DECRYPTION_INFO" in status or "ENC_TO" not in status:
        return Damaged(f"'{what}' is not a whole message of gpg")
    if "KEY_CONSIDERED" in status and "NO_SECKEY" not in status:
        return Locked(
            f"gpg cannot use its key for '{what}': the passphrase was not given, or its secret part is not here",
            hint="run it on a terminal, or let gpg-agent have the passphrase first: gpg --decrypt FILE",
        )
    return WrongKey(f"gpg has no key for '{what}'", hint="'gpg --list-secret-keys' shows which are here")
