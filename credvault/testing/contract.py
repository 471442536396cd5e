"""The contract of a backend as a suite of tests: a store is right when it passes them.

Needs nothing but a runner that calls `test_…` methods on an object of their own each, as pytest does.
"""

from credvault.testing.abilities import AbilityTests
from credvault.testing.changes import ChangeTests
from credvault.testing.deletion import DeletionTests
from credvault.testing.names import NameTests
from credvault.testing.races import RaceTests
from credvault.testing.reach import ReachTests
from credvault.testing.values import ValueTests
from credvault.testing.versions import VersionTests


class BackendContract(
    ValueTests, NameTests, ChangeTests, VersionTests, DeletionTests, RaceTests, AbilityTests, ReachTests
):
    """The tests that every backend passes. A subclass says how to open its store:

        class TestShelf(BackendContract):
            @pytest.fixture(autouse=True)
            def _store(self, tmp_path):
                self.path = tmp_path / "shelf"

            def open_backend(self):
                return ShelfBackend(self.path)

    `StoreUnderTest` has what else it may say: the store's own limits, how to reach one that is not there, and how a
    store that cannot be written comes by its secrets. What a store cannot do by its `capabilities` is skipped here
    and must raise Unsupported there.
    """
