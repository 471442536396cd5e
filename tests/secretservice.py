"""A real Secret Service: GNOME's, on a message bus of its own, with a home of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import secretstorage
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]  # it has no types

from tests.patience import SECONDS

PASSWORD = "password"  # of the keyring
# Without the folders of services that a bus would start by itself: it would start another one than ours.
_BUS = """
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@dataclass(frozen=True)
class Keyring:
    """The default keyring of the service at an address, looked at past the program."""

    address: str

    def items(self) -> dict[tuple[str, str], bytes]:
        """Return what the keyring holds, by service and user."""
        with self._collection() as collection:
            found = [(item.get_attributes(), item.get_secret()) for item in collection.get_all_items()]
        return {(attributes["service"], attributes["username"]): value for attributes, value in found}

    def put(self, service: str, user: str, value: bytes, **others: str) -> None:
        """Keep a value as the library `keyring` does, or by attributes besides as another program does."""
        with self._collection() as collection:
            collection.create_item(user, {"service": service, "username": user, **others}, value, replace=True)

    def empty(self) -> None:
        """Remove everything."""
        with self._collection() as collection:
            for item in collection.get_all_items():
                item.delete()

    def remove_versions(self) -> None:
        """Remove what credvault keeps for itself, and leave the copies for others."""
        with self._collection() as collection:
            for item in collection.get_all_items():
                if "#" in item.get_attributes()["username"]:
                    item.delete()

    def lock(self) -> None:
        """Lock the keyring, for good: only a person could unlock it."""
        with self._collection() as collection:
            collection.lock()

    @contextmanager
    def _collection(self) -> Iterator[secretstorage.Collection]:
        with open_dbus_connection(self.address, auth_timeout=SECONDS) as bus:
            yield secretstorage.Collection(bus)


@dataclass(frozen=True)
class SecretService(Keyring):
    """A running service: its keyring, and its two processes."""

    bus: "subprocess.Popen[str]"
    keeper: "subprocess.Popen[str]"

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which a program finds it."""
        return {"DBUS_SESSION_BUS_ADDRESS": self.address}

    @contextmanager
    def dismissing_prompter(self) -> Iterator[IO[str]]:
        """Have somebody who closes each question of the desktop. Gives a line for each that was put.

        By the words of gnome-keyring's own prompter: org.gnome.keyring.internal.Prompter in gcr.
        """
        code = (
            "from jeepney import DBusAddress, HeaderFields, message_bus, new_method_call, new_method_return\n"
            "from jeepney.io.blocking import Proxy, open_dbus_connection\n"
            "bus = open_dbus_connection()\n"
            "Proxy(message_bus, bus).RequestName('org.gnome.keyring.SystemPrompter')\n"
            "print('ready', flush=True)\n"
            "while True:\n"
            "    message = bus.receive()\n"
            "    fields = message.header.fields\n"
            "    asked = fields.get(HeaderFields.member)\n"
            "    if asked not in ('BeginPrompting', 'PerformPrompt', 'StopPrompting'): continue\n"
            "    bus.send(new_method_return(message))\n"
            "    interface = 'org.gnome.keyring.internal.Prompter.Callback'\n"
            "    whose = DBusAddress(message.body[0], fields[HeaderFields.sender], interface)\n"
            "    if asked == 'StopPrompting':\n"
            "        bus.send(new_method_call(whose, 'PromptDone'))\n"
            "        continue\n"
            "    if asked == 'PerformPrompt': print('asked', flush=True)\n"
            "    answer = 'no' if asked == 'PerformPrompt' else ''\n"
            "    bus.send(new_method_call(whose, 'PromptReady', 'sa{sv}s', (answer, {}, '')))\n"
        )
        with _process([sys.executable, "-I", "-c", code], self.environ) as prompter:
            output = cast("IO[str]", prompter.stdout)
            assert output.readline() == "ready\n"
            yield output

    @contextmanager
    def silent_prompter(self) -> Iterator[None]:
        """Have a program that is asked in the user's name, and never asks: a question that nobody sees."""
        code = (
            "from jeepney import message_bus\n"
            "from jeepney.io.blocking import Proxy, open_dbus_connection\n"
            "bus = open_dbus_connection()\n"
            "Proxy(message_bus, bus).RequestName('org.gnome.keyring.SystemPrompter')\n"
            "print('ready', flush=True)\n"
            "while bus.receive(): pass\n"
        )
        with _process([sys.executable, "-I", "-c", code], self.environ) as prompter:
            assert cast("IO[str]", prompter.stdout).readline() == "ready\n"
            yield


@contextmanager
def secret_service(folder: Path) -> Iterator[SecretService]:
    """Run gnome-keyring with its login keyring unlocked."""
    with bus(folder) as (address, process):
        env = {**_environment(folder), "DBUS_SESSION_BUS_ADDRESS": address}
        with _process(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], env) as keeper:
            password = cast("IO[str]", keeper.stdin)
            password.write(PASSWORD)
            password.close()
            _wait(env, keeper)
            yield SecretService(address, process, keeper)


@contextmanager
def bus(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run a message bus with nobody on it; give its address and its process."""
    for name in ("run", "home"):
        (folder / name).mkdir(mode=0o700)
    settings = folder / "bus.conf"
    settings.write_text(_BUS.format(folder=folder / "run"), encoding="utf-8")
    words = ["dbus-daemon", f"--config-file={settings}", "--nofork", "--print-address"]
    with _process(words, _environment(folder)) as process:
        yield cast("IO[str]", process.stdout).readline().strip(), process


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "LANG": "C.UTF-8",
    }


def _wait(env: dict[str, str], keeper: "subprocess.Popen[str]") -> None:
    question = "import secretstorage as s; exit(not s.check_service_availability(s.dbus_init()))"
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        assert keeper.poll() is None, "the service ended"
        words = [sys.executable, "-I", "-c", question]
        if subprocess.run(words, env=env, capture_output=True, timeout=SECONDS, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError("the service did not start")


@contextmanager
def _process(words: list[str], env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None and not stream.closed:
                stream.close()
