"""A vault file whose key is in the OS keyring, on a real Secret Service: what is there when, and what is not."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from credvault.sealing.keys import print_key
from tests.canary import files_with, is_in
from tests.conftest import PROGRAM, Cli, environment
from tests.secretservice import SecretService, secret_service

OTHER_KEY = print_key(bytes(range(32)))


@pytest.fixture
def desk(tmp_path: Path, empty_keyring: SecretService) -> Cli:
    """The program on a desk with an empty keyring, and no vault."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return Cli(home, tmp_path, {**environment(home), **empty_keyring.environ})


def head_of(desk: Cli) -> dict[str, object]:
    first = (desk.home / ".local/share/credvault/vault.json").read_text(encoding="ascii").splitlines()[0]
    found: dict[str, object] = json.loads(first.rstrip(",") + "}")["header"]
    return found


def keys_of(service: SecretService) -> dict[str, bytes]:
    return {user: key for (name, user), key in service.items().items() if name == "credvault"}


def test_key_is_under_the_service_and_user_of_the_format_and_nowhere_else(
    desk: Cli, keyring_service: SecretService
) -> None:
    done = desk("init", "--keyring", check=True)
    again = desk("slot", "add", "--keyring", check=True)

    keys = keys_of(keyring_service)
    assert sorted(keys) == [f"{head_of(desk)['vault_id']}:{slot}" for slot in ("1", "2")]
    assert all(key.startswith(b"cvk1_") and len(key) == 55 for key in keys.values())
    assert not is_in(done.stdout + done.stderr + again.stdout + again.stderr, list(keys.values()))
    assert files_with(desk.home, list(keys.values())) == []


def test_vault_opens_by_it_and_an_explicit_key_is_first(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    desk("add", "a/b", "--stdin", stdin=b"value", check=True)

    by_slot = desk("get", "a/b")
    by_wrong_key = desk("get", "a/b", env={"CREDVAULT_KEY": OTHER_KEY})
    by_empty_key = desk("get", "a/b", env={"CREDVAULT_KEY": ""})

    assert (by_slot.returncode, by_slot.stdout) == (0, b"value")
    assert (by_wrong_key.returncode, by_wrong_key.stdout) == (5, b"")
    assert (by_empty_key.returncode, by_empty_key.stdout) == (5, b"")


def test_the_library_is_not_loaded_while_a_key_is_set(desk: Cli) -> None:
    desk("init", "--keyring", check=True)
    key = desk("slot", "add", "--generate-key", check=True).stdout.decode().strip()
    code = (
        "import sys\n"
        "from credvault.__main__ import main\n"
        "status = main()\n"
        "print(*sys.modules, file=sys.stderr)\n"
        "sys.exit(status)\n"
    )
    desk("add", "a/b", "--stdin", stdin=b"value", check=True)

    for words, env, is_loaded in ((["get"], {"CREDVAULT_KEY": key}, False), (["get"], {}, True)):
        done = desk.run([sys.executable, "-c", code, *words, "a/b"], env=env)

        modules = done.stderr.decode().split()
        assert done.stdout == b"value"
        assert ("secretstorage" in modules, "credvault.oskeyring" in modules) == (is_loaded, is_loaded)
        assert "keyring" not in modules  # which takes longer than all the rest


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "Secret Service has no key for slot 1"),
        (b"", "does not hold a credvault key"),
        (b"canary-not-a-key", "does not hold a credvault key"),
        (OTHER_KEY.encode(), "does not open this vault"),
        (OTHER_KEY[:-1].encode() + b"!", "is mistyped"),
        (b"\xff\xfe", "holds something that is not text"),
    ],
)
def test_item_that_is_no_key_of_this_vault_is_said_so_and_the_next_way_is_tried(
    desk: Cli, keyring_service: SecretService, value: bytes | None, said: str
) -> None:
    desk("init", "--keyring", check=True)
    keyring_service.empty()
    if value is not None:
        keyring_service.put("credvault", f"{head_of(desk)['vault_id']}:1", value)
    vault = (desk.home / ".local/share/credvault/vault.json").read_bytes()

    done = [desk(*words) for words in (["list"], ["-vv", "list"], ["add", "a/b", "--from-env", "HOME"])]
    doctor = desk("doctor")

    for each in done:
        assert (each.returncode, each.stdout) == (5, b"")
        assert said in each.stderr.decode()
        assert not is_in(each.stderr, [OTHER_KEY.encode(), b"canary-not-a-key"])
    assert "advice  slots: slot 1 does not open here: " in doctor.stdout.decode()
    assert said in doctor.stdout.decode()
    assert (desk.home / ".local/share/credvault/vault.json").read_bytes() == vault


