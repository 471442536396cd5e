"""The backend `env`: variables of the environment under the names of secrets, and a dotenv file that seeds more.

Read-only for the command line. Programs may have what they write and delete laid over it, in memory: it wins over the
environment, lives as long as the process and is nowhere kept.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Never

from credvault.backends.base import ABSENT, Aspect, Backend, Capability, Change, Health
from credvault.config import Settings
from credvault.model import times
from credvault.model.environment import is_forbidden, is_variable
from credvault.model.errors import ConfigError, CredvaultError, Denied, NotFound
from credvault.model.names import Name
from credvault.model.record import ACTIVE, Record, Secret, Version, derived_env_name, first_facts, record_from_facts
from credvault.model.text import counted, listed, printable
from credvault.model.unlocking import unlocks_a_vault
from credvault.model.value import SecretValue

NAME = "env"

_WRITING = Capability.WRITE | Capability.LIST | Capability.DELETE | Capability.VERSIONS | Capability.METADATA
# As many variables as `doctor` names, of those that may be meant.
_MOST_SHOWN = 20

Seed = Callable[[str], Mapping[Name, Secret]]


class _Unshown:
    """An environment that shows nothing of itself: a mapping would, wherever it is printed."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables


class EnvironmentBackend(Backend):
    """Secrets of an environment, each by the variables that its name may stand in.

    `seed` gives secrets besides, as of a time; it is called once, when first one is asked for. With `overlay` the
    store can be written, in memory. Listed is what has a name: what was seeded and written, since a variable does not
    tell by which name it is asked for. A variable that is empty is not there; one that unlocks vaults is Denied.
    """

    name = NAME

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        seed: Seed | None = None,
        overlay: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._environ = _Unshown(environ)
        # Variables have no times: they are as old as the process, as far as it can know.
        self._opened_at = times.time_text(clock())
        self._read_seed = seed
        self._seeded: Mapping[Name, Secret] | None = None
        self.capabilities = Capability.READ
        if seed is not None:
            self.capabilities |= Capability.LIST
        if overlay:
            from credvault.backends.memory import MemoryBackend  # who only reads needs none of it

            self.capabilities |= _WRITING
            self._overlay = MemoryBackend()
        # Names that were written or deleted here, for which the overlay answers.
        self._overlaid: set[Name] = set()

    def get(self, name: Name, version: int | None = None) -> Secret:
        """Return what was written, else what was seeded, else a variable."""
        if version is not None and Capability.VERSIONS not in self.capabilities:
            self._refuse(Capability.VERSIONS)
        if name in self._overlaid:
            return self._overlay.get(name, version)
        secret = self._given(name)
        if version not in (None, secret.record.version):
            raise NotFound(f"{name} has no version {version}")
        return secret

    def check(self) -> Health:
        """Say how many variables there are; the seed is read, and must be right."""
        seeded = f", {counted(len(self._seeds()), 'secret')} seeded" if self._read_seed else ""
        return Health(True, f"{counted(len(self._environ.variables), 'variable')}{seeded}")

    def examine(self) -> Iterator[Aspect]:
        """Yield which variables could be meant and which names are seeded, and nothing of what they hold."""
        meant = sorted(
            variable
            for variable, text in self._environ.variables.items()
            if text and is_variable(variable) and not is_forbidden(variable) and not unlocks_a_vault(variable)
        )
        yield Aspect("variables", True, f"set are {listed(meant, _MOST_SHOWN)}" if meant else "none is set")
        if self._read_seed is not None:
            try:
                names = [str(name) for name in sorted(self._seeds())]
            except CredvaultError as exc:
                yield Aspect("dotenv", False, exc.message, exc.hint, exc.exit_status)
            else:
                yield Aspect("dotenv", True, f"seeds {listed(names, _MOST_SHOWN)}" if names else "seeds nothing")

    def put(self, change: Change) -> Record:
        """Make one change in the overlay."""
        return self.put_many([change])[0]

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        """Make all changes in the overlay, or none of them."""
        if Capability.WRITE not in self.capabilities:
            self._refuse(Capability.WRITE)
        # What is there below becomes the first version above, so that a change finds what it changes.
        copies = [_copy(secret) for secret in self._below({change.name for change in changes})]
        records = self._overlay.put_many([*copies, *changes])
        self._overlaid.update(change.name for change in changes)
        return records[len(copies) :]

    def delete(self, names: Sequence[Name]) -> None:
        """Delete these from the overlay, and hide the variables of the same names; the environment stays as it is."""
        if Capability.DELETE not in self.capabilities:
            self._refuse(Capability.DELETE)
        for name in names:
            self.get(name)
        self._overlay.delete([name for name in dict.fromkeys(names) if name in self._overlaid])
        self._overlaid.update(names)

    def list(self) -> Sequence[Record]:
        """Return the records of what was seeded and written, sorted by name; variables alone have no names."""
        if Capability.LIST not in self.capabilities:
            self._refuse(Capability.LIST)
        records = [secret.record for name, secret in self._seeds().items() if name not in self._overlaid]
        if self._overlaid:
            records += self._overlay.list()
        return sorted(records, key=lambda record: record.name)

    def history(self, name: Name) -> Sequence[Version]:
        """Return the versions that were written, newest first; a variable is the only one there is."""
        if Capability.VERSIONS not in self.capabilities:
            self._refuse(Capability.VERSIONS)
        if name in self._overlaid:
            return self._overlay.history(name)
        record = self._given(name).record
        return [Version(record.version, ACTIVE, record.value_changed_at, record.updated_by or "unknown")]

    def _refuse(self, capability: Capability) -> Never:
        if capability == Capability.LIST:
            hint = "name what you want: 'credvault get NAME', 'credvault exec -e VAR=NAME'"
            self._cannot("list: a variable does not say which secret it is", hint)
        if capability in Capability.WRITE | Capability.DELETE:
            what = "be written" if capability == Capability.WRITE else "delete"
            self._cannot(what, "whoever starts credvault sets variables; another backend or profile stores secrets")
        if capability == Capability.VERSIONS:
            self._cannot("keep versions", "a variable holds one value; another backend or profile keeps older ones")
        super()._refuse(capability)

    def _given(self, name: Name) -> Secret:
        """Return what is seeded, else what is in the environment; raises NotFound, Denied."""
        seeded = self._seeds().get(name)
        if seeded is not None:
            return seeded
        variables = variables_of(name)
        for variable in variables:
            if self._environ.variables.get(variable):
                return self._from_variable(name, variable)
        empty = next((variable for variable in variables if variable in self._environ.variables), None)
        hint = f"{empty} is set but empty" if empty else f"it is read from {' or '.join(variables)}, which is not set"
        raise NotFound(f"there is no secret {name}", hint=hint)

    def _from_variable(self, name: Name, variable: str) -> Secret:
        if unlocks_a_vault(variable):
            hint = "a program that needs it gets it by name: credvault exec --keep " + variable
            raise Denied(f"{variable} is for unlocking a vault, so it is not given out as a secret", hint=hint)
        facts = {"updated_at": self._opened_at, "value_changed_at": self._opened_at}
        if is_variable(variable):
            # It is one already, for every program that is started here.
            facts["env_name"] = variable
        record = record_from_facts(name, 1, first_facts(name, facts))
        return Secret(record, SecretValue(os.fsencode(self._environ.variables[variable])))

    def _below(self, names: set[Name]) -> Iterator[Secret]:
        """Yield what the environment and the seed have of names that were not written yet."""
        for name in sorted(names - self._overlaid):
            try:
                yield self._given(name)
            except NotFound:
                continue

    def _seeds(self) -> Mapping[Name, Secret]:
        if self._seeded is None:
            self._seeded = self._read_seed(self._opened_at) if self._read_seed else {}
        return self._seeded


