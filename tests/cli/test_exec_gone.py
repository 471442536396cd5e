"""What `exec --file`, `--fd` and `--stdin` hand over is gone when the child is, however that ends, or we do before it.

Looked for in what every process holds open, in shared memory, and in every file of the places where one could be.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.canary import files_with
from tests.conftest import PROGRAM, Cli
from tests.patience import SECONDS

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")

CHOICES = ("--file", "X=gone/key", "--fd", "Y=gone/key", "--stdin", "gone/key")
# Becomes the program in its arguments, with a filter of system calls (seccomp(2)) for memfd_create(2): as some
# sandboxes forbid it (EPERM), or as it was before Linux 6.3, which knows fewer flags (EINVAL).
FILTER = """
import ctypes, os, struct, sys
number = {"x86_64": 319, "aarch64": 279}[os.uname().machine]
load, jump, jump_if_set, answer, passes = 0x20, 0x15, 0x45, 0x06, 0x7FFF0000
steps = %s
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, struct.pack("@HP", len(steps), ctypes.addressof(code)), 0, 0) == 0
try:
    os.memfd_create("x", 8)
except OSError:
    os.execvp(sys.argv[1], sys.argv[1:])
"""
WITHOUT_MEMORY_FILES = FILTER % (
    "[(load, 0, 0, 0), (jump, 0, 1, number), (answer, 0, 0, 0x00050001), (answer, 0, 0, passes)]"
)
OLDER_KERNEL = FILTER % (
    "[(load, 0, 0, 0), (jump, 0, 3, number), (load, 0, 0, 24), (jump_if_set, 0, 1, 8), (answer, 0, 0, 0x00050016),"
    " (answer, 0, 0, passes)]"
)
READY = 'cp "$X" /dev/null; echo ready; '


class Scene:
    """A vault with a canary, its places for files, and children of `exec` that have it."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.canary = b"canary-" + os.urandom(16).hex().encode()
        self.folders = {name: cli.cwd / name for name in ("tmp", "run")}
        for folder in self.folders.values():
            folder.mkdir(mode=0o700)
        cli.env.update({"TMPDIR": str(self.folders["tmp"]), "XDG_RUNTIME_DIR": str(self.folders["run"])})
        cli("add", "gone/key", "--stdin", stdin=self.canary, check=True)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(
        self, *words: str, launcher: Sequence[str] = (), options: Sequence[str] = ()
    ) -> "subprocess.Popen[bytes]":
        """Start a child that has the canary by every way but as a variable."""
        process = subprocess.Popen(
            [*launcher, PROGRAM, "exec", *options, *CHOICES, "--", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.cli.environment(),
            cwd=self.cli.cwd,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def start_ready(
        self, script: str, launcher: Sequence[str] = (), options: Sequence[str] = ()
    ) -> "subprocess.Popen[bytes]":
        """Start a script, and return when it has what it is handed."""
        process = self.start("sh", "-c", READY + script, launcher=launcher, options=options)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    def holders(self) -> list[str]:
        """Return the descriptors of other processes that the canary can be read from."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it may end meanwhile
                for path in (process / "fd").iterdir():
                    with suppress(OSError):
                        if "credvault" in os.readlink(path) and path.read_bytes() == self.canary:
                            found.append(str(path))
        return found

    def files(self) -> list[str]:
        """Return the files with the canary: below the home, the temporary and the runtime folder, in shared memory."""
        found = files_with(self.cli.home, [self.canary]) + files_with(self.cli.cwd, [self.canary])
        for folder in ("/dev/shm", "/tmp"):
            for path in Path(folder).glob("*"):
                with suppress(OSError):
                    if path.is_file() and path.stat().st_size < 4096 and self.canary in path.read_bytes():
                        found.append(str(path))
        return found

    def wait_until_gone(self) -> None:
        """Return when nobody holds the canary any more; the last process may be about to end."""
        end = time.monotonic() + SECONDS
        while self.holders() and time.monotonic() < end:
            time.sleep(0.02)
        assert self.holders() == []
        assert self.files() == []

    def close(self) -> None:
        """End what was started."""
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=SECONDS)


@pytest.fixture
def scene(cli: Cli) -> Iterator[Scene]:
    made = Scene(cli)
    yield made
    made.close()


def test_while_the_child_runs_it_holds_the_value_and_no_file_does(scene: Scene) -> None:
    process = scene.start_ready("sleep 60")

    held = [path for path in scene.holders() if f"/proc/{process.pid}/" in path]

    assert {Path(path).name for path in held} == {"0", "3", "20"}
    assert scene.files() == []


ENDS: dict[str, tuple[str, int]] = {
    "exit": ("exit 0", 0),
    "failure": ("exit 7", 7),
    "crash": ("ulimit -c 0; kill -SEGV $$", -signal.SIGSEGV),
    "abort": ("ulimit -c 0; kill -ABRT $$", -signal.SIGABRT),
}


@pytest.mark.parametrize(("script", "status"), ENDS.values(), ids=ENDS.keys())
def test_it_is_gone_when_the_child_ends(scene: Scene, script: str, status: int) -> None:
    process = scene.start_ready(script)

    assert process.wait(SECONDS) == status
    scene.wait_until_gone()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL", "SIGPIPE", "SIGUSR1"])
def test_it_is_gone_when_a_signal_ends_the_child(scene: Scene, name: str) -> None:
    process = scene.start_ready("ulimit -c 0; exec sleep 60")
    number = getattr(signal, name)

    process.send_signal(number)

    assert process.wait(SECONDS) == -number
    scene.wait_until_gone()


def test_it_is_there_for_a_child_that_is_stopped_and_continued(scene: Scene) -> None:
    process = scene.start_ready('kill -STOP $$; cat "$X"; cat <&$Y; cat')
    assert process.stdout is not None

    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
    process.send_signal(signal.SIGCONT)

    assert process.stdout.read() == scene.canary * 3
    scene.wait_until_gone()


def test_it_is_gone_for_a_child_that_closes_everything(scene: Scene) -> None:
    code = (
        "import os, time\n"
        "path = os.environ['X']\n"
        "os.closerange(3, 256)\n"
        "os.close(0)\n"
        "print('there' if os.path.exists(path) else 'gone', flush=True)\n"
        "time.sleep(60)"
    )
    process = scene.start(sys.executable, "-c", code)
    assert process.stdout is not None

    assert process.stdout.readline() == b"gone\n"
    scene.wait_until_gone()
    assert process.poll() is None


def test_daemon_keeps_what_it_holds_open_and_no_path(scene: Scene) -> None:
    look = 'test -e "$X" || echo no path; cat /dev/fd/${X##*/}; echo'
    wait = 'while kill -0 "$parent" 2>/dev/null; do sleep 0.05; done'
    process = scene.start_ready(f"export parent=$$; setsid sh -c '{wait}; {look}; exec sleep 600' & exit 0")
    assert process.stdout is not None
    assert process.wait(SECONDS) == 0

    seen = [process.stdout.readline() for _ in range(2)]
    holders = {path.split("/")[2] for path in scene.holders()}
    os.killpg(os.getsid(int(min(holders))), signal.SIGKILL)  # a shell may be about to start the last of them

    assert seen == [b"no path\n", scene.canary + b"\n"]
    assert str(process.pid) not in holders
    scene.wait_until_gone()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"])
def test_it_is_gone_when_we_are_ended_before_there_is_a_child(scene: Scene, name: str) -> None:
    """At moments all over the run: while the vault is opened, while memory is filled, while the program is loaded."""
    moments = random.Random(4711)  # noqa: S311
    ended = 0

    for _ in range(12):
        process = scene.start("sleep", "0.05")
        time.sleep(moments.uniform(0.05, 0.35))
        process.send_signal(getattr(signal, name))
        process.wait(SECONDS)
        ended += process.returncode != 0

    assert ended > 0
    scene.wait_until_gone()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_without_memory_files_a_file_without_a_name_does_the_same(scene: Scene, name: str) -> None:
    script = 'cat "$X" "$X"; cat <&$Y; cat; echo; stat -L -c "%a %h" "$X"; exec sleep 60'
    process = scene.start_ready(script, [sys.executable, "-c", WITHOUT_MEMORY_FILES])
    assert process.stdout is not None

    seen = [process.stdout.readline() for _ in range(2)]
    links = {os.readlink(path) for path in scene.holders() if f"/proc/{process.pid}/" in path}
    files = scene.files()
    process.send_signal(getattr(signal, name))

    assert seen == [scene.canary * 4 + b"\n", b"600 0\n"]
    assert len(links) == 3
    assert all(link.startswith(str(scene.folders["tmp"])) and link.endswith(" (deleted)") for link in links)
    assert files == []
    assert process.wait(SECONDS) == -getattr(signal, name)
    scene.wait_until_gone()
    assert list(scene.folders["tmp"].iterdir()) == []


def test_masked_child_has_it_and_a_path_that_names_the_child(scene: Scene) -> None:
    code = "import os, subprocess; subprocess.run(['wc', '-c'], stdin=open(os.environ['X'])); print(os.getpid())"
    process = scene.start_ready(
        f'cat "$X"; echo; cat <&$Y; echo; cat; echo; {sys.executable} -c "{code}"; echo "$X" $$; exit 7',
        options=["--mask"],
    )
    assert process.stdout is not None

    lines = process.stdout.read().decode().split()

    assert process.wait(SECONDS) == 7
    assert scene.canary.decode() not in lines
    assert lines[:3] == [lines[0]] * 3
    assert lines[3] == str(len(scene.canary))
    assert lines[5] == f"/proc/{lines[6]}/fd/20"
    assert lines[6] != str(process.pid)
    scene.wait_until_gone()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"])
def test_it_is_gone_when_a_signal_ends_us_beside_a_masked_child(scene: Scene, name: str) -> None:
    """After SIGKILL, which we cannot pass on, the child has it until it ends: nobody else, and no file."""
    process = scene.start_ready("echo $$; exec sleep 60", options=["--mask"])
    assert process.stdout is not None
    child = int(process.stdout.readline())

    process.send_signal(getattr(signal, name))

    assert process.wait(SECONDS) != 0
    if name == "SIGKILL":
        assert {path.split("/")[2] for path in scene.holders()} <= {str(child)}
        assert scene.files() == []
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    scene.wait_until_gone()


def test_older_kernel_does_the_same(scene: Scene) -> None:
    script = 'cat "$X"; echo; readlink "$X"; stat -L -c %a "$X"; : >"$X"'
    process = scene.start("sh", "-c", script, launcher=[sys.executable, "-c", OLDER_KERNEL])

    stdout, stderr = process.communicate(timeout=SECONDS)

    assert stdout.splitlines() == [scene.canary, b"/memfd:credvault (deleted)", b"600"]
    assert b"Operation not permitted" in stderr
    scene.wait_until_gone()


def test_without_memory_files_a_temporary_folder_that_takes_none_stops_it(scene: Scene) -> None:
    scene.cli.env["TMPDIR"] = str(scene.cli.cwd / "none")

    process = scene.start("touch", "ran", launcher=[sys.executable, "-c", WITHOUT_MEMORY_FILES])
    _, stderr = process.communicate(timeout=SECONDS)

    assert process.returncode == 125
    assert b"cannot write " in stderr
    assert b"no such file or directory" in stderr
    assert not (scene.cli.cwd / "ran").exists()
    assert scene.canary not in stderr
