"""Every command that writes, on a vault that has something for each of them; the stage of the fault sweep.

`FOLLOWS` run after each fault: the next commands must work whatever the disk did.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from credvault.sealing.slots import KeyMaterial
from tests.home import Home, material

OLD_PASSPHRASE, NEW_PASSPHRASE = "an old passphrase", "a new passphrase"
# Fits no bucket line or header by chance, and is the whole of what is deleted, so that it can be searched for.
TRAIL_LIMIT = 1024 * 1024


class Writer(NamedTuple):
    """A command line that writes.

    `makes` is a file it makes besides the vault, `drops` what it takes away: `names`, `slot 3` or `key`. With
    `fresh` there is no vault yet; then the key is in `makes`, or on stdout where it makes nothing.
    """

    argv: Sequence[str]
    stdin: bytes = b""
    environ: Mapping[str, str] = {}
    makes: str = ""
    drops: str = ""
    fresh: bool = False
    reads: bool = False

    @property
    def announces(self) -> bool:
        """Whether it must tell the state folder of a new data key before it may write."""
        return self.drops == "key"


WRITERS = {
    "init --generate-key": Writer(["init", "--generate-key"], fresh=True),
    "init --key-file": Writer(["init", "--key-file", "new.key"], makes="new.key", fresh=True),
    "add": Writer(["add", "new/one", "--stdin"], b"a value"),
    "add --force": Writer(["add", "keep/one", "--force", "--stdin", "--note", "forced"], b"forced"),
    "rotate": Writer(["rotate", "keep/one", "--stdin"], b"rotated"),
    "rotate --undo": Writer(["rotate", "keep/two", "--undo"]),
    "edit": Writer(["edit", "keep/one", "--note", "edited"]),
    "delete": Writer(["delete", "drop/one", "drop/two", "-y"], drops="names"),
    "slot add --generate-key": Writer(["slot", "add", "--generate-key"]),
    "slot add --new-key-file": Writer(["slot", "add", "--new-key-file", "new.key"], makes="new.key"),
    "slot add --new-passphrase-file": Writer(
        ["slot", "add", "--new-passphrase-file", "passphrase", "--iterations", "1001"]
    ),
    "slot change": Writer(
        ["slot", "change", "2", "--new-passphrase-file", "passphrase", "--iterations", "1001"], drops="slot 2"
    ),
    "slot remove": Writer(["slot", "remove", "3", "-y"], drops="slot 3"),
    "slot remove --rekey": Writer(
        ["slot", "remove", "3", "--rekey", "-y", "--with-passphrase-file", "old-passphrase"], drops="key"
    ),
    "rekey": Writer(
        ["rekey", "--with-passphrase-file", "old-passphrase", "--with-key-file", "second.key"], drops="key"
    ),
    "salvage -o": Writer(["salvage", "-o", "rescued.json"], makes="rescued.json"),
    "get -o": Writer(["get", "keep/one", "-o", "value"], makes="value"),
    "get -o --force": Writer(["get", "keep/one", "-o", "there", "--force"], makes="there"),
    "export -o": Writer(["export", "--format", "shell", "-o", "value"], makes="value"),
    "copy": Writer(["copy", "--from-vault", "source.json", "-y", "--on-conflict", "overwrite"]),
    "get": Writer(["get", "keep/one"], reads=True),
    "list": Writer(["list"], reads=True),
}

FOLLOWS: Sequence[tuple[Sequence[str], bytes, bytes]] = (
    (("add", "after/one", "--stdin"), b"after", b""),
    (("get", "after/one"), b"", b"after"),
)


def furnished(home: Home, writer: Writer) -> Home:
    """Return the home with what the writer needs: secrets, slots, files, and for a reader a trail about to turn."""
    home.write("passphrase", f"{NEW_PASSPHRASE}\n")
    home.write("old-passphrase", f"{OLD_PASSPHRASE}\n")
    if writer.fresh:
        home.environ.pop("CREDVAULT_KEY_FILE")
        return home
    home.furnish()
    home.write("there", "was here before")
    steps: Sequence[tuple[Sequence[str], bytes]] = (
        (("add", "drop/one", "--stdin"), b"one that goes"),
        (("add", "drop/two", "--stdin"), b"two that goes"),
        (("add", "keep/two", "--stdin"), b"two, first"),
        (("rotate", "keep/two", "--stdin"), b"two, second"),
        (("slot", "add", "--new-passphrase-file", "old-passphrase"), b""),
        (("slot", "add", "--new-key-file", "second.key"), b""),
        (("add", "keep/one", "--stdin", "--env", "KEEP_ONE"), b"one"),
    )
    if writer.argv[0] == "copy":
        steps = (
            *steps,
            (("init", "--vault", "source.json"), b""),
            (("add", "--vault", "source.json", "new/one", "--stdin", "--note", "copied"), b"copied"),
            (("rotate", "--vault", "source.json", "new/one", "--stdin"), b"copied and rotated"),
            (("add", "--vault", "source.json", "keep/one", "--stdin"), b"other"),
        )
    for argv, stdin in steps:
        done = home.run(*argv, stdin=stdin)
        assert done.status == 0, done
    if writer.reads:
        line = '{"time":"2026-01-01T00:00:00Z","command":"get","entry":"%s","result":"ok"}\n' % ("0" * 32)
        trail = home.state / "trail.jsonl"
        trail.write_text(line * (TRAIL_LIMIT // len(line)))
        for path in (home.state / "pins").iterdir():
            path.unlink()  # so that the reader makes one
    return home


def key_of(home: Home, writer: Writer, stdout: bytes) -> KeyMaterial | None:
    """Return the key that opens the vault after the writer; None where there is none that anybody has."""
    if not writer.fresh:
        return material()
    made = home.root / writer.makes
    if writer.makes:
        return material(made.read_text().strip()) if made.exists() else None
    return material(stdout.decode().strip()) if stdout.endswith(b"\n") else None


def dropped(home: Home, writer: Writer) -> list[bytes]:
    """Return texts of the old vault file that must be nowhere once the writer has ended well."""
    if not writer.drops:
        return []
    file = home.file()
    with file.open() as vault:
        if writer.drops == "names":
            entries = [vault.key.entry_id("drop", key) for key in ("one", "two")]
            return [vault.bucket(0).tokens[entry] for entry in entries]
        if writer.drops == "key":
            return [str(slot["wrap"]).encode() for slot in vault.head.slots]
        return [str(slot["wrap"]).encode() for slot in vault.head.slots if slot["id"] == writer.drops[-1]]


def holders(folder: Path, texts: Sequence[bytes]) -> list[str]:
    """Return the files below a folder that hold any of the texts."""
    contents = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [str(path) for path, content in contents.items() if any(text in content for text in texts)]
