"""The layout `field` on a real OpenBao: the contract, and what other programs see and write."""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from credvault.backends.base import ABSENT, ANY, Backend, Capability
from credvault.backends.hashicorp import fieldwriting
from credvault.backends.hashicorp.fieldlayout import FieldLayout
from credvault.backends.hashicorp.opening import open_hashicorp
from credvault.model.errors import AlreadyExists, Conflict, Denied, InvalidValue, NotFound, Unsupported
from credvault.model.names import parse_name
from credvault.model.record import Record
from credvault.testing import BackendContract
from credvault.testing.names import AWKWARD
from credvault.testing.store import change
from tests.backends.hashicorp.profiles import make_settings, unreachable_engine
from tests.openbao import Bao
from tests.patience import SECONDS
from tests.recorder import recorder

# What intentframe-credentials asks for (its README, "Production AppRole setup").
POLICY = """
path "{mount}/data/intentframe/*" {{ capabilities = ["create", "update", "read", "delete"] }}
path "{mount}/metadata/intentframe/*" {{ capabilities = ["read", "list", "delete"] }}
"""


def ignore(text: str) -> None:
    """Whom nothing is told."""


class TestContract(BackendContract):
    """The suite that every backend passes."""

    holds_binary = False

    @pytest.fixture(autouse=True)
    def _store(self, bao: Bao, tmp_path: Path) -> None:
        environ = {**bao.environ, "VAULT_KV_MOUNT": bao.new_mount()}
        self.settings = make_settings(tmp_path, environ, {"layout": "field"})

    def open_backend(self) -> Backend:
        """Return the backend on a mount of this test's own."""
        return open_hashicorp(self.settings, ignore, ignore)

    def open_unreachable(self) -> Backend:
        """Return a backend whose server is not there."""
        kv, let_go = unreachable_engine(self.settings)
        return FieldLayout(kv, ignore, let_go)


class Store:
    """A mount of a test's own, as credvault sees it and as the server's own client does."""

    def __init__(self, bao: Bao, folder: Path) -> None:
        self.bao, self.mount = bao, bao.new_mount()
        self.warnings: list[str] = []
        self._opened: list[Backend] = []
        self._settings = make_settings(folder, {**bao.environ, "VAULT_KV_MOUNT": self.mount}, {"layout": "field"})
        self.backend = self.open()

    def open(self, **environ: str) -> Backend:
        settings = self._settings._replace(environ={**self._settings.environ, **environ})
        self._opened.append(open_hashicorp(settings, self.warnings.append, ignore))
        return self._opened[-1]

    def close(self) -> None:
        for backend in self._opened:
            backend.close()

    def put(self, name: str, value: str | None, expect: int = ANY, **facts: Any) -> Record:
        text = None if value is None else value.encode()
        return self.backend.put(change(parse_name(name), text, expect=expect, **facts))

    def read(self, name: str) -> str:
        return self.backend.get(parse_name(name)).value.reveal().decode()

    def write_data(self, namespace: str, **fields: Any) -> None:
        self.bao.must("POST", f"{self.mount}/data/intentframe/{namespace}", {"data": fields})

    def data(self, namespace: str) -> Any:
        return self.bao.must("GET", f"{self.mount}/data/intentframe/{namespace}")["data"]["data"]

    def custom(self, namespace: str) -> dict[str, str]:
        found = self.bao.must("GET", f"{self.mount}/metadata/intentframe/{namespace}")["data"]["custom_metadata"]
        return found or {}

    def restricted(self, bao: Bao) -> Backend:
        """Return the backend with a token that has the policy of intentframe-credentials and no other."""
        bao.must("PUT", f"sys/policies/acl/{self.mount}", {"policy": POLICY.format(mount=self.mount)})
        token = bao.must("POST", "auth/token/create", {"policies": [self.mount]})["auth"]["client_token"]
        return self.open(VAULT_TOKEN=token)


@pytest.fixture
def store(bao: Bao, tmp_path: Path) -> Any:
    made = Store(bao, tmp_path)
    yield made
    made.close()


