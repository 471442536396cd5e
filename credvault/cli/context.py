"""What a command may ask for, opened on first touch: settings, the vault, a person."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from credvault.cli.output import Output
from credvault.config import FILE_BACKEND, Flags, Settings, load_settings
from credvault.model.errors import Invalid, Locked
from credvault.model.names import Name, parse_name
from credvault.model.text import printable

if TYPE_CHECKING:  # the vault and its cryptography are loaded when one is opened: help and usage errors need neither
    from credvault.model.record import Secret
    from credvault.model.reference import Reference
    from credvault.model.uri import SecretURI
    from credvault.sealing.slots import KdfLimits, KeyMaterial
    from credvault.sealing.sources import Ask
    from credvault.sealing.vaultfile import VaultFile
    from credvault.uris import URIs
    from credvault.vault import Vault


class Run:
    """One run of the program: the global options as given, and what they lead to."""

    def __init__(self, kdf: "KdfLimits | None" = None) -> None:
        self.out = Output()
        self.no_input = False
        self.clock = time.time
        # What an error ends with in a command that has statuses of its own: any, and one of usage.
        self.failure_status: int | None = None
        self.usage_status: int | None = None
        # Whether an offline copy can answer this command, so that an error may offer one.
        self.reads_copies = True
        self._kdf = kdf
        self._flags: dict[str, Any] = {}
        self._settings: Settings | None = None
        self._read: Settings | None = None
        self._passphrase: KeyMaterial | None = None

    def set_option(self, name: str, value: Any) -> None:
        """Take a global option; it may come before the command or after it, and the last one wins."""
        if name in ("quiet", "verbose", "color", "json"):
            setattr(self.out, name, value)
        elif name == "no_input":
            self.no_input = value
        elif name == "max_age":
            from credvault.model.times import parse_duration

            self._flags[name] = parse_duration(value)
        else:
            self._flags[name] = value

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment; `--no-input` is in it as the variable that says the same."""
        return {**os.environ, "CREDVAULT_NO_INPUT": "1"} if self.no_input else os.environ

    @property
    def settings(self) -> Settings:
        """The settings that hold for this run; raises ConfigError, Invalid."""
        if self._settings is None:
            self._settings = self.peek()
            for notice in self._settings.notices:
                self.out.warn(notice)
            self._say_whence(self._settings)
        return self._settings

    def peek(self) -> Settings:
        """Return the settings without a word of where they come from; raises ConfigError, Invalid."""
        if self._read is None:
            self._read = load_settings(Flags(**self._flags), self.environ)
        return self._read

    @property
    def foreign_backend(self) -> str | None:
        """The backend of this run, if somebody else made it; None before the settings were read."""
        from credvault.config.tables import PROFILES_OF

        return None if self._read is None or self._read.backend.value in PROFILES_OF else self._read.backend.value

    def settings_elsewhere(
        self, side: str, *, profile: str | None, vault: str | None, backend: str | None, key_file: str | None
    ) -> Settings:
        """Return the settings of another place than this run's, chosen as the global options choose one.

        By the options of `side`. With none of the three it is this run's place, for who names another key alone.
        Raises what `settings` raises.
        """
        chosen: dict[str, Any] = {"profile": profile, "vault": vault, "backend": backend, "side": side}
        if all(choice is None for choice in (profile, vault, backend)):
            chosen = {}
        key = {"key_file": key_file} if key_file else {}
        settings = load_settings(Flags(**{**self._flags, **chosen, **key}), self.environ)
        self._say_whence(settings)
        return settings

    def _say_whence(self, settings: Settings) -> None:
        places = (
            ("backend", "path", "namespace") if settings.backend.value == FILE_BACKEND else ("backend", "namespace")
        )
        for what in places:
            value, source = getattr(settings, what)
            self.out.detail(f"{what} {value} (from {source})")

    @property
    def kdf(self) -> "KdfLimits":
        """Bounds of key derivation: the usual ones, or those that a test made this run with."""
        from credvault.sealing.slots import KDF_LIMITS

        return self._kdf or KDF_LIMITS

    @property
    def is_offline(self) -> bool:
        """Whether an offline copy is to answer."""
        return bool(self._flags.get("offline"))

    @property
    def explicit_namespace(self) -> str | None:
        """The namespace that `-n` names, if it is given."""
        namespace: str | None = self._flags.get("namespace")
        return namespace

    @property
    def chooses_vault(self) -> bool:
        """Whether an option says which vault: `--profile`, `--vault` or `--backend`."""
        return any(self._flags.get(flag) is not None for flag in ("profile", "vault", "backend"))

    def name(self, text: str) -> Name:
        """Return the name that `text` spells here; raises InvalidName, Invalid."""
        return parse_name(text, namespace=self._flags.get("namespace"), default=self.settings.namespace.value)

    def reference(self, text: str) -> "Reference | SecretURI":
        """Return what a URI refers to, one of several values included; raises what `parse_reference` raises."""
        from credvault.model.reference import parse_reference

        return parse_reference(
            text, namespace=self.explicit_namespace, default=self.settings.namespace.value, is_one=False
        )

    def globs(self, globs: Sequence[str]) -> Sequence[str]:
        """Return the patterns of names that `-n` leaves: all below it by default; raises Invalid for another's."""
        namespace = self.explicit_namespace
        if namespace is None:
            return globs
        other = next((glob for glob in globs if "/" in glob and glob.partition("/")[0] != namespace), None)
        if other is not None:
            raise Invalid(f"{other} is not in namespace {namespace}, which -n names", hint="leave out one of the two")
        return globs or (f"{namespace}/",)

    def open_vault(self, settings: Settings | None = None) -> "Vault":
        """Return the vault of this run, or of other settings; it is unlocked when it is first used."""
        from credvault.vault import open_vault

        settings = settings or self.settings
        # Elsewhere nothing is to be unlocked, and what asks is not loaded.
        is_file = settings.backend.value == FILE_BACKEND or settings.store is not None
        return open_vault(
            settings,
            unlock=self.asking_for(settings.path.value, settings.flags.key_file) if is_file else None,
            kdf=self._kdf,
            warn=self.out.warn,
            detail=self.out.detail,
            clock=self.clock,
            offers_copy=self.reads_copies,
        )

    def open_uris(self) -> "URIs":
        """Return what secret URIs lead to, without the vault of this run."""
        from credvault.uris import open_uris

        return open_uris(self.settings, self.out.warn, self.out.detail, self.clock)

    def fetch(self, reference: "Reference | SecretURI") -> "Secret":
        """Return a secret, or of a secret URI the field that it names, and warn where it has expired."""
        from credvault.model.record import expiry_warnings
        from credvault.model.reference import Reference

        if isinstance(reference, Reference):
            with self.open_vault() as vault:
                secret = vault.get(reference.name, reference.version)
        else:
            with self.open_uris() as uris:
                secret = uris.get(reference)
        for text in expiry_warnings([secret.record], self.clock()):
            self.out.warn(text)
        return secret

    def vault_file(self, *, warn: bool = True) -> "VaultFile":
        """Return the vault file of this run, for what is done to the file itself; raises Invalid for other backends."""
        from credvault.backends.file import open_vault_file

        self.check_is_vault_file()
        tell = self.out.warn if warn else lambda text: None
        return open_vault_file(self.settings, self.ask_key, kdf=self.kdf, warn=tell, detail=self.out.detail)

    def check_is_vault_file(self) -> None:
        """Raise Invalid where the vault of this run is not a vault file."""
        backend = self.settings.backend.value
        if backend != FILE_BACKEND:
            raise Invalid(f"the backend '{printable(backend)}' is not a vault file", hint="give --vault FILE")

    def vault_file_at(self, path: str, material: "KeyMaterial") -> "VaultFile":
        """Return the vault file at a path, with a key at hand; limits are those of the settings."""
        from credvault.sealing.vaultfile import VaultFile
        from credvault.state import PinStore

        pins = PinStore(self.settings.state_folder)
        limits = self.vault_file().limits
        return VaultFile(path, lambda slots: material, pins=pins, limits=limits, warn=self.out.warn)

    @property
    def ask_key(self) -> "Ask | None":
        """Ask for the passphrase, or None where nobody can be asked, or need be: a key is set."""
        return self.asking_for(self.settings.path.value)

    def asking_for(self, path: str, key_file: str | None = None) -> "Ask | None":
        """Ask for the passphrase of the vault file at a path, or None where nobody can be asked, or need be."""
        from credvault.model.unlocking import names_a_key

        if names_a_key(key_file or self.settings.flags.key_file, self.settings.environ):
            return None
        return (lambda: self._ask_passphrase(path)) if self.can_ask else None

    @property
    def can_ask(self) -> bool:
        """Whether there is a person to ask."""
        from credvault.cli.prompt import can_ask

        return can_ask(self.environ)

    def ask_hidden_twice(self, question: str, *, hint: str) -> str:
        """Return what a person types twice; raises Invalid with `hint` where nobody can be asked."""
        if not self.can_ask:
            raise Invalid(f"no {question.lower()} is given, and there is no terminal to ask on", hint=hint)
        from credvault.cli.prompt import ask_hidden_twice

        return ask_hidden_twice(question)

    def ask_hidden(self, question: str) -> str:
        """Return what a person types without echo; ask `can_ask` first."""
        from credvault.cli.prompt import ask_hidden

        return ask_hidden(question)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Return if a person says yes, or said so with -y; raises Invalid."""
        if yes:
            return
        if not self.can_ask:
            raise Invalid("this needs a yes, and there is no terminal to ask on", hint="give -y")
        from credvault.cli.prompt import ask_yes

        if not ask_yes(question):
            raise Invalid("not done")

    def remember_passphrase(self, material: "KeyMaterial") -> None:
        """Keep what was typed a moment ago to make the vault, so that it is not asked for again."""
        self._passphrase = material

    def _ask_passphrase(self, path: str) -> "KeyMaterial":
        if self._passphrase is not None and path == self.settings.path.value:
            return self._passphrase
        from credvault.cli.prompt import ask_hidden
        from credvault.sealing.sources import passphrase_material

        passphrase = ask_hidden(f"Passphrase for {path}")
        if not passphrase:
            raise Locked("nothing was typed")
        return passphrase_material(passphrase, "the prompt")
