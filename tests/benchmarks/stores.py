"""credvault on the stores of others: the OpenBao and the Secret Service that their own clients are measured with.

What `exec` asks of OpenBao is recorded, and curl asks for the same, all of it at once.
"""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.measure import Case
from tests.benchmarks.peers import openbao, secret_service
from tests.benchmarks.peers.all import Peers
from tests.benchmarks.peers.peer import KEY, SECRETS, Missing, Peer, found
from tests.recorder import Asked, recorder

KEYRING_PEER, KEYRING_WRITER = secret_service.READ, secret_service.WRITE
OPENBAO, OPENBAO_TLS, KEYRING = "OpenBao", "OpenBao, TLS", "keyring"
# The peer whose store credvault asks too.
PLACES = {openbao.PLAIN: OPENBAO, openbao.TLS: OPENBAO_TLS, KEYRING_PEER: KEYRING}
ROTATE = f"credvault rotate, {KEYRING}"
BACKENDS = {OPENBAO: "hashicorp", OPENBAO_TLS: "hashicorp", KEYRING: "keyring"}


def get_from(place: str) -> str:
    """Return how the case of `get` from a place is called."""
    return f"credvault get, {place}"


def exec_from(place: str) -> str:
    """Return how the case of `exec` with the 100 secrets of a place is called."""
    return f"credvault exec -- true, {place}, {len(SECRETS)} secrets"


def curl_of(place: str) -> str:
    """Return how the case of curl is called that asks what `exec` asks of a place."""
    return f"curl --parallel, {place}, the requests of that exec"


def cases(folder: Path, program: str, peers: Peers) -> list[Case]:
    """Store secrets beside those of the peers that are ready, and return what is measured of credvault there.

    curl becomes a peer itself, or is left out.
    """
    measured = []
    for peer in list(peers.ready):
        if peer.case.name not in PLACES:
            continue
        place = PLACES[peer.case.name]
        environ = {**peer.case.environ, "CREDVAULT_BACKEND": BACKENDS[place]}
        _fill(program, environ)
        measured.append(Case(get_from(place), lambda number: [program, "get", f"bench/{KEY}"], environ))
        if place == KEYRING:
            measured.append(_rotating(folder, program, environ))
            continue
        measured.append(Case(exec_from(place), lambda number: [program, "exec", "--", "true"], environ))
        try:
            peers.ready.append(_curl(folder, program, environ, place))
        except Missing as exc:
            peers.left_out[curl_of(place)] = str(exc)
    return measured


def _rotating(folder: Path, program: str, environ: dict[str, str]) -> Case:
    value = folder / "value"
    value.write_text(SECRETS[KEY], encoding="ascii")
    return Case(ROTATE, lambda number: [program, "rotate", f"bench/{KEY}", "--stdin"], environ, value)


def _fill(program: str, environ: Mapping[str, str]) -> None:
    """Store the secrets, each to become a variable, and see that they come back."""
    lines = "".join(f"{name}='{value}'\n" for name, value in SECRETS.items()).encode("ascii")
    _run([program, "import", "dotenv", "-", "--prefix", "bench/", "-y"], environ, lines)
    if _run([program, "get", f"bench/{KEY}"], environ) != SECRETS[KEY].encode("ascii"):
        raise RuntimeError("it does not print the secret that it was given")
    given = json.loads(_run([program, "exec", "--", "python3", "-c", _SHOW], environ))
    if any(given.get(name) != value for name, value in SECRETS.items()):
        raise RuntimeError("exec does not hand over the secrets that it was given")


_SAY_STATUS = 'write-out = "%{stderr}%{http_code}\\n"'
_SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def _curl(folder: Path, program: str, environ: Mapping[str, str], place: str) -> Peer:
    """Return curl with the requests that `exec` makes; raises Missing."""
    curl = found("curl")
    address, ca_file = environ["VAULT_ADDR"], environ.get("VAULT_CACERT")
    with recorder(address, ca_file) as (through, asked):
        _run([program, "exec", "--", "true"], {**environ, "VAULT_ADDR": through})
    config = folder / f"curl of {place}"
    config.touch(mode=0o600)
    words = [curl, "--disable", "--parallel", "--no-progress-meter", "--config", os.fspath(config)]
    common = [f'header = "X-Vault-Token: {environ["VAULT_TOKEN"]}"', 'header = "X-Vault-Request: true"']
    if ca_file:
        common.append(f'cacert = "{ca_file}"')
    config.write_text(_config(asked, address, [*common, _SAY_STATUS]), encoding="utf-8")
    statuses = _run(words, environ, errors=True).split()
    if Counter(map(int, statuses)) != Counter(one.status for one in asked):
        raise RuntimeError("curl is not answered as credvault is")
    config.write_text(_config(asked, address, common), encoding="utf-8")
    version = _run([curl, "--version"], environ).decode().split(" (")[0]
    return Peer(Case(curl_of(place), lambda number: words, dict(environ)), f"{version}, {len(asked)} requests")


def _config(asked: Sequence[Asked], address: str, common: Sequence[str]) -> str:
    """Return the settings by which curl asks the same; what is `common` has to be said of each request."""
    each = ["\n".join([f'url = "{address}{one.path}"', f'request = "{one.method}"', *common]) for one in asked]
    return "\nnext\n".join(each) + "\n"


def _run(words: Sequence[str], environ: Mapping[str, str], stdin: bytes = b"", *, errors: bool = False) -> bytes:
    """Return what a program writes to stdout, or to stderr; raises RuntimeError where it fails."""
    done = subprocess.run(words, input=stdin, env=environ, capture_output=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr.decode()}")
    return done.stderr if errors else done.stdout