def test_what_is_written_here_is_read_by_plain_bao_and_the_reverse(store: Store) -> None:
    path = f"{store.mount}/intentframe/email.you@gmail.com"
    store.put("email.you@gmail.com/password", "xxxx – ö\n'\"")
    store.put("email.you@gmail.com/username", "you")

    assert store.bao.cli("kv", "get", "-field=password", path) == "xxxx – ö\n'\""
    store.bao.cli("kv", "patch", "-method=rw", path, "username=changed", "token=new")

    assert store.read("email.you@gmail.com/password") == "xxxx – ö\n'\""
    assert (store.read("email.you@gmail.com/username"), store.read("email.you@gmail.com/token")) == ("changed", "new")
    assert [str(name) for name in store.backend.names()] == [
        "email.you@gmail.com/password",
        "email.you@gmail.com/token",
        "email.you@gmail.com/username",
    ]
    assert store.custom("email.you@gmail.com") == {}


def test_what_is_beside_a_field_stays_as_it_is(store: Store) -> None:
    beside = {
        "n": 5,
        "f": 1.25,
        "big": 12345678901234567890,
        "t": True,
        "none": None,
        "l": [1, "ü", {}],
    }
    odd = {"two words": "x", "../x": "y", "": "z", "a#note": "no fact", "o": {"b": "<&>\u2028", "a": 1}}
    store.write_data("team", **beside, **odd, value="v")
    before = json.dumps(store.data("team"))

    store.put("team/new", "1", ABSENT)
    store.put("team/new", "2", note="n")
    store.put("team/new", None, note=None)
    store.backend.put_many([change(parse_name("team/new"), b"3"), change(parse_name("team/other"), b"4")])
    store.backend.delete([parse_name("team/new"), parse_name("team/other")])

    assert json.dumps(store.data("team")) == before
    assert store.custom("team") == {}


@pytest.mark.parametrize(
    ("field", "kind"),
    [(5, "a number"), (True, "true or false"), (None, "null"), ([1], "a list"), ({}, "a map"), ("", "an empty text")],
)
def test_field_that_holds_no_text_is_listed_and_not_given_out(store: Store, field: Any, kind: str) -> None:
    store.write_data("team", odd=field, fine="x")

    with pytest.raises(Unsupported, match=f"team/odd holds {kind}") as refused:
        store.read("team/odd")
    assert f"'bao kv get -mount={store.mount} intentframe/team' shows what is there" in (refused.value.hint or "")
    assert store.backend.has(parse_name("team/odd"))
    assert len(store.backend.list()) == 2
    assert store.read("team/fine") == "x"
    assert store.put("team/odd", "text now").key == "odd"
    assert store.data("team") == {"odd": "text now", "fine": "x"}


def test_64_writers_of_one_namespace_at_once_lose_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fieldwriting, "SECONDS", 2 * SECONDS)
    names = [f"busy/key_{number}" for number in range(64)]

    def write(number: int) -> None:
        backend = store.open()
        backend.put(change(parse_name(names[number]), str(number).encode(), expect=ABSENT))
        # As `rotate` does: the siblings' writes are between the two, and no conflict.
        version = backend.get(parse_name(names[number])).record.version
        backend.put(change(parse_name(names[number]), f"{number} again".encode(), expect=version))

    run_at_once([lambda number=number: write(number) for number in range(64)])  # type: ignore[misc]

    assert store.data("busy") == {f"key_{number}": f"{number} again" for number in range(64)}


def test_facts_are_those_of_the_writer_whose_value_is_there(store: Store) -> None:
    """Many add the same name with facts of their own: nothing of who lost is left, such as where to inject it."""
    facts: list[dict[str, Any]] = [
        {},
        {"env_name": "ONE", "note": "one"},
        {"env_name": "TWO", "tags": ["two"]},
        {"consumers": ["three"], "note": "three"},
    ]

    def add(number: int, name: str) -> None:
        with suppress(AlreadyExists):
            store.open().put(change(parse_name(name), str(number).encode(), expect=ABSENT, **facts[number]))

    names = [f"ns_{turn % 5}/raced_{turn}" for turn in range(20)]
    for name in names:
        run_at_once([lambda number=number, name=name: add(number, name) for number in range(4)])  # type: ignore[misc]

    for name in names:
        record = store.backend.get(parse_name(name)).record.facts()
        own = {member: fact for member, fact in record.items() if member in ("env_name", "note", "tags", "consumers")}
        assert own == facts[int(store.read(name))], name


