"""pass, and the gpg that it runs: a key without passphrase, its agent warm, a store of one file a secret."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.peers.peer import KEY, SECRETS, Peer, environ, found, ready, said

USER = "bench"


@contextmanager
def peers(folder: Path) -> Iterator[list[Peer]]:
    """Have `gpg -d` and `pass show` ready; raises Missing."""
    gpg, password_store = found("gpg"), found("pass")
    store, keys = folder / "store", folder / "gpg"
    keys.mkdir(mode=0o700)
    (store / "bench").mkdir(parents=True)
    env = environ(folder, GNUPGHOME=str(keys), PASSWORD_STORE_DIR=str(store))
    try:
        said([gpg, "--batch", "--passphrase", "", "--quick-generate-key", USER, "default", "default", "never"], env)
        said([password_store, "init", USER], env)
        plain = [store / "bench" / name for name in SECRETS]
        for path in plain:
            path.write_text(SECRETS[path.name] + "\n", encoding="utf-8")
        # As `pass insert` does, for all in one run.
        said([gpg, "--batch", "--quiet", "--recipient", USER, "--multifile", "--encrypt", *map(str, plain)], env)
        for path in plain:
            path.unlink()
        version = said([gpg, "--version"], env).splitlines()[0]
        banner = said([password_store, "version"], env)
        version_of_pass = next((word for word in banner.split() if word[:1] == "v" and word[1:2].isdigit()), "")
        yield [
            ready(
                "pass show", [password_store, "show", f"bench/{KEY}"], env, f"{version_of_pass}, {version}".lstrip(", ")
            ),
            ready("gpg -d", [gpg, "--batch", "--quiet", "-d", str(store / "bench" / f"{KEY}.gpg")], env, version),
        ]
    finally:
        subprocess.run([found("gpgconf"), "--kill", "all"], env=env, stdin=subprocess.DEVNULL)
