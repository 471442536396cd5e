"""Whatever happens to a vault file or to settings under a running agent is seen by the next request."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from credvault.lifecycle.custody import NewSlot, create_vault
from tests.agent.desk import Desk
from tests.home import PRINTED_KEY, Ran, material


@pytest.fixture
def held(desk: Desk) -> Desk:
    """A desk whose agent holds a vault with one secret, and has read it."""
    desk.put("a/one", b"first")
    desk.held(detached=False)
    assert got(desk) == (0, b"first", "")
    assert desk.home.run("list").status == 0
    return desk


def got(desk: Desk, *options: str, **environ: Any) -> Ran:
    """Get the secret by the fast lane, and by the whole command line, which must agree."""
    fast = desk.home.command("get", "a/one", **environ) if not options else None
    whole = desk.home.run("get", "a/one", *options, **environ)
    assert fast in (None, whole)
    return whole


def other_vault(desk: Desk, path: Path, value: bytes) -> None:
    """Make another vault, with another data key and the same raw key, that holds the same name."""
    create_vault(desk.home.file(path), NewSlot("raw", material()), 1_800_000_000)
    done = desk.home.run("add", "a/one", "--stdin", "--vault", str(path), stdin=value, **desk.key)
    assert done.status == 0, done


def test_write_of_another_process_is_seen(held: Desk) -> None:
    done = held.home.run("rotate", "a/one", "--stdin", stdin=b"second", **held.key)

    assert done.status == 0
    assert got(held) == (0, b"second", "")


def test_write_by_the_agent_is_seen_by_others(held: Desk) -> None:
    done = held.home.run("rotate", "a/one", "--stdin", stdin=b"second")

    assert (done.status, done.stderr) == (0, "credvault: stored a/one version 2 (6 bytes)\n")
    assert got(held) == (0, b"second", "")
    assert got(held, **held.key) == (0, b"second", "")


def test_rekey_locks_it(held: Desk) -> None:
    rekeyed = held.home.run("rekey", "-y", **held.key)

    after = got(held)
    with_key = got(held, **held.key)
    status = held.home.run("agent", "status", "--json")

    assert rekeyed.status == 0, rekeyed
    assert (after.status, after.stdout) == (5, b"")
    assert with_key.stdout == b"first"
    assert status.stdout.endswith(b'"vaults": []}\n')


def test_another_vault_in_its_place_locks_it(held: Desk, tmp_path: Path) -> None:
    other_vault(held, tmp_path / "other.json", b"of another vault")

    os.replace(tmp_path / "other.json", held.home.vault)

    assert (got(held).status, got(held).stdout) == (5, b"")
    assert got(held, **held.key).stdout == b"of another vault"


def test_older_copy_is_a_rollback_unless_it_is_accepted(held: Desk, tmp_path: Path) -> None:
    shutil.copy2(held.home.vault, tmp_path / "old.json")
    assert held.home.run("rotate", "a/one", "--stdin", stdin=b"second").status == 0
    assert got(held).stdout == b"second"

    os.replace(tmp_path / "old.json", held.home.vault)
    refused, with_key = got(held), got(held, **held.key)
    accepted = got(held, "--accept-rollback")
    after = got(held)

    assert (refused.status, refused.stdout) == (10, b"")
    assert refused == with_key
    assert (accepted.status, accepted.stdout) == (0, b"first")
    assert after == (0, b"first", "")


@pytest.mark.parametrize("place", ["head", "bucket", "end", "empty", "garbage"])
def test_damage_is_told_as_without_the_agent_and_gone_once_it_is_mended(held: Desk, place: str) -> None:
    whole = held.home.vault.read_bytes()
    cut = {"head": 40, "bucket": whole.index(b'"entries"') + 60, "end": len(whole) - 30}
    damaged = bytearray(whole)
    if place in cut:
        damaged[cut[place]] ^= 1
    held.home.vault.write_bytes({"empty": b"", "garbage": b"garbage"}.get(place, bytes(damaged)))

    refused, with_key = got(held), got(held, **held.key)
    written = held.home.run("rotate", "a/one", "--stdin", stdin=b"second")
    held.home.vault.write_bytes(whole)

    assert (refused.status, refused.stdout) == (10, b"")
    assert refused == with_key
    assert (written.status, written.stdout) == (10, b"")
    assert got(held) == (0, b"first", "")


def test_vault_that_is_gone_is_told_and_back_when_it_is(held: Desk, tmp_path: Path) -> None:
    os.rename(held.home.vault, tmp_path / "away")
    gone, with_key = got(held), got(held, **held.key)
    written = held.home.run("add", "a/two", "--stdin", stdin=b"second")

    os.rename(tmp_path / "away", held.home.vault)

    assert (gone.status, gone.stdout) == (6, b"")
    assert gone == with_key
    assert written.status == 6
    assert got(held) == (0, b"first", "")


def test_folder_or_fifo_in_its_place_is_told_at_once(held: Desk) -> None:
    held.home.vault.unlink()
    os.mkfifo(held.home.vault)
    fifo, fifo_with_key = got(held), got(held, **held.key)
    held.home.vault.unlink()
    held.home.vault.mkdir()

    folder, folder_with_key = got(held), got(held, **held.key)

    assert (fifo.status, folder.status) == (6, 6)
    assert (fifo, folder) == (fifo_with_key, folder_with_key)


def test_loose_mode_is_warned_of_at_each_request_and_no_more_once_it_is_mended(held: Desk) -> None:
    held.home.vault.chmod(0o644)
    warned = [got(held), got(held), got(held, **held.key)]
    held.home.vault.chmod(0o600)

    assert warned[0] == (
        0,
        b"first",
        f"credvault: warning: others may read the vault file {held.home.vault} (mode 0644); chmod 600 mends it\n",
    )
    assert warned[1:] == [warned[0]] * 2
    assert got(held) == (0, b"first", "")


def test_several_vaults_are_held_side_by_side(held: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other_vault(held, other, b"of another vault")
    before = got(held, CREDVAULT_VAULT=str(other))
    assert held.hold(other).status == 200

    pairs = [(got(held).stdout, got(held, CREDVAULT_VAULT=str(other)).stdout) for _ in range(3)]
    assert held.home.run("lock", CREDVAULT_VAULT=str(other)).status == 0

    assert before.status == 5
    assert pairs == [(b"first", b"of another vault")] * 3
    assert got(held).stdout == b"first"
    assert got(held, CREDVAULT_VAULT=str(other)).status == 5


def test_link_to_the_vault_is_followed_as_it_is_now(held: Desk, tmp_path: Path) -> None:
    other, link = tmp_path / "other.json", tmp_path / "link.json"
    other_vault(held, other, b"of another vault")
    assert held.hold(other).status == 200
    seen = []

    for target in (held.home.vault, other, held.home.vault, tmp_path / "nowhere"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        seen.append(got(held, CREDVAULT_VAULT=str(link))[:2])

    assert seen == [(0, b"first"), (0, b"of another vault"), (0, b"first"), (6, b"")]


def test_folder_of_the_vault_that_is_a_link_is_followed_as_it_is_now(held: Desk, tmp_path: Path) -> None:
    other, link = tmp_path / "there/vault.json", tmp_path / "folder"
    other.parent.mkdir()
    other_vault(held, other, b"of another vault")
    assert held.hold(other).status == 200
    seen = []

    for target in (held.home.vault.parent, other.parent):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        seen.append(got(held, CREDVAULT_VAULT=str(link / "vault.json")).stdout)

    assert seen == [b"first", b"of another vault"]


def test_agent_writes_through_a_link_and_the_link_stays(held: Desk, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(held.home.vault)

    done = held.home.run("rotate", "a/one", "--stdin", stdin=b"second", CREDVAULT_VAULT=str(link))

    assert done.status == 0
    assert link.is_symlink()
    assert got(held) == (0, b"second", "")


def test_key_that_is_set_is_used_and_the_agent_is_not_asked(held: Desk) -> None:
    wrong = got(held, CREDVAULT_KEY="cvk1_mistyped")
    agent = held.home.run("lock")
    right = got(held, CREDVAULT_KEY=PRINTED_KEY)

    assert (wrong.status, wrong.stdout) == (5, b"")
    assert agent.status == 0
    assert right == (0, b"first", "")
