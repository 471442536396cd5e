"""The contract finds out a store that breaks it: each one here is the memory backend with a single fault."""

import base64
import inspect
import time
from collections.abc import Collection, Sequence
from unittest import SkipTest

import pytest

from credvault.backends.base import ABSENT, ANY, Aspect, Backend, Capability, Change, Health
from credvault.backends.memory import MemoryBackend
from credvault.model.errors import AlreadyExists, BackendUnavailable, CredvaultError, NotFound
from credvault.model.names import Name, parse_name
from credvault.model.record import Record, Secret, Version
from credvault.model.value import SecretValue
from credvault.testing import BackendContract


class Trims(MemoryBackend):
    def put(self, change: Change) -> Record:
        trimmed = None if change.value is None else SecretValue(change.value.reveal().rstrip(b"\n") or b"\n")
        return super().put(change._replace(value=trimmed))


class Decodes(MemoryBackend):
    def put(self, change: Change) -> Record:
        text = None if change.value is None else change.value.reveal().decode("utf-8", "replace").encode()
        return super().put(change._replace(value=None if text is None else SecretValue(text)))


class CutsLongValues(MemoryBackend):
    def put(self, change: Change) -> Record:
        cut = None if change.value is None else SecretValue(change.value.reveal()[:65_536])
        return super().put(change._replace(value=cut))


class FoldsCase(MemoryBackend):
    def put(self, change: Change) -> Record:
        folded = parse_name(str(change.name).lower())
        return super().put(change._replace(name=folded))._replace(namespace=change.name.namespace, key=change.name.key)

    def get(self, name: Name, version: int | None = None) -> Secret:
        return super().get(parse_name(str(name).lower()), version)


class ReturnsNothingForWhatIsAbsent(MemoryBackend):
    def get(self, name: Name, version: int | None = None) -> Secret:
        return super().get(name, version) if name in self._entries else None  # type: ignore[return-value]


class OverwritesWhatIsThere(MemoryBackend):
    def put(self, change: Change) -> Record:
        return super().put(change._replace(expect=ANY))


class ForgetsTheExpectedVersion(MemoryBackend):
    def put(self, change: Change) -> Record:
        return super().put(change if change.expect == ABSENT else change._replace(expect=ANY))


class LosesNotes(MemoryBackend):
    def put(self, change: Change) -> Record:
        return super().put(change._replace(facts={k: v for k, v in change.facts.items() if k != "note"}))


class ReplacesAllFacts(MemoryBackend):
    def put(self, change: Change) -> Record:
        old = self._entries.get(change.name)
        gone = {} if old is None else {m: None for m in old.facts if m in ("note", "service", "tags", "rotate_every")}
        return super().put(change._replace(facts={**gone, **change.facts}))


class ListsUnsorted(MemoryBackend):
    def list(self) -> Sequence[Record]:
        return list(reversed(super().list()))

    def names(self) -> Sequence[Name]:
        return [record.name for record in self.list()]


class GivesHistoryOldestFirst(MemoryBackend):
    def history(self, name: Name) -> Sequence[Version]:
        return list(reversed(super().history(name)))


class GivesTheNewestForAnyVersion(MemoryBackend):
    def get(self, name: Name, version: int | None = None) -> Secret:
        return super().get(name)


class DeletesWhatItCan(MemoryBackend):
    def delete(self, names: Sequence[Name]) -> None:
        for name in names:
            self._entry(name)
            del self._entries[name]


class DeletesInSilence(MemoryBackend):
    def delete(self, names: Sequence[Name]) -> None:
        super().delete([name for name in names if name in self._entries])


class CountsOnAfterDeletion(MemoryBackend):
    def delete(self, names: Sequence[Name]) -> None:
        gone = {name: self._entry(name) for name in names}
        super().delete(names)
        self.gone = gone

    def put(self, change: Change) -> Record:
        old = getattr(self, "gone", {}).pop(change.name, None)
        if old is not None:
            self._entries[change.name] = old
            change = change._replace(expect=ANY)
        return super().put(change)


class TellsTheValue(MemoryBackend):
    def put(self, change: Change) -> Record:
        try:
            return super().put(change)
        except AlreadyExists as exc:
            raise AlreadyExists(f"{exc.message}: {change.value.reveal()!r}" if change.value else "") from exc


class TellsTheRequest(MemoryBackend):
    def put(self, change: Change) -> Record:
        try:
            return super().put(change)
        except AlreadyExists as exc:
            request = b"x" + change.value.reveal() if change.value else b""
            raise AlreadyExists(f"{exc.message}: {base64.b64encode(request).decode()}") from None