def test_value_whose_facts_are_still_to_come_becomes_no_variable(store: Store) -> None:
    store.write_data("team", OPENAI_API_KEY="sk-1")
    usual = store.backend.get(parse_name("team/OPENAI_API_KEY")).record
    custom = {"OPENAI_API_KEY#new": "facts follow", "OPENAI_API_KEY#env_name": "OF_AN_OLDER_ONE"}
    store.bao.must("POST", f"{store.mount}/metadata/intentframe/team", {"custom_metadata": custom})

    marked = store.backend.get(parse_name("team/OPENAI_API_KEY")).record
    edited = store.put("team/OPENAI_API_KEY", None, note="n", delivery="runtime_env", env_name="X")

    assert (usual.delivery, usual.env_name) == ("runtime_env", "OPENAI_API_KEY")
    assert (marked.delivery, marked.env_name, marked.extra) == ("executor_only", None, {})
    assert (edited.delivery, edited.env_name) == ("runtime_env", "X")
    assert "OPENAI_API_KEY#new" not in store.custom("team")


def test_another_change_of_the_same_secret_is_a_conflict_and_one_of_a_sibling_is_not(store: Store) -> None:
    version = store.put("team/a", "1").version
    store.write_data("team", a="1", b="from elsewhere")

    record = store.put("team/a", "2", version)
    store.write_data("team", a="from elsewhere", b="from elsewhere")
    with pytest.raises(Conflict):
        store.put("team/a", "3", record.version)
    with pytest.raises(Conflict):  # by another process, which did not see what was there
        store.open().put(change(parse_name("team/a"), b"3", expect=record.version))

    assert store.data("team") == {"a": "from elsewhere", "b": "from elsewhere"}


def test_last_field_takes_all_of_the_namespace_with_it(store: Store) -> None:
    names = [parse_name("team/a"), parse_name("team/b/c"), parse_name("other/a")]
    for name in names:
        store.put(str(name), "x", note="n")

    store.backend.delete(names[:1])
    left = store.data("team"), sorted(store.custom("team"))
    with pytest.raises(NotFound):
        store.backend.delete([names[1], parse_name("team/none")])
    store.backend.delete([names[1]])

    assert left[0] == {"b/c": "x"}
    assert not any(key.startswith("a#") for key in left[1])
    assert store.bao.ask("GET", f"{store.mount}/metadata/intentframe/team")[0] == 404
    assert store.bao.ask("GET", f"{store.mount}/data/intentframe/team?version=1")[0] == 404
    assert store.data("other") == {"a": "x"}
    assert list(store.backend.names()) == [names[2]]


def test_versions_are_unsupported_for_a_reason(store: Store) -> None:
    name = parse_name("team/a")
    store.put("team/a", "1")
    acts: Sequence[Callable[[], object]] = (
        lambda: store.backend.history(name),
        lambda: store.backend.get(name, 1),
        lambda: store.backend.get_versions([(name, 1)]),
    )

    for act in acts:
        with pytest.raises(Unsupported, match="one counter serves a whole namespace") as failure:
            act()
        assert 'layout = "secret"' in str(failure.value.hint)
    assert Capability.VERSIONS not in store.backend.capabilities


def test_list_asks_for_no_values(store: Store) -> None:
    store.put("team/a", "1", note="n")
    store.put("team/b", "2")
    store.put("other/c", "3")

    with recorder(store.bao.address) as (address, asked):
        records = store.open(VAULT_ADDR=address).list()

    assert [(str(record.name), record.note) for record in records] == [
        ("other/c", None),
        ("team/a", "n"),
        ("team/b", None),
    ]
    assert len(asked) == 3
    assert not any(f"{store.mount}/data/" in one.path for one in asked)


def test_many_secrets_of_a_namespace_are_one_request(store: Store) -> None:
    names = [parse_name(f"{namespace}/key_{number}") for namespace in ("a", "b") for number in range(50)]
    store.backend.put_many([change(name, b"x") for name in names])

    with recorder(store.bao.address) as (address, asked):
        found = store.open(VAULT_ADDR=address).get_many([*names, parse_name("c/none")])

    assert sorted(found) == sorted(names)
    assert len(asked) == 3
    assert store.bao.must("GET", f"{store.mount}/metadata/intentframe/a")["data"]["current_version"] == 1


def test_policy_of_intentframe_credentials_is_enough_for_what_it_does(store: Store, bao: Bao) -> None:
    backend = store.restricted(bao)
    name = parse_name("openai/OPENAI_API_KEY")

    backend.put(change(name, b"1", expect=ABSENT))
    rotated = backend.put(change(name, b"2", expect=backend.get(name).record.version))
    listed = backend.list()
    backend.delete([name])

    assert [record.name for record in listed] == [name]
    assert (rotated.delivery, rotated.env_name) == ("runtime_env", "OPENAI_API_KEY")
    assert not backend.has(name)
    assert bao.ask("GET", f"{store.mount}/metadata/intentframe/openai")[0] == 404
    assert store.warnings == []


