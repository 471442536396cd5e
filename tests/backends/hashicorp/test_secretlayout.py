"""The layout `secret` on a real OpenBao: the contract, and what other programs see and write."""

import base64
import json
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from credvault.backends.base import ABSENT, ANY, Backend, Change
from credvault.backends.hashicorp.opening import open_hashicorp
from credvault.backends.hashicorp.secretlayout import SecretLayout
from credvault.config import Flags, load_settings
from credvault.model.errors import (
    AlreadyExists,
    ConfigError,
    Conflict,
    Denied,
    InvalidValue,
    NotFound,
    Unsupported,
    VersionDeleted,
    VersionDestroyed,
)
from credvault.model.names import parse_name
from credvault.model.times import time_text
from credvault.model.value import SecretValue
from credvault.testing import BackendContract
from tests.backends.hashicorp.peers import answer, answering
from tests.backends.hashicorp.profiles import make_settings, unreachable_engine
from tests.openbao import Bao
from tests.raft import initialise, raft_server, unseal, wait_until_active

NAME = parse_name("app/token")
STAMPS = {"updated_at": "2027-01-15T08:00:00Z", "updated_by": "tester"}
NEW = {**STAMPS, "value_changed_at": STAMPS["updated_at"]}


def backend_on(bao: Bao, mount: str, **environ: str) -> Backend:
    """Return the backend as the environment alone names it."""
    variables = {"HOME": "/nonexistent", "CREDVAULT_BACKEND": "hashicorp", "VAULT_KV_MOUNT": mount}
    settings = load_settings(Flags(), {**variables, **bao.environ, **environ}, folder="/")
    return open_hashicorp(settings, lambda text: None, lambda text: None)


class TestContract(BackendContract):
    """The suite that every backend passes."""

    @pytest.fixture(autouse=True)
    def _store(self, bao: Bao, tmp_path: Path) -> None:
        self.bao, self.mount, self.folder = bao, bao.new_mount(), tmp_path

    def open_backend(self) -> Backend:
        """Return the backend on a mount of this test's own."""
        return backend_on(self.bao, self.mount)

    def open_unreachable(self) -> Backend:
        """Return a backend whose server is not there."""
        kv, let_go = unreachable_engine(make_settings(self.folder, self.bao.environ))
        return SecretLayout(kv, lambda text: None, let_go)


class Here:
    """A new mount: the backend on it, what it warned of, and the engine past the backend."""

    def __init__(self, bao: Bao, token: str | None = None, mount: str | None = None) -> None:
        self.bao = bao
        self.mount = mount or bao.new_mount()
        self.warnings: list[str] = []
        variables = {"CREDVAULT_BACKEND": "hashicorp", "VAULT_KV_MOUNT": self.mount, "HOME": "/nonexistent"}
        variables |= bao.environ if token is None else {**bao.environ, "VAULT_TOKEN": token}
        settings = load_settings(Flags(), variables, folder="/")
        self.backend = open_hashicorp(settings, self.warnings.append, lambda text: None)

    def put_elsewhere(self, path: str, data: Any, custom: dict[str, str] | None = None) -> None:
        """Write as another program does."""
        if custom is not None:
            self.bao.must("POST", f"{self.mount}/metadata/credvault/{path}", {"custom_metadata": custom})
        self.bao.must("POST", f"{self.mount}/data/credvault/{path}", {"data": data})

    def custom(self, path: str) -> dict[str, str]:
        """Return the custom metadata of a secret."""
        data = self.bao.must("GET", f"{self.mount}/metadata/credvault/{path}")["data"]
        return dict(data["custom_metadata"] or {})

    def put(self, value: bytes | None, expect: int = ANY, **facts: Any) -> int:
        """Put a value, and return the version."""
        secret = None if value is None else SecretValue(value)
        stamps = STAMPS if value is None else NEW
        return self.backend.put(Change(NAME, secret, {**facts, **stamps}, expect)).version


@pytest.fixture
def here(bao: Bao) -> Any:
    here = Here(bao)
    yield here
    here.backend.close()


