"""Where a token comes from: the first way that is set, in the order of docs/openbao.md.

A token file of the profile, a variable, AppRole, a token helper, the file that `vault login` and `bao login` keep.
Reads the environment, files and what a token helper prints; asks no server.
"""

import os
from collections.abc import Callable, Mapping

from credvault import files
from credvault.backends.hashicorp.address import FAMILIES, Address, Variables, parse_path
from credvault.config import Origin, Settings
from credvault.model.errors import ConfigError, Unauthenticated
from credvault.model.text import printable
from credvault.model.tuples import NamedTuple
from credvault.model.unlocking import unlocks_a_vault
from credvault.model.value import SecretValue

_MAX_FILE_BYTES = 64 * 1024
_TOKEN, _SECRET_ID = "token", "secret id"
_WAYS = (
    "set {family}_TOKEN, or {family}_ROLE_ID and {family}_SECRET_ID; name token_file, or role_id and secret_id_file, "
    "in a profile; or log in with '{program} login'"
)


class Token(NamedTuple):
    """A token that somebody else made: where it comes from in words, and how to read it, again if need be.

    With `creation_path` it is a wrapping token, made by a request to that path.
    """

    source: str
    read: Callable[[], SecretValue]
    creation_path: str | None = None


class AppRole(NamedTuple):
    """What a program logs in with: the role, and how to read its secret id, which is wrapped with `creation_path`."""

    source: str
    mount: str
    role_id: str
    read_secret_id: Callable[[], SecretValue]
    creation_path: str | None = None


def find_credentials(settings: Settings, address: Address) -> Token | AppRole:
    """Return the first way to a token that is set; raises Unauthenticated where there is none, or one is half set."""
    variables = Variables(settings, address.families)
    path = settings.path_option("token_file")
    if path is not None:
        what = f"the token file {printable(path)}"
        return Token(what, lambda: _read_file(path, what), _creation_path(variables, "token_wrapping_path"))
    token = _find(variables, "TOKEN")
    if token is not None:
        return Token(token.source, lambda: _secret(os.fsencode(token.value), token.source))
    return _find_approle(settings, variables) or _find_kept(settings, address, variables)


def _find_approle(settings: Settings, variables: Variables) -> AppRole | None:
    role = _find(variables, "ROLE_ID", "role_id")
    path = settings.path_option("secret_id_file")
    secret = None if path is not None else _find(variables, "SECRET_ID")
    if role is None and path is None and secret is None:
        return None
    if role is None:
        hint = f"set {variables.family}_ROLE_ID, or role_id in a profile"
        raise Unauthenticated("a secret id is set, and no role id", hint=hint)
    mount = parse_path(variables.find(None, "auth_mount") or Origin("approle", "the default"))
    creation_path = _creation_path(variables, "secret_id_wrapping_path")
    if path is not None:
        what = f"the secret id file {printable(path)}"
        return AppRole(what, mount, role.value, lambda: _read_file(path, what, _SECRET_ID), creation_path)
    if secret is not None:
        value = os.fsencode(secret.value)
        return AppRole(
            secret.source, mount, role.value, lambda: _secret(value, secret.source, _SECRET_ID), creation_path
        )
    raise Unauthenticated(
        f"{printable(role.source)} names a role, and its secret id is not set",
        hint=f"set {variables.family}_SECRET_ID, or secret_id_file in a profile",
    )


def _find_kept(settings: Settings, address: Address, variables: Variables) -> Token:
    """Return a token that a login keeps for its user: by a helper, which stands in for the file, or in the file."""
    words = settings.option("token_helper")
    words = [*map(str, words)] if words else _configured_helper(settings, address, variables)
    if words:
        what = f"the token helper {printable(words[0])}"
        environ = _helper_environment(settings.environ, address)
        return Token(what, lambda: _ask_helper(words, environ, what, _no_token(settings, address)))
    named = variables.find("TOKEN_PATH")
    path = _at_home(settings.environ, ".vault-token" if named is None else named.value)
    if named is None and not os.path.lexists(path):
        raise _no_token(settings, address)
    what = f"the token file {printable(path)}"
    return Token(what, lambda: _read_file(path, what))


def _configured_helper(settings: Settings, address: Address, variables: Variables) -> list[str]:
    """Return the program that the configuration of `bao` or `vault` names, or nothing; raises ConfigError.

    That is HCL or JSON. A file in its place that says nothing of a helper is somebody else's.
    """
    named = variables.find("CONFIG_PATH")
    usual = {"BAO": ".bao", "VAULT": ".vault"}
    for name in [named.value] if named else [usual[family] for family in address.families]:
        path = _at_home(settings.environ, name)
        if not os.path.isfile(path):
            continue
        text = (files.read_small_file(path, _MAX_FILE_BYTES) or b"").decode("utf-8", "replace")
        helper = _parse_helper(text)
        if helper is None:
            raise ConfigError(f"{printable(path)}: token_helper cannot be read", hint='write token_helper = "/PATH"')
        if helper and not os.path.isabs(helper):
            # As `bao` has it: another program of that name might be found.
            message = f"{printable(path)}: token_helper is not an absolute path"
            raise ConfigError(message, hint='write token_helper = "/PATH"')
        if helper:
            return [helper]
    return []


