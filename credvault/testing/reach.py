"""Reach: a store that is not there, or locked, is an error that says so, soon, and never an empty answer."""

import threading
from collections.abc import Callable
from unittest import SkipTest

from credvault.backends.base import Backend, Capability, Health
from credvault.model.errors import BackendUnavailable, CredvaultError, Locked, NoVault, Unauthenticated
from credvault.testing.store import StoreUnderTest, change, shows_a_value, value_of

UNREACHABLE = (BackendUnavailable, Locked, NoVault, Unauthenticated)
# More than any limit of spec.md 5.5 for one answer, with its retries.
SECONDS = 60.0


class ReachTests(StoreUnderTest):
    """No silent fallback: what cannot be reached cannot be read, written or passed for empty."""

    def test_a_store_out_of_reach_says_so_at_every_call(self) -> None:
        """Nothing is taken for absent because nobody answers."""
        backend = self.open_unreachable()
        if backend is None:
            raise SkipTest("the store is always within reach")
        name, other, _ = self.names()

        calls: list[tuple[Capability, Callable[[], object]]] = [
            (Capability.READ, lambda: backend.get(name)),
            (Capability.READ, lambda: backend.get_many([name, other])),
            (Capability.READ, lambda: backend.has(name)),
            (Capability.READ, lambda: backend.has_many([name, other])),
            (Capability.WRITE, lambda: backend.put(change(name, value_of("one")))),
            (Capability.WRITE, lambda: backend.put_many([change(name, value_of("one"))])),
            (Capability.LIST, backend.list),
            (Capability.LIST, backend.names),
            (Capability.DELETE, lambda: backend.delete([name])),
            (Capability.VERSIONS, lambda: backend.history(name)),
            (Capability.VERSIONS, lambda: backend.histories([name, other])),
            (Capability.VERSIONS, lambda: backend.get_versions([(name, 1)])),
            (Capability.SOFT_DELETE, lambda: backend.delete_softly([name])),
            (Capability.SOFT_DELETE, lambda: backend.undelete(name)),
        ]
        try:
            for capability, act in calls:
                if capability in backend.capabilities:
                    error = self.refusal(UNREACHABLE, lambda act=act: _in_time(act))  # type: ignore[misc]
                    assert error.message
            assert not _health(backend).is_ok
        finally:
            backend.close()


def _health(backend: Backend) -> Health:
    """Return what `check` says; it may raise what the other calls raise."""
    try:
        found = _in_time(backend.check)
    except UNREACHABLE as error:
        return Health(False, error.message)
    assert isinstance(found, Health)
    assert not shows_a_value(found.detail)
    return found


def _in_time(act: Callable[[], object]) -> object:
    """Return what `act` returns, or raise what it raises; fails where it takes longer than SECONDS."""
    answers: list[object] = []

    def run() -> None:
        try:
            answers.append(act())
        except CredvaultError as error:
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive(), f"no answer after {SECONDS:.0f} seconds"
    assert answers, "it raised what is no CredvaultError"
    if isinstance(answers[0], CredvaultError):
        raise answers[0]
    return answers[0]