def variables_of(name: Name) -> list[str]:
    """Return the variables that a name may stand in, in the order they are looked for.

    First by the rule of intentframe-credentials, NAMESPACE_KEY upper-cased with `_` for `.` and `-`: of a name with
    `@`, `+` or `/` in it that is no variable of a shell. Then the one that `add --runtime-env` would derive.
    """
    first = f"{name.namespace}_{name.key}".upper().replace(".", "_").replace("-", "_")
    return list(dict.fromkeys((first, derived_env_name(name))))


def open_environment(
    settings: Settings, warn: Callable[[str], None], detail: Callable[[str], None]
) -> EnvironmentBackend:
    """Return the environment of the settings as a store, with the `dotenv` file that its profile names as a seed."""
    path = settings.path_option("dotenv")
    if path is None or settings.profile is None:
        return EnvironmentBackend(settings.environ)
    source = settings.profile.source

    def seed(at: str) -> Mapping[Name, Secret]:
        from credvault.backends.dotenvseed import parse_seed
        from credvault.infile import read_file
        from credvault.model.envlines import MAX_ENV_FILE_BYTES

        try:
            data = read_file(path, MAX_ENV_FILE_BYTES)
        except NotFound:
            message = f"{printable(source)}: dotenv: there is no file {printable(path)}"
            raise ConfigError(message, hint="make it, or take dotenv out of the profile") from None
        found = parse_seed(data, path, at, warn)
        detail(f"{counted(len(found), 'secret')} seeded by {path}")
        return found

    return EnvironmentBackend(settings.environ, seed=seed)


def _copy(secret: Secret) -> Change:
    return Change(secret.record.name, secret.value, secret.record.facts(), ABSENT)
