"""Which OS keyring is used, which are refused, and that none can hold anybody up. On real message buses."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.errors import KeyringError

from credvault.keyringkinds import KINDS
from credvault.model.errors import BackendUnavailable, InvalidValue, Locked
from credvault.model.value import SecretValue
from credvault.oskeyring import LibraryStore, OSKeyring
from tests.canary import is_in
from tests.conftest import Cli
from tests.secretservice import SecretService, bus, secret_service

WEAK = (
    "keyring.backends.null.Keyring",
    "keyring.backends.fail.Keyring",
    "keyrings.alt.file.PlaintextKeyring",
    "keyrings.alt.file.EncryptedKeyring",
    "plugin.Plaintext",
    "keyring.backends.SecretService.Keyring\n",
    "os.path",
)
CHAIN = "keyring.backends.chainer.ChainerBackend"
# A keyring as a distribution installs one, that would be first of all, and tells when it is loaded.
PLUGIN = """
import pathlib
pathlib.Path(__file__).with_name("loaded").touch()
from keyring.backend import KeyringBackend
class Plaintext(KeyringBackend):
    priority = 99
    def get_password(self, service, username): return "weak"
    def set_password(self, service, username, password): pass
"""


@pytest.fixture
def desk(cli: Cli, keyring_service: SecretService) -> Cli:
    """The program with the backend `keyring`, on a desk where that works."""
    cli.env.update(keyring_service.environ, CREDVAULT_BACKEND="keyring")
    del cli.env["CREDVAULT_KEY"]
    return cli


@pytest.fixture
def plugin(cli: Cli, tmp_path: Path) -> Path:
    """A weak keyring that is installed; the file that is there once it was loaded."""
    folder = tmp_path / "plugins"
    info = folder / "weak-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weak\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[keyring.backends]\nweak = plugin\n", encoding="utf-8")
    cli.env["PYTHONPATH"] = str(folder)
    return folder / "loaded"


@pytest.fixture
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretService]:
    """A Secret Service that a test may lock, stop or end."""
    with secret_service(tmp_path_factory.mktemp("own")) as service:
        yield service


def test_the_library_would_have_loaded_the_weak_one(desk: Cli, plugin: Path) -> None:
    """Else the tests below show nothing."""
    done = desk.run([sys.executable, "-c", "import keyring; print(keyring.get_password('a', 'b'))"])

    assert (done.stdout, plugin.exists()) == (b"weak\n", True)


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_keyring_that_the_environment_names_is_refused_by_name(desk: Cli, plugin: Path, name: str) -> None:
    done = desk("add", "weak/env", "--stdin", stdin=b"canary-weak", env={"PYTHON_KEYRING_BACKEND": name})

    assert done.returncode == 9
    assert f"PYTHON_KEYRING_BACKEND names the keyring {name}".strip() in done.stderr.decode()
    assert not plugin.exists()
    assert not is_in(done.stderr, [b"canary-weak"])


@pytest.mark.parametrize("name", WEAK[:5])
def test_a_weak_keyring_that_the_settings_of_the_library_name_is_refused_by_name(
    desk: Cli, plugin: Path, name: str
) -> None:
    settings = desk.home / ".config/python_keyring/keyringrc.cfg"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[backend]\ndefault-keyring={name}\nkeyring-path={plugin.parent}\n", encoding="utf-8")

    done = desk("add", "weak/file", "--stdin", stdin=b"canary-weak", env={"PYTHONPATH": None})

    assert done.returncode == 9
    assert f"{settings} names the keyring {name}" in done.stderr.decode()
    assert not plugin.exists()


@pytest.mark.parametrize("text", ["[backend", "[backend]\nx", "\0", "[a]\n[a]\n", b"\xff"])
def test_settings_of_the_library_that_cannot_be_read_are_no_reason_to_guess(desk: Cli, text: str | bytes) -> None:
    settings = desk.home / ".config/python_keyring/keyringrc.cfg"
    settings.parent.mkdir(parents=True)
    settings.write_bytes(text if isinstance(text, bytes) else text.encode())

    done = desk("get", "weak/none")

    assert done.returncode == 9
    assert "cannot be read, so it is not known which keyring it names" in done.stderr.decode()


def test_settings_of_the_library_in_the_place_of_which_nobody_writes_hold_nobody_up(desk: Cli) -> None:
    settings = desk.home / ".config/python_keyring/keyringrc.cfg"
    settings.parent.mkdir(parents=True)
    os.mkfifo(settings)

    done = desk("get", "weak/none")

    assert done.returncode == 6
    assert "did not answer in 5 s" in done.stderr.decode()


def test_a_chain_with_a_weak_keyring_in_it_is_refused_and_not_loaded(desk: Cli, plugin: Path) -> None:
    done = desk("get", "weak/chain", env={"PYTHON_KEYRING_BACKEND": CHAIN})

    assert done.returncode == 9
    assert "names a chain of keyrings with plugin in it" in done.stderr.decode()
    assert not plugin.exists()


@pytest.mark.parametrize("name", [CHAIN, "keyring.backends.SecretService.Keyring", ""])
def test_a_real_keyring_may_be_named(desk: Cli, name: str) -> None:
    done = desk("-v", "get", "real/none", env={"PYTHON_KEYRING_BACKEND": name})

    assert done.returncode == 3
    assert "the OS keyring is Secret Service" in done.stderr.decode()


def test_a_real_keyring_that_is_named_and_not_here_is_said_so_with_the_way_on(desk: Cli) -> None:
    done = desk("get", "real/none", env={"PYTHON_KEYRING_BACKEND": "keyring.backends.macOS.Keyring"})

    assert done.returncode == 6
    assert "macOS Keychain cannot be used: macOS required" in done.stderr.decode()
    assert "hint: 'credvault --backend keyring doctor' says" in done.stderr.decode()


def test_another_keyring_that_is_installed_is_not_used_nor_loaded(desk: Cli, plugin: Path) -> None:
    added = desk("add", "weak/other", "--stdin", stdin=b"strong")
    read = desk("get", "weak/other")

    assert (added.returncode, read.stdout) == (0, b"strong")
    assert not plugin.exists()


def test_without_a_service_the_weak_one_is_named_and_not_used(desk: Cli, plugin: Path) -> None:
    done = desk("add", "weak/other", "--stdin", stdin=b"canary-weak", env={"DBUS_SESSION_BUS_ADDRESS": None})

    assert done.returncode == 6
    assert "refused as weak: plugin" in done.stderr.decode()
    assert not plugin.exists()


def test_doctor_names_every_candidate_and_why_not(desk: Cli, plugin: Path) -> None:
    done = desk("doctor")

    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert "ok      keyring: Secret Service is used: unlocked" in lines
    assert "ok      keyring: KWallet is not used: python-dbus not installed" in lines
    assert "ok      keyring: plugin is not used: refused: it is not known to be safe" in lines
    assert not plugin.exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "DBUS_SESSION_BUS_ADDRESS is not set"),
        ("unix:path=/nonexistent/bus", "nobody answers at DBUS_SESSION_BUS_ADDRESS"),
        ("nonsense", "nobody answers at DBUS_SESSION_BUS_ADDRESS"),
        ("tcp:host=127.0.0.1,port=9", "nobody answers at DBUS_SESSION_BUS_ADDRESS"),
    ],
)
def test_no_message_bus_is_said_so(desk: Cli, address: str | None, said: str) -> None:
    done = desk("get", "a/b", env={"DBUS_SESSION_BUS_ADDRESS": address})

    assert (done.returncode, done.stdout) == (6, b"")
    assert f"there is no message bus, and so no Secret Service: {said}" in done.stderr.decode()


def test_no_service_on_the_bus_is_said_so(desk: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    with bus(tmp_path_factory.mktemp("bus")) as (address, _):
        done = desk("get", "a/b", env={"DBUS_SESSION_BUS_ADDRESS": address})

    assert (done.returncode, done.stdout) == (6, b"")
    assert "no Secret Service runs on the message bus" in done.stderr.decode()


@pytest.mark.parametrize("stopped", ["bus", "keeper"])
def test_who_never_answers_holds_nobody_up(desk: Cli, own_service: SecretService, stopped: str) -> None:
    process = {"bus": own_service.bus, "keeper": own_service.keeper}[stopped]
    process.send_signal(signal.SIGSTOP)
    try:
        done = [desk(*words, env={**own_service.environ}) for words in (["get", "a/b"], ["doctor"])]
    finally:
        process.send_signal(signal.SIGCONT)

    assert [each.returncode for each in done] == [6, 6]
    assert b"answer" in done[0].stderr
    assert b"wrong   keyring: no OS keyring can be used" in done[1].stdout


def test_a_locked_keyring_is_locked_and_nothing_changes(desk: Cli, own_service: SecretService) -> None:
    desk.env.update(own_service.environ)
    desk("add", "locked/it", "--stdin", stdin=b"canary-locked", check=True)
    index = (desk.home / ".local/share/credvault/keyring.json").read_bytes()
    own_service.lock()

    done = [
        desk("get", "locked/it"),
        desk("delete", "locked/it", "-y"),
        desk("rotate", "locked/it", "--stdin", stdin=b"canary-other"),
        desk("get", "locked/none"),
    ]

    assert [each.returncode for each in done] == [5] * 4
    for each in done:
        assert b"credvault: error: the OS keyring is locked" in each.stderr
        assert b"credvault: hint: unlock it" in each.stderr
        assert not is_in(each.stdout + each.stderr, [b"canary-locked", b"canary-other"])
    assert (desk.home / ".local/share/credvault/keyring.json").read_bytes() == index
    assert desk("list").stdout.startswith(b"locked/it\t1\t")


def test_doctor_advises_to_unlock_a_locked_keyring(desk: Cli, own_service: SecretService) -> None:
    desk.env.update(own_service.environ)
    own_service.lock()

    done = desk("doctor")

    assert done.returncode == 0
    assert b"advice  keyring: Secret Service is used: locked\n        mend: unlock it in " in done.stdout


def test_a_question_that_nobody_answers_ends_in_time(desk: Cli, own_service: SecretService) -> None:
    own_service.lock()
    with own_service.silent_prompter():
        done = desk("get", "locked/it", env={**own_service.environ, "CI": None})

    assert (done.returncode, done.stdout) == (5, b"")
    assert b"the OS keyring is locked" in done.stderr


def test_a_question_that_is_closed_is_no_key_and_none_is_put_where_none_may(
    desk: Cli, own_service: SecretService
) -> None:
    desk.env.update(own_service.environ)
    own_service.lock()
    loud: dict[str, str | None] = {"CREDVAULT_NO_INPUT": "0", "CI": None}
    with own_service.dismissing_prompter() as put:
        done = [
            desk("get", "locked/it", "--no-input", env=loud),
            desk("get", "locked/it", env={**loud, "CREDVAULT_NO_INPUT": "1"}),
            desk("add", "locked/it", "--generate", env={**loud, "CI": "true"}),
            desk("doctor", env=loud),
            desk("get", "locked/it", env=loud),
            desk("add", "locked/it", "--generate", env=loud),
        ]
        own_service.bus.terminate()  # with which the prompter ends
        questions = put.read()

    assert [each.returncode for each in done] == [5, 5, 5, 0, 5, 5]
    assert all(b"the OS keyring is locked" in each.stderr for each in done if each.returncode)
    assert questions == "asked\n" * 2


def test_a_service_that_ends_in_between_is_said_so(desk: Cli, own_service: SecretService) -> None:
    desk.env.update(own_service.environ)
    desk("add", "gone/it", "--stdin", stdin=b"value", check=True)
    own_service.keeper.kill()
    own_service.keeper.wait()

    done = desk("get", "gone/it")

    assert done.returncode == 6
    assert b"no Secret Service runs on the message bus" in done.stderr


def test_windows_takes_no_more_than_it_holds() -> None:
    windows = next(kind for kind in KINDS if kind.platform == "win32")
    keyring = OSKeyring(windows, LibraryStore(None), is_locked=False)

    keyring.check_size("u" * 513, SecretValue(b"v" * 1280))
    with pytest.raises(InvalidValue, match="takes 2562 bytes"):
        keyring.check_size("user", SecretValue(b"v" * 1281))
    with pytest.raises(InvalidValue, match="takes 2564 bytes"):  # two units of UTF-16 each
        keyring.check_size("user", SecretValue("\N{GRINNING FACE}".encode() * 641))
    with pytest.raises(InvalidValue, match="longer than the 513 characters"):
        keyring.set("u" * 514, "u" * 514, SecretValue(b"v"))


def test_what_the_library_says_of_a_failure_is_not_quoted() -> None:
    class Library:
        def set_password(self, service: str, user: str, password: str) -> None:
            raise RuntimeError(f"cannot encode {password}")

    keyring = OSKeyring(KINDS[0], LibraryStore(Library()), is_locked=False)

    with pytest.raises(BackendUnavailable) as caught:
        keyring.set("service", "user", SecretValue(b"canary-quoted"))

    assert "RuntimeError" in caught.value.message
    assert "canary-quoted" not in repr([caught.value.message, caught.value.hint, caught.value.__cause__])


def test_a_bus_that_ends_in_between_went_away() -> None:
    class Library:
        def get_password(self, service: str, user: str) -> str:
            raise ConnectionResetError

    keyring = OSKeyring(KINDS[0], LibraryStore(Library()), is_locked=False)

    with pytest.raises(BackendUnavailable, match="went away before it answered") as caught:
        keyring.get("service", "user")

    assert "credvault --backend keyring doctor" in str(caught.value.hint)


def test_a_keychain_that_may_not_ask_is_locked() -> None:
    class Library:
        def get_password(self, service: str, user: str) -> str:
            raise KeyringError from Exception(-25308, "Unknown Error")  # as keyring/backends/macOS does

    keyring = OSKeyring(KINDS[0], LibraryStore(Library()), is_locked=False)

    with pytest.raises(Locked):
        keyring.get("service", "user")


def test_what_is_not_to_be_found_for_a_moment_is_looked_for_again(keyring_service: SecretService) -> None:
    """As gnome-keyring now and then has no default keyring while several processes write."""
    code = (
        "import os\n"
        "from jeepney import HeaderFields\n"
        "from secretstorage import util\n"
        "from secretstorage.exceptions import ItemNotFoundException\n"
        "from credvault.oskeyring import open_os_keyring\n"
        "from credvault.model.value import SecretValue\n"
        "ask, lost = util.DBusAddressWrapper.send_and_get_reply, []\n"
        "def lose_each_once(address, message):\n"
        "    what = address.object_path, message.header.fields[HeaderFields.member]\n"
        "    if address.object_path.startswith('/org/freedesktop/secrets/') and what not in lost:\n"
        "        lost.append(what)\n"
        "        raise ItemNotFoundException\n"
        "    return ask(address, message)\n"
        "util.DBusAddressWrapper.send_and_get_reply = lose_each_once\n"
        "keyring = open_os_keyring(os.environ)\n"
        "keyring.set('lost', 'user', SecretValue(b'value'))\n"
        "assert keyring.get('lost', 'user').reveal() == b'value'\n"
        "print(*(member for _, member in lost))\n"
    )

    env = {**os.environ, **keyring_service.environ}
    done = subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "Get CreateItem Get SearchItems GetSecret\n")


@pytest.mark.parametrize("text", ["plain", "ünï\ncödé\t\r\n ", "x" * 1_400_000, "\N{GRINNING FACE}\u202e"])
def test_texts_come_back_as_they_were(keyring_service: SecretService, text: str) -> None:
    code = (
        "import os, sys\n"
        "from credvault.oskeyring import open_os_keyring\n"
        "from credvault.model.value import SecretValue\n"
        "keyring, text = open_os_keyring(os.environ), sys.stdin.buffer.read()\n"
        "keyring.set('trip', 'user', SecretValue(text))\n"
        "assert keyring.get('trip', 'user').reveal() == text\n"
        "assert keyring.delete('trip', 'user') and not keyring.delete('trip', 'user')\n"
        "assert keyring.get('trip', 'user') is None\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], input=text.encode(), env={**os.environ, **keyring_service.environ}, check=False
    )

    assert done.returncode == 0