def test_second_slot_is_tried_where_the_first_has_no_key(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    desk("slot", "add", "--keyring", check=True)
    keyring_service.put("credvault", f"{head_of(desk)['vault_id']}:1", OTHER_KEY.encode())

    done = desk("-v", "list")

    assert done.returncode == 0
    assert b"unlocking with the OS keyring (Secret Service, slot 2)" in done.stderr


def test_locked_keyring_is_asked_about_once_for_all_slots(desk: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    with secret_service(tmp_path_factory.mktemp("own")) as service:
        desk.env.update(service.environ)
        desk("init", "--keyring", check=True)
        desk("slot", "add", "--keyring", check=True)
        service.lock()
        with service.dismissing_prompter() as put:
            done = desk("list", env={"CI": None})
            doctor = desk("doctor", env={"CI": None})
            service.bus.terminate()  # with which the prompter ends
            questions = put.read()

    assert (done.returncode, done.stdout) == (5, b"")
    assert b"its keyring slot does not open it: the OS keyring is locked" in done.stderr
    assert doctor.stdout.count(b"does not open here: the OS keyring is locked") == 2
    assert questions == "asked\n" * 2  # for each command


@pytest.mark.parametrize(
    "words", [["init", "--keyring"], ["--vault", "there", "init", "--keyring"]], ids=["no room", "taken"]
)
def test_no_key_is_left_of_a_vault_that_was_not_made(
    desk: Cli, keyring_service: SecretService, words: list[str]
) -> None:
    (desk.home / ".local").write_bytes(b"")  # in the place of a folder
    (desk.cwd / "there").write_bytes(b"")

    done = desk(*words)

    assert done.returncode in (6, 7)
    assert keys_of(keyring_service) == {}


def test_no_vault_is_made_where_no_key_can_be_kept(desk: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    with secret_service(tmp_path_factory.mktemp("own")) as service:
        service.lock()
        done = desk("init", "--keyring", env={**service.environ})

    assert done.returncode == 5
    assert b"the OS keyring is locked" in done.stderr
    assert not (desk.home / ".local/share/credvault/vault.json").exists()


def test_no_key_is_left_of_a_slot_that_was_not_added(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    desk("add", "a/b", "--stdin", stdin=b"v" * 5000, check=True)
    (desk.home / ".config/credvault").mkdir(parents=True)
    size = (desk.home / ".local/share/credvault/vault.json").stat().st_size
    (desk.home / ".config/credvault/config.toml").write_text(f"[limits]\nvault_bytes = {size + 10}\n", encoding="ascii")
    before = keys_of(keyring_service)

    done = desk("slot", "add", "--keyring")

    assert done.returncode == 6
    assert keys_of(keyring_service) == before
    assert [slot["id"] for slot in head_of(desk)["slots"]] == ["1"]  # type: ignore[attr-defined]


def test_slots_that_are_added_at_once_all_open(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    env = desk.environment()

    running = [subprocess.Popen([PROGRAM, "slot", "add", "--keyring"], env=env, cwd=desk.cwd) for _ in range(4)]
    statuses = [process.wait() for process in running]

    assert statuses == [0] * 4
    keys = keys_of(keyring_service)
    assert len(keys) == 5
    for user, key in keys.items():  # each alone
        keyring_service.empty()
        keyring_service.put("credvault", user, key)
        slot = user.rpartition(":")[2]
        assert f"unlocking with the OS keyring (Secret Service, slot {slot})" in desk("-v", "list").stderr.decode()


def test_removed_slot_takes_its_key_away_and_no_other(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    desk("slot", "add", "--keyring", check=True)
    vault_id = head_of(desk)["vault_id"]

    desk("slot", "remove", "1", "-y", check=True)
    without = sorted(keys_of(keyring_service))
    desk("slot", "add", "--keyring", check=True)
    desk("slot", "remove", "2", "-y", "--rekey", check=True)

    assert without == [f"{vault_id}:2"]
    assert sorted(keys_of(keyring_service)) == [f"{vault_id}:1"]
    assert desk("list").returncode == 0


def test_rekey_keeps_the_slot_although_another_key_unlocks(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    desk("add", "a/b", "--stdin", stdin=b"value", check=True)
    desk("slot", "add", "--generate-key", check=True)
    key = desk("slot", "add", "--generate-key", check=True).stdout.decode().strip()
    before = keys_of(keyring_service)

    refused = desk("rekey", env={"CREDVAULT_KEY": key, "DBUS_SESSION_BUS_ADDRESS": None})
    done = desk("rekey", "-y", env={"CREDVAULT_KEY": key})

    assert refused.returncode == 2
    assert b"1 (keyring), 2 (raw)" in refused.stderr
    assert done.returncode == 0
    assert b"dropped: 2 (raw)" in done.stderr
    assert keys_of(keyring_service) == before
    assert desk("get", "a/b").stdout == b"value"


def test_salvage_gives_the_new_vault_a_key_of_its_own(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    desk("add", "a/b", "--stdin", stdin=b"value", check=True)

    done = desk("salvage", "-o", "rescued.json")

    assert done.returncode == 0
    assert len(keys_of(keyring_service)) == 2
    assert desk("--vault", "rescued.json", "get", "a/b").stdout == b"value"


def test_agent_takes_the_key_and_does_not_ask_the_keyring_itself(desk: Cli, keyring_service: SecretService) -> None:
    desk("init", "--keyring", check=True)
    desk("add", "a/b", "--stdin", stdin=b"value", check=True)
    with tempfile.TemporaryDirectory(prefix="cv-") as folder:  # a short path, for a socket
        desk.env["CREDVAULT_AGENT_SOCKET"] = f"{folder}/agent.sock"
        desk("unlock", check=True)
        keyring_service.empty()

        by_agent = desk("get", "a/b")
        desk("lock", check=True)
        locked = desk("get", "a/b")
        desk("agent", "stop")

    assert (by_agent.returncode, by_agent.stdout) == (0, b"value")
    assert (locked.returncode, locked.stdout) == (5, b"")


def test_new_slot_leaves_the_key_of_a_copy_alone(desk: Cli, keyring_service: SecretService) -> None:
    """A copy has the same vault id, and its key the user of the slot that was removed here."""
    vault = desk.home / ".local/share/credvault/vault.json"
    (desk.home / ".config/credvault").mkdir(parents=True)
    profile = f'[profiles.copy]\nbackend = "file"\npath = "{desk.cwd}/copy.json"\n'
    (desk.home / ".config/credvault/config.toml").write_text(profile, encoding="utf-8")
    desk("init", "--keyring", check=True)
    desk("add", "a/b", "--stdin", stdin=b"value", check=True)
    key = desk("slot", "add", "--generate-key", check=True).stdout.decode().strip()
    shutil.copy(vault, desk.cwd / "copy.json")
    removed = desk("slot", "remove", "1", "-y", check=True)
    before = keys_of(keyring_service)

    desk("slot", "add", "--keyring", env={"CREDVAULT_KEY": key}, check=True)
    desk("--profile", "copy", "slot", "add", "--keyring", check=True)

    assert b"stays in the OS keyring" in removed.stderr
    after = keys_of(keyring_service)
    assert {user.rpartition(":")[2] for user in after} == {"1", "3", "4"}
    assert before.items() <= after.items()
    for words in (["get"], ["--profile", "copy", "get"]):
        assert desk(*words, "a/b").stdout == b"value"
