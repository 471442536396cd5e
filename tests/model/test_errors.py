"""The error table is total: every class has what spec.md 8 says, and every code comes back as its class."""

import pytest

from credvault.model import errors
from credvault.model.errors import CredvaultError, class_for_code, error_classes

# Class, wire code, exit status, HTTP status: the table of spec.md 8, row by row.
TABLE = """
CredvaultError      internal           1   500
Invalid             invalid            2   400
InvalidName         invalid            2   400
InvalidURI          invalid            2   400
InvalidValue        invalid            2   400
NotFound            not_found          3   404
VersionDeleted      version_deleted    3   404
VersionDestroyed    version_destroyed  3   404
Denied              denied             4   403
BindingDrift        binding_drift      4   403
Replayed            replayed           4   403
Locked              locked             5   401
WrongKey            wrong_key          5   401
Unauthenticated     unauthenticated    5   401
BackendUnavailable  unavailable        6   503
PolicyUnavailable   unavailable        6   503
NoVault             no_vault           6   503
LockTimeout         lock_timeout       6   503
StorageError        storage            6   503
AlreadyExists       exists             7   409
Conflict            conflict           7   409
Unsupported         unsupported        8   501
MissingExtra        unsupported        8   501
ConfigError         config             9   500
Damaged             damaged           10   500
RolledBack          rolled_back       10   500
Rejected            rejected          11   422
Due                 due               12   -
"""
ROWS = [tuple(line.split()) for line in TABLE.strip().splitlines()]
# Those whose code is also that of a class above them: a client raises the one above.
SHARED = {"InvalidName": "Invalid", "InvalidURI": "Invalid", "InvalidValue": "Invalid"}
SHARED |= {"PolicyUnavailable": "BackendUnavailable", "MissingExtra": "Unsupported"}


@pytest.mark.parametrize(("name", "code", "status", "http"), ROWS)
def test_class_has_its_code_and_statuses(name: str, code: str, status: str, http: str) -> None:
    cls = getattr(errors, name)

    assert (cls.code, cls.exit_status) == (code, int(status))
    assert cls.http_status == (None if http == "-" else int(http))


def test_table_names_every_class_there_is_and_no_other() -> None:
    defined = {
        name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, CredvaultError)
    }

    assert {row[0] for row in ROWS} == defined
    assert {cls.__name__ for cls in error_classes() if cls.__module__ == errors.__name__} == defined


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_code_comes_back_as_its_class(name: str) -> None:
    cls = getattr(errors, name)

    assert class_for_code(cls.code) is getattr(errors, SHARED.get(name, name))
    assert class_for_code(cls.code).exit_status == cls.exit_status


@pytest.mark.parametrize("code", ["", "no-such-code", "INVALID", "internal"])
def test_unknown_code_is_the_base_class(code: str) -> None:
    assert class_for_code(code) is CredvaultError


def test_error_holds_message_and_hint() -> None:
    error = errors.NotFound("there is no secret a", hint="look elsewhere")

    assert (str(error), error.message, error.hint) == ("there is no secret a", "there is no secret a", "look elsewhere")
    assert errors.NotFound("x").hint is None


def test_parents_come_before_children() -> None:
    order = [cls.__name__ for cls in error_classes()]

    assert order[0] == "CredvaultError"
    assert all(order.index(parent) < order.index(child) for child, parent in SHARED.items())


def test_exit_statuses_of_no_error_are_not_taken_by_one() -> None:
    others = {0, errors.EXIT_INTERRUPTED, errors.EXIT_CLOSED_PIPE, errors.EXIT_EXEC_FAILED, errors.EXIT_NOT_RUNNABLE}

    assert (errors.EXIT_INTERRUPTED, errors.EXIT_CLOSED_PIPE, errors.EXIT_NO_PROGRAM) == (130, 141, 127)
    assert not others & {cls.exit_status for cls in error_classes()}