def test_another_program_reads_what_was_put(here: Here) -> None:
    here.put("päss".encode(), tags=["a", "b"], note="two\nlines")

    shown = json.loads(here.bao.cli("kv", "get", "-format=json", f"-mount={here.mount}", "credvault/app/token"))
    assert here.bao.cli("kv", "get", f"-mount={here.mount}", "-field=value", "credvault/app/token") == "päss"
    assert shown["data"]["data"] == {"value": "päss"}
    custom = shown["data"]["metadata"]["custom_metadata"]
    assert (custom["tags"], custom["note"], custom["writers"]) == ('["a","b"]', '"two\\nlines"', '{"1":"tester"}')


def test_bytes_that_are_no_text_stand_in_base64(here: Here) -> None:
    here.put(b"\xff\x00\xfe")

    data = here.bao.must("GET", f"{here.mount}/data/credvault/app/token")["data"]["data"]
    assert data == {"value_base64": base64.b64encode(b"\xff\x00\xfe").decode()}


def test_what_another_program_put_has_default_facts_and_the_times_of_the_engine(here: Here) -> None:
    here.bao.cli("kv", "put", f"-mount={here.mount}", "credvault/app/token", "value=one")
    here.bao.cli("kv", "put", f"-mount={here.mount}", "credvault/app/token", "value=two")
    metadata = here.bao.must("GET", f"{here.mount}/metadata/credvault/app/token")["data"]

    secret, (listed,) = here.backend.get(NAME), here.backend.list()

    assert (secret.value.reveal(), secret.record.version, secret.record.type) == (b"two", 2, "secret")
    assert (secret.record.delivery, secret.record.updated_by) == ("executor_only", None)
    assert secret.record.value_changed_at == f"{metadata['versions']['2']['created_time'][:19]}Z"
    assert listed.created_at == f"{metadata['created_time'][:19]}Z"
    assert [version.updated_by for version in here.backend.history(NAME)] == ["unknown", "unknown"]


def test_a_value_that_another_program_put_over_ours_is_not_said_to_be_ours(here: Here) -> None:
    here.put(b"one", note="a note")
    here.bao.cli("kv", "put", f"-mount={here.mount}", "credvault/app/token", "value=two")
    here.put(b"three", expect=2)
    here.put(b"four", expect=3)
    assert [(v.version, v.updated_by) for v in here.backend.history(NAME)] == [
        (4, "tester"),
        (3, "tester"),
        (2, "unknown"),
        (1, "tester"),
    ]
    here.bao.cli("kv", "put", f"-mount={here.mount}", "credvault/app/token", "value=five")

    record = here.backend.get(NAME).record

    assert (record.note, record.updated_by) == ("a note", None)
    assert record.value_changed_at != STAMPS["updated_at"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"user": "u", "password": "canary-p"}, ("2 fields: password, user", "#password' gives one")),
        ({"password": "canary-p"}, ("1 field: password", "#password' gives one")),
        ({"value": "canary-p", "note": "n"}, ("2 fields: note, value", "#note' gives one")),
        ({}, ("no field", "bao kv get -mount=")),
        ({"a'; reboot; '": "canary-p"}, ("1 field: a'; reboot; '", "#FIELD' gives one")),
        ({"a b": "canary-p", "token": "canary-p"}, ("2 fields: a b, token", "#token' gives one")),
        ({"value": 7}, ("the field 'value' of app/token holds a number", "bao kv get -mount=")),
        ({"value": ["canary-p"]}, ("holds a list", "bao kv get")),
        ({"value": {"canary": "p"}}, ("holds a map", "bao kv get")),
        ({"value": None}, ("holds null", "bao kv get")),
        ({"value": ""}, ("holds an empty text", "bao kv get")),
        ({"value_base64": "canary?p"}, ("'value_base64' of app/token holds what is not base64", "bao kv get")),
    ],
)
def test_what_is_no_single_value_is_said_by_its_fields_and_stays(here: Here, data: Any, said: tuple[str, str]) -> None:
    here.put_elsewhere("app/token", data)

    for act in (lambda: here.backend.get(NAME), lambda: here.backend.get_many([NAME])):
        with pytest.raises(Unsupported) as caught:
            act()
        assert said[0] in caught.value.message
        assert said[1] in (caught.value.hint or "")
        assert "canary" not in f"{caught.value.message}{caught.value.hint}"

    assert here.bao.must("GET", f"{here.mount}/data/credvault/app/token")["data"]["data"] == data
    assert here.backend.has(NAME)


