"""The probe `command`: a program of the user's own `config.toml` says whether a value still works.

    [probes.ldap]
    command = ["/usr/local/bin/check-ldap", "--user", "ci"]
    timeout = 10

A record only names it (`{"kind": "command", "name": "ldap"}`); it can carry neither program nor arguments. The value
comes on stdin as it is stored, never in argv or the environment. Status 0 is `ok`, 1 `rejected`, all else
`unreachable`. What the program prints is never shown: it knows the value.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from credvault.lifecycle.probes.base import OK, REJECTED, UNREACHABLE, Attempt, Outcome, Probe
from credvault.model.errors import InvalidValue
from credvault.model.text import printable
from credvault.model.unlocking import unlocks_a_vault
from credvault.model.value import SecretValue

if TYPE_CHECKING:
    import subprocess

DEFAULT_LIMIT = 10.0  # seconds


class CommandProbe(Probe):
    """Runs a program; `environ` is what it inherits, less what unlocks vaults."""

    starts_program = True

    def __init__(self, name: str, command: Sequence[str], limit: float, environ: Mapping[str, str]) -> None:
        self.limit = limit
        self._name = printable(name)
        self._command = list(command)
        self._environ = {key: text for key, text in environ.items() if not unlocks_a_vault(key)}

    def run(self, value: SecretValue, attempt: Attempt) -> Outcome:
        """Start the program with the value on its stdin; it and all it started end with the attempt."""
        import subprocess

        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,  # a group of its own, to be ended whole
            )
        except (OSError, ValueError) as exc:
            reason = printable((getattr(exc, "strerror", None) or "it is not runnable").lower())
            return Outcome(UNREACHABLE, f"command '{self._name}' cannot be started: {reason}")
        with attempt.breakable(lambda: _kill(process)):
            try:
                process.communicate(value.reveal(), timeout=attempt.left())
            except subprocess.TimeoutExpired:
                _kill(process)
                process.wait()
                return Outcome(UNREACHABLE, f"command '{self._name}' did not end within {attempt.seconds:g} s")
        return self._outcome(process.returncode)

    def _outcome(self, status: int) -> Outcome:
        if status == 0:
            return Outcome(OK, f"command '{self._name}' accepts it")
        if status == 1:
            return Outcome(REJECTED, f"command '{self._name}' rejects it")
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return Outcome(UNREACHABLE, f"command '{self._name}' {how}")


def command_probe(name: object, commands: Mapping[str, Any], environ: Mapping[str, str]) -> CommandProbe:
    """Return the probe that `[probes.NAME]` of `config.toml` describes; raises InvalidValue where there is none."""
    if not isinstance(name, str) or not name:
        raise InvalidValue("a command probe needs the name of one in config.toml")
    settings = commands.get(name)
    if settings is None or not settings.get("command"):
        raise InvalidValue(f"config.toml has no command under [probes.{printable(name[:60])}]")
    limit = settings.get("timeout", DEFAULT_LIMIT)
    if limit < 1:
        raise InvalidValue(f"config.toml: probes.{printable(name[:60])}.timeout must be at least 1")
    return CommandProbe(name, settings["command"], limit, environ)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    import os
    import signal

    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except AttributeError:  # Windows has no groups
        process.kill()
    except ProcessLookupError:
        pass