class TellsTheValueInItsCause(MemoryBackend):
    def put(self, change: Change) -> Record:
        try:
            return super().put(change)
        except AlreadyExists as exc:
            raise exc from ValueError(change.value and change.value.reveal())


class ShowsItself(MemoryBackend):
    def __repr__(self) -> str:
        return f"{[entry.current.value.reveal() for entry in self._entries.values() if entry.current.value]}"


class TellsInItsExamination(MemoryBackend):
    def check(self) -> Health:
        return Health(True, str([e.current.value.reveal() for e in self._entries.values() if e.current.value]))


class ExaminesNothing(MemoryBackend):
    def examine(self):  # type: ignore[no-untyped-def]
        return iter(list[Aspect]())


class PrintsWhatItDoes(MemoryBackend):
    def put(self, change: Change) -> Record:
        print("stored", change.name)  # noqa: T201 - the fault
        return super().put(change)


class FailsToClose(MemoryBackend):
    def close(self) -> None:
        raise BackendUnavailable("it was closed before it was told")


class HasEverything(MemoryBackend):
    def has(self, name: Name) -> bool:
        return True


class HasWhatItLists(MemoryBackend):
    def has_many(self, names: Collection[Name]) -> Collection[Name]:
        return set(self._entries)


class FetchesInNothing(MemoryBackend):
    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        return {}


class GoesOnAfterARefusal(MemoryBackend):
    def put_many(self, changes: Sequence[Change]) -> Sequence[Record]:
        refused: list[CredvaultError] = []
        records = []
        for change in changes:
            try:
                records.append(self.put(change))
            except AlreadyExists as exc:
                refused.append(exc)
        if refused:
            raise refused[0]
        return records


class SaysItCannotDelete(MemoryBackend):
    capabilities = ~(Capability.SOFT_DELETE | Capability.DELETE)


class SaysItCannotKeepVersions(MemoryBackend):
    capabilities = ~(Capability.SOFT_DELETE | Capability.VERSIONS)


class SaysItCanDeleteSoftly(MemoryBackend):
    capabilities = ~Capability(0)


class DeletesSoftlyForGood(MemoryBackend):
    capabilities = ~Capability(0)

    def delete_softly(self, names: Sequence[Name]) -> None:
        self.delete(names)


class LooksBeforeItWrites(MemoryBackend):
    """Checks what is expected, and writes a moment later, whatever is there by then."""

    def put(self, change: Change) -> Record:
        there = self._entries.get(change.name)
        if (change.expect == ABSENT and there) or (
            change.expect > 0 and there and there.current.version != change.expect
        ):
            return super().put(change)
        time.sleep(0.01)
        return super().put(change._replace(expect=ANY))


class EditsWhatItReadBefore(MemoryBackend):
    """Reads all facts, and a moment later writes all of them."""

    def put(self, change: Change) -> Record:
        if change.value is None and change.name in self._entries:
            before = dict(self._entries[change.name].facts)
            time.sleep(0.01)
            change = change._replace(facts={**before, **change.facts})
            self._entries[change.name] = self._entries[change.name]._replace(facts=before)
        return super().put(change)


class Vanished(MemoryBackend):
    """A store out of reach that passes for an empty one where it is asked for several secrets."""

    def _entry(self, name: Name):  # type: ignore[no-untyped-def]
        raise BackendUnavailable("nobody answers")

    def put(self, change: Change) -> Record:
        raise BackendUnavailable("nobody answers")

    def list(self) -> Sequence[Record]:
        raise BackendUnavailable("nobody answers")

    def check(self) -> Health:
        raise BackendUnavailable("nobody answers")


class VanishedAndEmpty(Vanished):
    def get_many(self, names: Collection[Name]) -> dict[Name, Secret]:
        return {}


class VanishedAndAbsent(Vanished):
    def has(self, name: Name) -> bool:
        return False


class VanishedAndNotFound(Vanished):
    def _entry(self, name: Name):  # type: ignore[no-untyped-def]
        raise NotFound("there is no such secret")


class VanishedAndWell(Vanished):
    def check(self) -> Health:
        return Health(True, "all is well")