def test_facts_that_a_policy_does_not_allow_are_refused_before_the_value(store: Store, bao: Bao) -> None:
    backend = store.restricted(bao)
    backend.put(change(parse_name("team/a"), b"1"))

    for name in ("team/a", "team/b", "new/c"):
        with pytest.raises(Denied, match=r"metadata/intentframe/") as failure:
            backend.put(change(parse_name(name), b"refused", note="n"))
        assert "capabilities" in str(failure.value.hint)

    assert store.data("team") == {"a": "1"}
    assert not store.backend.has(parse_name("new/c"))


def test_secrets_without_facts_take_no_room_and_others_run_out_of_it_before_anything_is_written(store: Store) -> None:
    store.backend.put_many([change(parse_name(f"team/plain_{number}"), b"x") for number in range(100)])
    assert store.custom("team") == {}
    names = [parse_name(f"team/with_{number}") for number in range(22)]
    changes = [change(name, b"x", delivery="runtime_env", env_name="X") for name in names]

    store.backend.put_many(changes[:21])
    with pytest.raises(InvalidValue, match="at most 64") as failure:
        store.backend.put_many(changes[21:])

    assert "without facts" in str(failure.value.hint)
    assert (len(store.custom("team")), len(store.data("team"))) == (63, 121)


@pytest.mark.parametrize(
    ("name", "facts"),
    [("team/" + "k" * 120, {"note": "n"}), ("team/a", {"note": "n" * 513}), ("team/a", {"metadata": {"k": "v" * 505}})],
)
def test_facts_that_the_server_cannot_hold_are_refused_before_anything_is_written(
    store: Store, name: str, facts: dict[str, Any]
) -> None:
    store.put("team/other", "x")

    with pytest.raises(InvalidValue):
        store.put(name, "x", **facts)

    assert store.data("team") == {"other": "x"}
    assert store.custom("team") == {}


def test_custom_metadata_of_others_stay(store: Store) -> None:
    store.write_data("team", a="1")
    theirs = {"owner": "ann", "a": "theirs", "ab#note": "of another key", "#note": "x"}
    store.bao.must("POST", f"{store.mount}/metadata/intentframe/team", {"custom_metadata": theirs})

    store.put("team/a", None, note="mine")
    noted = store.custom("team")
    store.put("team/a", None, note=None)

    assert {key: text for key, text in noted.items() if not key.startswith("a#")} == theirs
    assert noted["a#note"] == "mine"
    assert store.custom("team") == theirs


def test_fact_in_another_form_is_passed_over_and_told(store: Store) -> None:
    store.write_data("team", a="1")
    theirs = {"a#expires_at": "soon", "a#note": "fine"}
    store.bao.must("POST", f"{store.mount}/metadata/intentframe/team", {"custom_metadata": theirs})

    record = store.backend.get(parse_name("team/a")).record

    assert (record.note, record.expires_at) == ("fine", None)
    assert store.warnings == ["team/a: its custom metadata has an invalid expires_at, which is ignored"]


def test_new_secret_has_nothing_of_one_that_others_removed(store: Store) -> None:
    store.put("team/a", "1", note="of the first", delivery="runtime_env", env_name="X")
    store.write_data("team", b="only this")

    record = store.put("team/a", "2", ABSENT, service="s")

    assert (record.note, record.delivery, record.env_name, record.service) == (None, "executor_only", None, "s")
    assert store.backend.get(parse_name("team/a")).record == record


def test_facts_left_without_a_value_are_nobodys(store: Store) -> None:
    custom = {"a#note": "left by a writer that was killed"}
    store.bao.must("POST", f"{store.mount}/metadata/intentframe/team", {"custom_metadata": custom})

    assert store.backend.list() == []
    assert not store.backend.has(parse_name("team/a"))
    assert store.put("team/a", "1", ABSENT).note is None
    assert store.custom("team") == {}


def test_namespace_that_others_deleted_is_empty_and_can_be_written(store: Store) -> None:
    store.put("team/a", "1")
    store.bao.cli("kv", "delete", f"-mount={store.mount}", "intentframe/team")

    with pytest.raises(NotFound) as failure:
        store.read("team/a")
    assert store.backend.list() == []
    record = store.put("team/b", "2", ABSENT)

    assert "is deleted in its version 1" in str(failure.value.hint)
    assert (record.version, store.data("team")) == (2, {"b": "2"})