def test_where_no_uri_can_name_it_another_way_is_said(here: Here) -> None:
    here.put_elsewhere("email.a@example.org/login", {"user": "u", "password": "canary-p"})

    with pytest.raises(Unsupported) as caught:
        here.backend.get(parse_name("email.a@example.org/login"))

    assert caught.value.hint == (
        f"'bao kv get -mount={here.mount} credvault/email.a@example.org/login' shows what is there"
    )


def test_facts_that_a_person_wrote_are_taken_as_meant_and_the_rest_is_told_of(here: Here) -> None:
    custom = {"consumers": "billing, shop", "tags": "[1]", "expires_at": "soon", "owner": "ann", "note": "[x] y"}
    here.put_elsewhere("app/token", {"value": "v"}, custom)

    record = here.backend.get(NAME).record

    assert (record.consumers, record.tags, record.expires_at) == (("billing", "shop"), ("[1]",), None)
    assert (record.note, record.extra) == ("[x] y", {"owner": "ann"})
    assert here.warnings == ["app/token: its custom metadata has an invalid expires_at, which is ignored"]


def test_an_edit_keeps_the_custom_metadata_of_others(here: Here) -> None:
    here.put_elsewhere("app/token", {"value": "v"}, {"owner": "ann", "note": "old"})

    here.put(None, note=None, tags=["a"])

    assert here.custom("app/token").items() >= {"owner": "ann", "tags": '["a"]'}.items()
    assert "note" not in here.custom("app/token")


@pytest.mark.parametrize("facts", [{"note": "n" * 513}, {"tags": ["t" * 100] * 6}, {"note": "ü" * 257}])
def test_a_fact_that_is_too_long_is_refused_before_anything_is_written(here: Here, facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="at most 512 of each fact"):
        here.put(b"v", **facts)
    assert here.bao.ask("GET", f"{here.mount}/metadata/credvault/app/token")[0] == 404
    here.put(b"v")
    before = here.custom("app/token")

    with pytest.raises(InvalidValue, match="at most 512 of each fact"):
        here.put(b"w", **facts)

    assert here.custom("app/token") == before
    assert here.backend.get(NAME).value.reveal() == b"v"


def test_more_facts_than_the_engine_holds_are_refused_before_anything_is_written(here: Here) -> None:
    here.put_elsewhere("app/token", {"value": "v"}, {f"k{number}": "x" for number in range(62)})

    with pytest.raises(InvalidValue, match="at most 64"):
        here.put(None, note="n", service="s", rotate_every="7d")

    assert len(here.custom("app/token")) == 62


def test_a_folder_is_said_to_be_one(here: Here) -> None:
    here.put_elsewhere("app/token/b", {"value": "v"})

    with pytest.raises(NotFound) as caught:
        here.backend.get(NAME)
    with pytest.raises(NotFound) as of_namespace:
        here.backend.get(parse_name("app"))

    assert (caught.value.message, caught.value.hint) == (
        "app/token is a folder, not a secret",
        "below it are app/token/b",
    )
    assert of_namespace.value.message == "app is a folder, not a secret"


def test_a_deleted_and_a_destroyed_version_are_told_apart_from_one_that_never_was(here: Here) -> None:
    for value in (b"one", b"two", b"three"):
        here.put(value)
    here.bao.cli("kv", "delete", f"-mount={here.mount}", "-versions=1", "credvault/app/token")
    here.bao.cli("kv", "destroy", f"-mount={here.mount}", "-versions=2,3", "credvault/app/token")

    for version, kind in ((1, VersionDeleted), (2, VersionDestroyed), (3, VersionDestroyed), (None, VersionDestroyed)):
        with pytest.raises(kind):
            here.backend.get(NAME, version)
    with pytest.raises(NotFound, match="has no version 4") as caught:
        here.backend.get(NAME, 4)
    assert type(caught.value) is NotFound
    with pytest.raises(VersionDestroyed):
        here.backend.undelete(NAME, 2)
    assert here.backend.list() == []
    with pytest.raises(AlreadyExists, match="its version 3 destroyed") as exists:
        here.put(b"four", expect=ABSENT)
    # `rotate` is refused, so nothing may send there.
    assert exists.value.hint == "--force puts a new value over it"
    with pytest.raises(VersionDestroyed) as gone:
        here.backend.get(NAME)
    assert "'credvault add --force app/token' puts a new value over it" in (gone.value.hint or "")
    assert [version.state for version in here.backend.history(NAME)] == ["destroyed", "destroyed", "deleted"]


