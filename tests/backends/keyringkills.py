"""A writer of the backend `keyring` killed at every step: `python -m tests.backends.keyringkills ADDRESS FOLDER`.

A step is a file call or a call of the keyring. Prints what was wrong as JSON. A program of its own, because it forks
and must have one thread.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from credvault.cli.main import run
from credvault.config import Flags, load_settings
from credvault.oskeyring import OSKeyring
from credvault.vault import open_vault
from tests.faults import FaultyCalls, in_child, install, leftovers
from tests.secretservice import Keyring

OLD, NEW = "the old value", "the new value"
# What is done to `kill/it`, which is there with one version, and what may be there afterwards.
WRITERS: dict[str, tuple[list[str], tuple[str | None, ...]]] = {
    "rotate": (["rotate", "kill/it", "--from-env", "NEW"], (OLD, NEW)),
    "edit": (["edit", "kill/it", "--note", "a note"], (OLD,)),
    "rotate what the index does not know": (["rotate", "kill/it", "--from-env", "NEW"], (OLD, NEW)),
    "delete": (["delete", "kill/it", "-y"], (OLD, None)),
}
MOST_STEPS = 200


class Steps:
    """Counts the steps of a process, and kills it before the k-th."""

    def __init__(self, k: int) -> None:
        self.k, self.count = k, 0
        calls = FaultyCalls()
        for kind in ("open", "rename"):  # between them nothing gets in place, as test_faults.py shows
            setattr(calls, kind, self.counted(getattr(calls, kind)))
        install(calls)
        for name in ("get", "set", "delete"):
            setattr(OSKeyring, name, self.counted(getattr(OSKeyring, name)))

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that is a step."""

        def step(*values: Any) -> Any:
            self.count += 1
            if self.count == self.k:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*values)

        return step


def main(address: str, folder: Path) -> None:
    """Kill each writer at each step, and print what was wrong."""
    os.environ.update(DBUS_SESSION_BUS_ADDRESS=address, CREDVAULT_BACKEND="keyring", OLD=OLD, NEW=NEW)
    wrong: list[str] = []
    killed = 0
    for name in WRITERS:
        for k in range(1, MOST_STEPS):
            home = folder / f"{name[-6:]}{k}"
            status = one(home, name, k, wrong)
            if status == 0:
                break
            killed += 1
    sys.stdout.write(json.dumps({"killed": killed, "wrong": wrong}))


def one(home: Path, name: str, k: int, wrong: list[str]) -> int:
    """Kill a writer at its k-th step, look, and let another one write; return how the first one ended."""
    home.mkdir(mode=0o700)
    os.environ["HOME"] = str(home)
    words, allowed = WRITERS[name]
    service = Keyring(os.environ["DBUS_SESSION_BUS_ADDRESS"])
    service.empty()
    assert in_child(lambda: run(["-q", "add", "kill/it", "--from-env", "OLD"])) == 0

    if "index" in name:
        (home / ".local/share/credvault/keyring.json").unlink()
        service.remove_versions()

    def die() -> int:
        Steps(k)
        return run(["-q", *words])

    status = in_child(die)
    if status not in (0, -signal.SIGKILL):
        wrong.append(f"{name} {k}: status {status}")
    copy = service.items().get(("com.credvault.kill", "it"))
    if copy is not None and copy.decode() not in (OLD, NEW):
        wrong.append(f"{name} {k}: the copy is another")
    match in_child(lambda: look_and_write(allowed if status else allowed[-1:])):
        case 0:
            pass
        case 90:
            wrong.append(f"{name} {k}: neither the old nor the new is there")
        case failed:
            wrong.append(f"{name} {k}: the next writer failed with {failed}")
    index = json.loads((home / ".local/share/credvault/keyring.json").read_bytes())
    kept = {(f"com.credvault.{row['namespace']}", v["user"]) for row in index["secrets"] for v in row["versions"]}
    copies = {(f"com.credvault.{row['namespace']}", row["key"]): row["versions"][0]["user"] for row in index["secrets"]}
    items = service.items()
    if "index" in name and not any(row["key"] == "it" for row in index["secrets"]):
        kept.add(("com.credvault.kill", "it"))  # all there is of it, which no change is to take away
    if items.keys() != kept | copies.keys() or index["leftovers"] or index["stale"]:
        wrong.append(f"{name} {k}: something is left over")
    elif any(items[place] != items[place[0], user] for place, user in copies.items()):
        wrong.append(f"{name} {k}: a copy is out of step")
    wrong += [f"{name} {k}: {path} is left" for path in leftovers(home)]
    return status


def look_and_write(allowed: tuple[str | None, ...]) -> int:
    """Return 90 if what is there is none of those, else how another writer ends."""
    with closing(open_vault(load_settings(Flags(), os.environ))) as vault:
        found = vault.get("kill/it").value.reveal().decode() if vault.has("kill/it") else None
    return run(["-q", "add", "kill/after", "--from-env", "NEW"]) if found in allowed else 90


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