def test_namespace_that_others_deleted_comes_back_as_the_error_says(store: Store) -> None:
    store.put("team/a", "1")
    store.bao.cli("kv", "delete", f"-mount={store.mount}", "intentframe/team")

    with pytest.raises(NotFound) as failure:
        store.read("team/a")
    command = str(failure.value.hint).partition("'bao ")[2].partition("'")[0]
    store.bao.cli(*command.split())

    assert store.data("team") == {"a": "1"}


def test_folders_and_names_that_are_none_are_left_out_and_told(store: Store) -> None:
    store.write_data("team/below", a="1")
    store.write_data("_odd", a="1")
    store.write_data("team", **{"two words": "x", "fine": "y"})

    assert [str(name) for name in store.backend.names()] == ["team/fine"]
    assert store.warnings == [
        "left out, as their paths are no names: _odd, team/",
        "left out, as their paths are no names: team/two words",
    ]


def test_requests_stay_below_the_prefix_whatever_the_name(store: Store) -> None:
    names = [parse_name(text) for text in AWKWARD]

    with recorder(store.bao.address) as (address, asked):
        backend = store.open(VAULT_ADDR=address)
        backend.put_many([change(name, b"x", note="n") for name in names[:5]])
        backend.get_many(names)
        backend.has_many(names)
        backend.delete(names[:5])

    inside = tuple(f"/v1/{store.mount}/{kind}/intentframe/" for kind in ("data", "metadata", "subkeys"))
    outside = {one.path for one in asked if not one.path.startswith(inside)}
    assert len(asked) > 10
    assert outside == {f"/v1/sys/internal/ui/mounts/{store.mount}"}


def test_value_that_is_no_text_is_refused_and_the_old_one_stays(store: Store) -> None:
    store.put("team/a", "text")

    with pytest.raises(InvalidValue, match="is not text") as failure:
        store.backend.put(change(parse_name("team/a"), b"canary\xff"))

    assert "canary" not in f"{failure.value.message}{failure.value.hint}"
    assert store.read("team/a") == "text"


def test_what_does_not_fit_is_told_without_asking_the_server(store: Store) -> None:
    backend = store.open(VAULT_ADDR="http://127.0.0.1:1")
    name = parse_name("team/a")

    backend.check_fits(change(name, b"text", note="n"))
    backend.check_fits(change(name, None, note="n"))
    for bad in (
        change(name, b"canary\xff"),
        change(name, b"x", note="n" * 513),
        change(parse_name("team/" + "k" * 120), None, note="n"),
    ):
        with pytest.raises(InvalidValue) as failure:
            backend.check_fits(bad)
        assert "canary" not in f"{failure.value.message}{failure.value.hint}"


def test_facts_that_fit_alone_and_not_together_are_found(store: Store) -> None:
    store.put("team/there", "text", note="n", tags=["t"])
    changes = [
        change(parse_name(f"{namespace}/k{n}"), None, note="n") for namespace in ("team", "x") for n in range(21)
    ]
    plain = change(parse_name("team/plain"), None)
    blind = store.bao.new_policy(f'path "{store.mount}/data/*" {{ capabilities = ["read", "create", "update"] }}')

    found = store.backend.find_crowded([*changes, plain])
    unseen = store.open(VAULT_TOKEN=store.bao.new_token(blind)).find_crowded(changes)

    # Each of these takes 3 texts of 64, and some are there already.
    assert set(found) == {each.name for each in changes if each.name.namespace == "team"}
    assert "the facts of namespace team are" in found[changes[0].name].message
    assert (store.backend.find_crowded([]), unseen) == ({}, {})


def test_changes_of_one_namespace_are_made_all_or_none(store: Store) -> None:
    store.put("team/b", "old")
    names = [parse_name(f"team/{key}") for key in "abc"]

    with pytest.raises(AlreadyExists):
        store.backend.put_many([change(name, b"new", expect=ABSENT, note="n") for name in names])

    assert (store.data("team"), store.custom("team")) == ({"b": "old"}, {})


def run_at_once(acts: Sequence[Callable[[], None]]) -> None:
    """Run all these at the same time; raises what the first of them raises."""
    errors: list[BaseException] = []

    def run(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised below, where the test sees it
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * SECONDS)
        assert not thread.is_alive()
    if errors:
        raise errors[0]