def test_token_that_may_read_values_alone_is_told_of_a_version_that_is_not_there(here: Here) -> None:
    here.put(b"one")
    rules = f'path "{here.mount}/data/*" {{ capabilities = ["read"] }}'
    reader = Here(here.bao, here.bao.new_token(here.bao.new_policy(rules)), here.mount)

    with pytest.raises(NotFound, match="app/token has no version 7"):
        reader.backend.get(NAME, 7)
    with pytest.raises(NotFound, match="there is no secret app/other"):
        reader.backend.get(parse_name("app/other"))
    reader.backend.close()


def test_an_engine_of_version_1_is_said_and_nothing_is_written_to_it(bao: Bao) -> None:
    mount = f"{bao.new_mount()}v1"
    bao.must("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "1"}})
    here = Here(bao, mount=mount)

    for act in (
        lambda: here.backend.get(NAME),
        lambda: here.put(b"v"),
        lambda: here.backend.list(),
        lambda: here.backend.delete([NAME]),
        lambda: here.backend.has(NAME),
        lambda: here.backend.get_many([NAME]),
    ):
        with pytest.raises(Unsupported) as caught:
            act()
        assert f"the engine at '{mount}/'" in caught.value.message
        assert "KV version 1" in caught.value.message
        assert f"bao kv enable-versioning {mount}/" in (caught.value.hint or "")
    here.backend.close()

    assert bao.ask("LIST", f"{mount}/")[0] == 404


@pytest.mark.parametrize("mount", ["nowhere", "sys", "cubbyhole"])
def test_a_mount_that_is_no_kv_engine_is_said_by_name(bao: Bao, mount: str) -> None:
    here = Here(bao, mount=mount)

    with pytest.raises((ConfigError, Denied, Unsupported)) as caught:
        here.backend.get(NAME)
    with pytest.raises((ConfigError, Denied, Unsupported)):
        here.put(b"v")
    here.backend.close()

    assert mount in caught.value.message


def test_names_that_are_none_here_are_left_out_and_told_of(here: Here) -> None:
    for path in ("app/token", "top", "app/_x", "app/a b", "sp ace/x"):
        here.bao.must("POST", f"{here.mount}/data/credvault/{path.replace(' ', '%20')}", {"data": {"value": "v"}})

    assert [str(name) for name in here.backend.names()] == ["app/token"]
    (warning,) = here.warnings
    assert warning.startswith("left out, as their paths are no names: ")


def test_a_version_that_the_engine_will_delete_is_in_force_until_then(here: Here) -> None:
    here.bao.must("POST", f"{here.mount}/metadata/credvault/app/token", {"delete_version_after": "1h"})

    here.put(b"v")

    assert here.backend.get(NAME).value.reveal() == b"v"
    assert here.backend.has(NAME)
    assert here.backend.history(NAME)[0].state == "active"


def test_a_policy_without_facts_keeps_a_new_value_and_warns(bao: Bao) -> None:
    mount = bao.new_mount()
    owner = Here(bao, mount=mount)
    owner.put(b"one")
    owner.backend.close()
    rules = f'path "{mount}/data/*" {{ capabilities = ["read", "create", "update"] }}\n'
    rules += f'path "{mount}/metadata/*" {{ capabilities = ["read", "list"] }}'
    here = Here(bao, bao.new_token(bao.new_policy(rules)), mount)

    version = here.put(b"two", expect=1)
    with pytest.raises(Denied) as caught:
        here.put(None, note="n")
    with pytest.raises(Denied):
        here.backend.put(Change(parse_name("app/new"), SecretValue(b"v"), NEW, ABSENT))

    assert version == 2
    assert here.backend.get(NAME).value.reveal() == b"two"
    assert "the value is stored, but its facts are not" in here.warnings[0]
    assert f'path "{mount}/metadata/credvault/app/token" {{ capabilities = ["patch"] }}' in (caught.value.hint or "")
    assert not here.backend.has(parse_name("app/new"))
    here.backend.close()


def test_of_two_who_add_at_once_the_facts_are_those_of_the_value(bao: Bao) -> None:
    """Twenty times four: a value with another one's facts might reach who must not have it."""
    mount = bao.new_mount()
    rivals = [Here(bao, mount=mount) for _ in range(4)]
    names = [parse_name(f"race/n{number}") for number in range(20)]
    start = threading.Barrier(len(rivals))

    def add_all(number: int, here: Here) -> None:
        for name in names:
            start.wait(60)
            facts = {**NEW, "consumers": [f"c{number}"]}
            try:
                here.backend.put(Change(name, SecretValue(f"c{number}".encode()), facts, ABSENT))
            except (AlreadyExists, Conflict):
                continue

    threads = [threading.Thread(target=add_all, args=pair) for pair in enumerate(rivals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = rivals[0].backend.get_many(names)
    for rival in rivals:
        rival.backend.close()
    assert len(found) == len(names)
    assert all(secret.record.consumers == (secret.value.reveal().decode(),) for secret in found.values())


def test_what_is_too_large_for_storage_by_raft_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    with raft_server(tmp_path) as sealed:
        keys = initialise(sealed)
        unseal(sealed, keys)
        server = sealed._replace(token=keys.token)
        wait_until_active(server)
        here = Here(server)
        here.put(b"small")

        for value in (b"x" * (1024 * 1024), b"\xff" * (900 * 1024)):
            with pytest.raises(InvalidValue) as caught:
                here.put(value)
            assert "is larger than" in caught.value.message
            assert "at most 1 MiB" in (caught.value.hint or "")
            assert here.backend.get(NAME).value.reveal() == b"small"
        here.put(b"x" * (1000 * 1024))
        here.backend.close()


def test_value_that_the_engine_gives_is_in_force_whatever_our_clock_says(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.bao.must("POST", f"{here.mount}/metadata/credvault/{NAME}", {"delete_version_after": "1h"})
    here.put(b"v")
    ahead = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: ahead)

    secret = here.backend.get(NAME)

    assert secret.value.reveal() == b"v"


def test_what_was_left_of_a_secret_and_goes_meanwhile_is_no_hindrance(here: Here) -> None:
    """Facts without a value are there when they are looked at, and gone when they are to be replaced."""
    here.bao.must("POST", f"{here.mount}/metadata/credvault/{NAME}", {"custom_metadata": {"note": "left"}})
    kv = here.backend._kv  # type: ignore[attr-defined]  # what it asks the engine by
    read_metadata = kv.read_metadata
    looks = []

    def look_and_lose(paths: Any) -> Any:
        found = read_metadata(paths)
        looks.append(found)
        here.bao.must("DELETE", f"{here.mount}/metadata/credvault/{NAME}")
        return found

    kv.read_metadata = look_and_lose

    version = here.put(b"v", expect=ABSENT)

    assert version == 1
    assert [[one is not None for one in found] for found in looks] == [[True], [False]]
    assert here.backend.get(NAME).value.reveal() == b"v"
    assert "note" not in here.custom(str(NAME))


@pytest.mark.parametrize(("ahead", "is_listed"), [(-1, True), (0, False), (1, False), (None, True)])
def test_clock_that_a_deletion_is_held_against_is_the_servers(ahead: int | None, is_listed: bool) -> None:
    """A soft deletion of a server whose clock is an hour before ours was taken for one to come."""
    deleted = int(time.time()) + 3600
    now = () if ahead is None else (f"Date: {formatdate(deleted + ahead, usegmt=True)}",)
    stage = {"created_time": "2026-01-01T00:00:00Z", "destroyed": False}
    stage |= {"deletion_time": f"{time_text(deleted)[:-1]}.123456789Z"}
    metadata = {"current_version": 1, "created_time": "2026-01-01T00:00:00Z", "versions": {"1": stage}}
    answers = [answer(200, {"data": data}, *now) for data in ({"keys": ["token"]}, metadata)]

    with answering(answers) as peer:
        variables = {"HOME": "/nonexistent", "CREDVAULT_BACKEND": "hashicorp", "VAULT_TOKEN": "s.token"}
        settings = load_settings(Flags(), {**variables, "VAULT_ADDR": f"http://127.0.0.1:{peer.port}"}, folder="/")
        backend = open_hashicorp(settings, lambda text: None, lambda text: None)
        listed = backend.list_within(["app"])
        backend.close()

    assert [record.name for record in listed] == ([NAME] if is_listed else [])
    assert len(peer.requests) == 2