def _parse_helper(text: str) -> str | None:
    """Return the helper that a configuration names, empty for none, and None where it is not said in one text."""
    import re

    # Texts first: a path may hold what begins a comment of HCL.
    bare = re.sub(r'("[^"\n]*")|(?:#|//)[^\n]*|/\*.*?\*/', lambda found: found[1] or " ", text, flags=re.DOTALL)
    named = re.search(r'\btoken_helper\b"?[ \t]*(?:[=:]\s*"([^"\\\n]*)")?', bare)
    return "" if named is None else named[1]


def _helper_environment(environ: Mapping[str, str], address: Address) -> dict[str, str]:
    """Return what a token helper is to know: which server it is for, and nothing that opens one."""
    kept = {name: value for name, value in environ.items() if not unlocks_a_vault(name)}
    return {**kept, **{f"{family}_ADDR": str(address) for family in FAMILIES}}


def _ask_helper(words: list[str], environ: Mapping[str, str], what: str, none: Unauthenticated) -> SecretValue:
    from credvault.programs import ask_program

    try:
        printed = ask_program([*words, "get"], environ, what, Unauthenticated).strip()
    except Unauthenticated as exc:
        exc.hint = (
            "token_helper names it, in the profile or in ~/.bao or ~/.vault; with the word 'get' it prints the token"
        )
        raise
    if not printed:
        raise none
    return _secret(printed, what)


def _read_file(path: str, what: str, kind: str = _TOKEN) -> SecretValue:
    from credvault.ownership import check_private

    data = files.read_small_file(path, _MAX_FILE_BYTES)
    if data is None:
        hint = "make one with mode 0600, or name another way to a token"
        raise Unauthenticated(f"there is no {what.removeprefix('the ')}", hint=hint)
    check_private(path, what, Unauthenticated, lost="revoke it, and have a new one made")
    # An editor ends the line, one on Windows with a CR, which no token has.
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise Unauthenticated(f"{what} is empty", hint="put it in again, or name another way to a token")
    return _secret(data, what, kind)


def _secret(data: bytes, what: str, kind: str = _TOKEN) -> SecretValue:
    """Return a token or a secret id; raises Unauthenticated for what is neither, of which nothing is quoted.

    A token is printable ASCII without blanks; a secret id may be any line of text, as somebody may have chosen it.
    """
    try:
        text = data.decode("ascii" if kind == _TOKEN else "utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if not text.isprintable() or (kind == _TOKEN and " " in text):
        hint = "does it hold a second line, a blank or quotes?"
        raise Unauthenticated(f"{what} holds characters that no {kind} has", hint=hint)
    return SecretValue(data)


def _find(variables: Variables, variable: str, option: str | None = None) -> Origin | None:
    try:
        return variables.find(variable, option)
    except ConfigError as exc:  # empty, or of two servers: who asks is not known then
        raise Unauthenticated(exc.message, hint=exc.hint) from None


def _creation_path(variables: Variables, option: str) -> str | None:
    found = variables.find(None, option)
    return None if found is None else parse_path(found)


def _at_home(environ: Mapping[str, str], path: str) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(home, path.removeprefix("~/"))


def _no_token(settings: Settings, address: Address) -> Unauthenticated:
    hint = _WAYS.format(family=address.family, program="bao" if address.family == "BAO" else "vault")
    source = printable(address.source)
    for other in FAMILIES:
        name = f"{other}_TOKEN"
        if other in address.families or name not in settings.environ:
            continue
        # What a stranger's server would be handed otherwise (requirements.md C19).
        named = next((f"{other}_{word}" for word in ("ADDR", "URL") if f"{other}_{word}" in settings.environ), None)
        meant = f"which is for the server of {named}" if named else f"which is for a server that {other}_ADDR names"
        if settings.option("address") is not None:
            mend = f"set {named or other + '_ADDR'} to {address} if it is for that server"
        elif named:
            mend = f"unset {source} if the server of {named} is meant"
        else:
            mend = f"set {other}_ADDR in place of {source} if it is for that server"
        message = f"{source} names {address}, and {name}, {meant}, is not sent there"
        return Unauthenticated(message, hint=f"{mend}; else {hint}")
    return Unauthenticated(f"there is no token for {address}", hint=hint)
