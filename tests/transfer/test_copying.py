"""Copying between stores, in this process: everything arrives, nothing is lost, and what stops is said and goes on."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from credvault.backends.base import Backend, Capability, Change
from credvault.backends.file import FileBackend
from credvault.backends.memory import MemoryBackend
from credvault.history import fetch_whole
from credvault.model.errors import AlreadyExists, BackendUnavailable, Damaged, NotFound, Unsupported
from credvault.model.names import Name, parse_name
from credvault.model.record import Record, Secret
from credvault.model.value import SecretValue
from credvault.sealing.entries import HistoryLimits
from credvault.transfer import copying
from credvault.transfer.copying import Copy, Outcome
from credvault.transfer.plan import FAIL, OVERWRITE, SKIP, counts
from tests.home import Home
from tests.transfer.mixed import mixed_changes, names_of, pictures_of, vault_of

COUNT = 60
TIME = "2026-11-22T01:02:03Z"


def mixed(count: int = COUNT) -> MemoryBackend:
    store = MemoryBackend()
    store.put_many(list(mixed_changes(count)))
    return store


def copy_all(
    here: Backend, there: Backend, folder: Path, policy: str = FAIL, *, versions: bool = True, globs: Sequence[str] = ()
) -> tuple[dict[str, int], Outcome]:
    copy = Copy(
        vault_of(here, str(folder / "state")), vault_of(there, str(folder / "state")), policy=policy, versions=versions
    )
    rows = copy.plan(copy.names(globs, "default"), lambda step: None)
    return counts(rows), copy.carry_out(rows, lambda step: None)


def put(store: Backend, name: str, value: str, **facts: Any) -> None:
    stamps = {"updated_at": TIME, "value_changed_at": TIME, "updated_by": "ann"}
    store.put(Change(parse_name(name), SecretValue(value.encode()), {**stamps, **facts}))


class Plain(MemoryBackend):
    """A store of values alone: no versions, no facts, no list."""

    name = "plain"
    capabilities = Capability.READ | Capability.WRITE

    def get(self, name: Name, version: int | None = None) -> Secret:
        assert version is None
        return super().get(name)

    def list(self) -> Sequence[Record]:
        return Backend.list(self)

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        assert not {member for change in changes for member in change.facts} & {"type", "note", "tags", "created_at"}
        assert all(change.value is not None for change in changes)
        return super().put_many(changes)


class Stopping(MemoryBackend):
    """A store that goes away in the midst of a batch, after so many changes."""

    left = 0

    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        done = []
        for change in changes:
            if self.left == 0:
                raise BackendUnavailable("the store went away", hint="start it")
            self.left -= 1
            done.append(self.put(change))
        return done


def test_everything_arrives_as_it_was_between_any_two_of_memory_and_file(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").furnish()
    here, file, back = mixed(), FileBackend(home.file()), MemoryBackend()

    first, second = copy_all(here, file, tmp_path), copy_all(file, back, tmp_path)

    written = sum(change.value is not None for change in mixed_changes(COUNT))
    assert first == second == ({"add": COUNT}, Outcome(COUNT, written))
    assert pictures_of(here) == pictures_of(file) == pictures_of(back)
    assert copy_all(back, here, tmp_path) == ({"unchanged": COUNT}, Outcome())


def test_vault_file_gets_one_generation_for_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_FIRST", 40)
    home = Home(tmp_path / "home").furnish()

    copy_all(mixed(), FileBackend(home.file()), tmp_path)

    after = home.snapshot()
    assert after is not None
    assert after.generation == 3


def test_batches_are_smaller_where_values_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_FIRST", 4)
    monkeypatch.setattr(copying, "_BATCH_BYTES", 2_500)
    sizes: list[int] = []

    class Counting(MemoryBackend):
        def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
            sizes.append(len(names))
            return super().get_many(names)

    here = Counting()
    for number in range(12):
        put(here, f"a/{number}", "x" * 1_000)

    copy_all(here, MemoryBackend(), tmp_path)

    assert sizes == [4, 2, 4, 2] * 2  # for the plan, and to carry it out


def test_copy_that_stops_anywhere_goes_on_when_it_is_run_again(tmp_path: Path) -> None:
    here = mixed(12)
    total = len(list(mixed_changes(12)))

    for stop in range(total):
        there = Stopping()
        there.left = stop
        with pytest.raises(BackendUnavailable):
            copy_all(here, there, tmp_path)
        there.left = -1
        copy_all(here, there, tmp_path)

        values = {name: picture.values for name, picture in pictures_of(here).items()}
        assert {name: picture.values for name, picture in pictures_of(there).items()} == values, stop
        assert copy_all(here, there, tmp_path)[0] == {"unchanged": 12}


def test_error_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_FIRST", 4)
    there = Stopping()
    there.left = 10
    copy = Copy(vault_of(mixed(12)), vault_of(there), policy=FAIL)
    rows = copy.plan(copy.names((), "default"), lambda step: None)

    with pytest.raises(BackendUnavailable) as raised:
        copy.carry_out(rows, lambda step: None)
    error = copying.say_how_far(raised.value, copy.outcome, len(rows))

    assert 0 < copy.outcome.secrets < 12
    assert error.message == f"the store went away; {copy.outcome.secrets} of 12 are copied"
    assert error.hint == "start it; run it again: it goes on from there"


def test_somebody_else_between_plan_and_write_is_a_conflict_and_loses_nothing(tmp_path: Path) -> None:
    here, there = mixed(3), MemoryBackend()
    copy = Copy(vault_of(here), vault_of(there), policy=FAIL)
    names = copy.names((), "default")
    rows = copy.plan(names, lambda step: None)
    put(there, str(names[1]), "mine")

    with pytest.raises(AlreadyExists, match="is there already") as raised:
        copy.carry_out(rows, lambda step: None)
    error = copying.say_how_far(raised.value, copy.outcome, len(rows))

    assert error.hint == "somebody else wrote it meanwhile; run it again: it goes on from there"
    assert there.get(names[1]).value == SecretValue(b"mine")
    assert len(there.list()) == 1


def test_what_is_read_back_otherwise_is_damage(tmp_path: Path) -> None:
    class Lossy(MemoryBackend):
        change: Callable[[Change], Change]

        def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
            return super().put_many([type(self).change(change) for change in changes])

    class OtherValue(Lossy):
        change = staticmethod(lambda c: c._replace(value=SecretValue(b"other")))

    class OtherFacts(Lossy):
        change = staticmethod(lambda c: c._replace(facts={**c.facts, "note": "other"}))

    class OtherTimes(Lossy):
        change = staticmethod(lambda c: c._replace(facts={**c.facts, "updated_by": "the store"}))

    here = MemoryBackend()
    put(here, "a/b", "one", note="a note")

    with pytest.raises(Damaged, match=r"a/b was written, and read back it is not the same \(its value\)"):
        copy_all(here, OtherValue(), tmp_path)
    with pytest.raises(Damaged, match=r"not the same \(note\)"):
        copy_all(here, OtherFacts(), tmp_path)
    assert copy_all(here, OtherTimes(), tmp_path)[1] == Outcome(1, 1, 0, restamped=1)


def test_store_that_keeps_fewer_versions_keeps_the_newest_and_says_so(tmp_path: Path) -> None:
    here, there = mixed(8), MemoryBackend(HistoryLimits(versions=2))

    _, outcome = copy_all(here, there, tmp_path)

    pictures = pictures_of(here)
    assert {name: p.versions for name, p in pictures_of(there).items()} == {
        name: p.versions[-2:] for name, p in pictures.items()
    }
    assert outcome.shortened == sum(len(picture.versions) > 2 for picture in pictures.values()) > 0
    assert copy_all(here, there, tmp_path)[0] == {"unchanged": 8}


def test_store_of_values_alone_gets_and_gives_those(tmp_path: Path) -> None:
    here, plain, back = mixed(8), Plain(), MemoryBackend()
    names = [str(name) for name in names_of(mixed_changes(8))]

    copy_all(here, plain, tmp_path)
    again = copy_all(here, plain, tmp_path)[0]
    copy_all(plain, back, tmp_path, globs=names)

    newest = {name: picture.values[-1:] for name, picture in pictures_of(here).items()}
    assert again == {"unchanged": 8}
    assert {name: picture.values for name, picture in pictures_of(back).items()} == newest
    for globs in ([], ["a/*"], [names[0], "a/"]):
        with pytest.raises(Unsupported, match="cannot list"):
            copy_all(plain, back, tmp_path, globs=globs)
    with pytest.raises(NotFound, match="there is no secret a/none"):
        copy_all(plain, back, tmp_path, globs=["a/none"])


def test_store_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    class ReadOnly(MemoryBackend):
        name = "shelf"
        capabilities = Capability.READ | Capability.LIST

    with pytest.raises(Unsupported, match="the backend 'shelf' cannot be written"):
        copy_all(mixed(1), ReadOnly(), tmp_path)


@pytest.mark.parametrize(("policy", "value", "versions"), [(SKIP, "mine", 1), (OVERWRITE, "theirs", 2)])
def test_policy_decides_about_another_value(policy: str, value: str, versions: int, tmp_path: Path) -> None:
    here, there = MemoryBackend(), MemoryBackend()
    put(here, "a/b", "theirs", note="of theirs")
    put(there, "a/b", "mine", tags=["mine"])

    copy_all(here, there, tmp_path, policy)

    found = fetch_whole(vault_of(there), [parse_name("a/b")], purpose="copy")[parse_name("a/b")]
    assert found.versions[-1][1] == SecretValue(value.encode())
    assert len(found.versions) == versions
    assert (found.record.note, found.record.tags) == ((None, ("mine",)) if policy == SKIP else ("of theirs", ()))


def test_secret_of_an_unknown_delivery_is_never_copied_and_named_in_the_plan(tmp_path: Path) -> None:
    here, there = MemoryBackend(), MemoryBackend()
    put(here, "a/b", "one")
    put(here, "a/c", "two", delivery="brokered")
    copy = Copy(vault_of(here), vault_of(there), policy=FAIL)

    rows = copy.plan(copy.names((), "default"), lambda step: None)
    copy.carry_out(rows, lambda step: None)

    assert [(str(row.name), row.action, row.reason) for row in rows] == [
        ("a/b", "add", ""),
        ("a/c", "unreadable", "a/c has a delivery that this version does not know, so it is not given out"),
    ]
    assert [str(name) for name in there.names()] == ["a/b"]


def test_secret_that_is_damaged_is_named_and_hides_no_other(tmp_path: Path) -> None:
    class Spoilt(MemoryBackend):
        def get(self, name: Name, version: int | None = None) -> Secret:
            if name.key == "spoilt":
                raise Damaged("entry 77 is damaged", hint="'credvault salvage'")
            return super().get(name, version)

    here, there = Spoilt(), MemoryBackend()
    for name in ("a/one", "a/spoilt", "a/two"):
        put(here, name, "value")

    actions, outcome = copy_all(here, there, tmp_path)

    assert (actions, outcome.secrets) == ({"add": 2, "unreadable": 1}, 2)
    assert [str(name) for name in there.names()] == ["a/one", "a/two"]


class OddlyBegun(MemoryBackend):
    """A store in which another program wrote the first version of each secret, which is no value."""

    def get(self, name: Name, version: int | None = None) -> Secret:
        if version == 1:
            raise Unsupported(f"{name} is not a single value")
        return super().get(name, version)


def begun(*values: str) -> OddlyBegun:
    store = OddlyBegun()
    for value in values:
        put(store, "a/b", value)
    return store


def test_older_version_that_is_no_value_is_said_to_be_that_one(tmp_path: Path) -> None:
    here, there = begun("odd", "now"), MemoryBackend()
    copy = Copy(vault_of(here, str(tmp_path)), vault_of(there, str(tmp_path)), policy=FAIL)
    [row] = copy.plan(copy.names([], "default"), lambda step: None)

    alone, _ = copy_all(here, there, tmp_path, versions=False)

    assert (row.action, row.reason) == ("unreadable", "an older version cannot be read: a/b is not a single value")
    assert row.error is not None
    assert row.error.hint == "--no-versions copies the current version alone"
    assert alone == {"add": 1}
    assert there.get(parse_name("a/b")).value.reveal() == b"now"


@pytest.mark.parametrize(("values", "action"), [(["odd", "now"], "unchanged"), (["odd", "other"], "conflict")])
def test_older_version_there_that_is_no_value_is_not_in_the_way(
    values: Sequence[str], action: str, tmp_path: Path
) -> None:
    here, there = MemoryBackend(), begun(*values)
    put(here, "a/b", "now")

    copy = Copy(vault_of(here, str(tmp_path)), vault_of(there, str(tmp_path)), policy=FAIL)
    [row] = copy.plan(copy.names([], "default"), lambda step: None)

    assert row.action == action


def test_trail_says_copy_on_both_sides_and_no_name(tmp_path: Path) -> None:
    copy_all(mixed(2), MemoryBackend(), tmp_path)

    trail = (tmp_path / "state/trail.jsonl").read_text()
    assert '"command":"copy"' in trail
    assert "secret0" not in trail