FAULTS: dict[type[MemoryBackend], str] = {
    Trims: "text_comes_back_byte_for_byte",
    Decodes: "bytes_that_are_no_text_come_back_or_are_refused",
    CutsLongValues: "the_longest_value_comes_back",
    FoldsCase: "awkward_names_are_kept_apart",
    ReturnsNothingForWhatIsAbsent: "what_is_not_there_is_not_found",
    OverwritesWhatIsThere: "a_change_that_expects_nothing_there_is_refused_where_something_is",
    ForgetsTheExpectedVersion: "a_change_that_expects_another_version_is_refused",
    LosesNotes: "facts_of_every_kind_come_back",
    ReplacesAllFacts: "a_new_value_leaves_the_facts",
    ListsUnsorted: "a_list_has_the_facts_of_each_secret",
    GivesHistoryOldestFirst: "a_history_is_newest_first_and_in_force",
    GivesTheNewestForAnyVersion: "versions_count_from_one_and_stay_readable",
    DeletesWhatItCan: "nothing_is_deleted_where_one_name_is_not_there",
    DeletesInSilence: "nothing_is_deleted_where_one_name_is_not_there",
    CountsOnAfterDeletion: "a_name_is_free_after_it_was_deleted",
    TellsTheValue: "a_change_that_expects_nothing_there_is_refused_where_something_is",
    TellsTheRequest: "a_change_that_expects_nothing_there_is_refused_where_something_is",
    TellsTheValueInItsCause: "a_change_that_expects_nothing_there_is_refused_where_something_is",
    ShowsItself: "nothing_that_is_handed_out_shows_a_value",
    TellsInItsExamination: "a_store_that_is_well_says_so",
    ExaminesNothing: "a_store_that_is_well_says_so",
    PrintsWhatItDoes: "nothing_is_printed",
    FailsToClose: "a_store_outlives_the_backend_that_is_closed",
    HasEverything: "batches_say_what_single_calls_say",
    HasWhatItLists: "batches_say_what_single_calls_say",
    FetchesInNothing: "what_is_in_the_store_is_read",
    GoesOnAfterARefusal: "several_changes_end_at_the_first_that_is_refused",
    SaysItCannotDelete: "what_a_store_cannot_do_is_unsupported_and_changes_nothing",
    SaysItCannotKeepVersions: "what_a_store_cannot_do_is_unsupported_and_changes_nothing",
    SaysItCanDeleteSoftly: "what_a_store_says_it_can_do_it_does",
    DeletesSoftlyForGood: "a_softly_deleted_secret_is_not_given_out",
    LooksBeforeItWrites: "one_of_many_adds_a_name no_rotation_gets_lost",
    EditsWhatItReadBefore: "edits_of_different_facts_are_all_kept",
}
OUT_OF_REACH = "a_store_out_of_reach_says_so_at_every_call"


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_a_store_with_a_fault_is_found_out(kind: type[MemoryBackend]) -> None:
    failures = failures_of(kind())

    assert set(FAULTS[kind].split()) <= failures.keys(), failures


@pytest.mark.parametrize(
    "kind", [VanishedAndEmpty, VanishedAndAbsent, VanishedAndNotFound, VanishedAndWell], ids=lambda kind: kind.__name__
)
def test_a_store_out_of_reach_that_passes_for_empty_is_found_out(kind: type[MemoryBackend]) -> None:
    assert failures_of(MemoryBackend(), unreachable=kind()).keys() == {OUT_OF_REACH}


def test_a_store_that_keeps_the_contract_passes() -> None:
    assert failures_of(MemoryBackend(), unreachable=Vanished()) == {}


def test_a_store_with_a_limit_that_it_does_not_keep_is_found_out() -> None:
    failures = failures_of(MemoryBackend(), max_value_bytes=1000)

    assert failures.keys() == {"a_value_over_the_limit_of_the_store_is_refused_and_nothing_is_written"}


def test_a_store_of_texts_that_takes_bytes_is_found_out() -> None:
    failures = failures_of(MemoryBackend(), holds_binary=False)

    assert failures.keys() == {"bytes_that_are_no_text_come_back_or_are_refused"}


def failures_of(first: MemoryBackend, unreachable: Backend | None = None, **declared: object) -> dict[str, str]:
    """Return the tests of the contract that a store fails, each test on a new one of its kind; and why."""

    class Contract(BackendContract):
        def __init__(self) -> None:
            self.store = type(first)()

        def open_backend(self) -> Backend:
            return self.store

        def open_unreachable(self) -> Backend | None:
            return unreachable

    failures = {}
    for name, test in inspect.getmembers(type("Declared", (Contract,), declared), inspect.isfunction):
        if name.startswith("test_"):
            try:
                test(type("Declared", (Contract,), declared)())
            except SkipTest:
                continue
            except Exception as error:  # noqa: BLE001 - a fault may show as anything
                failures[name.removeprefix("test_")] = f"{type(error).__name__}: {error}"
    return failures
