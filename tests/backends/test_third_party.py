"""Somebody else's backend, as the README shows one: its files are taken from the page, and installed as a package."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.pages import recipes


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the README, and the wheel that an installer makes of them."""
    folder = tmp_path_factory.mktemp("shelf")
    for _, text in recipes("A backend of your own"):
        name = re.match(r"# (\S+)\n", text)
        assert name is not None, text
        (folder / name[1]).write_text(text, encoding="utf-8")
    code = "from hatchling.build import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, check=True)
    return folder


@pytest.fixture
def package(project: Path, tmp_path: Path) -> Path:
    """A folder in which the package is installed, with its test and the settings beside it."""
    folder = tmp_path / "site"
    (wheel,) = project.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    for name in ("test_shelf.py", "config.toml"):
        shutil.copy(project / name, folder)
    return folder


def test_the_backend_of_the_readme_keeps_the_contract(package: Path) -> None:
    report = package / "report.xml"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", "test_shelf.py"]

    done = subprocess.run(
        words, cwd=package, env={**os.environ, "PYTHONPATH": str(package)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    passed = int(re.findall(r"(\d+) passed", done.stdout)[0])
    skipped = int(re.findall(r"(\d+) skipped", done.stdout)[0])
    assert passed > 30 > skipped


def test_the_suite_asks_for_no_test_runner(package: Path) -> None:
    code = "import sys; import credvault.testing; print('pytest' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_the_backend_of_the_readme_serves_the_command_line(package: Path, cli: Cli) -> None:
    (package / "config.toml").chmod(0o600)
    env = {"PYTHONPATH": str(package), "CREDVAULT_CONFIG": str(package / "config.toml"), "CREDVAULT_KEY": None}

    def shelf(*words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        return cli("--profile", "workshop", *words, stdin=stdin, env=env, cwd=package)

    assert shelf("add", "a/token", "--stdin", "--env", "TOKEN", stdin=b"one").returncode == 0
    assert shelf("rotate", "a/token", "--stdin", stdin=b"two").returncode == 0
    assert shelf("get", "a/token").stdout == b"two"
    assert json.loads(shelf("--json", "list").stdout)[0]["env_name"] == "TOKEN"
    assert shelf("exec", "--", "sh", "-c", "printf %s $TOKEN").stdout == b"two"
    assert shelf("history", "a/token").returncode == 8
    assert shelf("add", "a/token", "--stdin", stdin=b"three").returncode == 7
    assert shelf("delete", "a/token", "a/none", "-y").returncode == 3
    assert shelf("delete", "a/token", "-y").returncode == 0
    assert shelf("get", "a/token").returncode == 3
    assert (package / "workshop.db").is_file()
    assert cli("--backend", "shelf", "list", env=env, cwd=package).returncode == 0
    unknown = cli("--backend", "shelv", "list", env=env, cwd=package)
    assert b"shelf" in unknown.stderr


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("raise RuntimeError('canary-value')", b"raised RuntimeError"),
        ("import no_such_module", b"raised ModuleNotFoundError"),
        ("open_other = None", b"raised AttributeError"),
        ("open_shelf = None", b"raised TypeError"),
        ("def open_shelf(settings): raise ValueError('canary-value')", b"raised ValueError"),
        ("import sys; sys.exit()", b"raised SystemExit"),
        ("def open_shelf(settings): return 'canary-value'", b"gave str, which is not a Backend"),
    ],
)
def test_a_backend_that_cannot_be_loaded_is_named(package: Path, cli: Cli, code: str, what: bytes) -> None:
    (package / "shelf.py").write_text(code, encoding="utf-8")

    done = cli("--backend", "shelf", "get", "a/b", "-vv", env={"PYTHONPATH": str(package)})

    assert done.returncode == 8
    assert b"the backend 'shelf' of credvault-shelf cannot be used: shelf:open_shelf " + what in done.stderr
    assert b"canary-value" not in done.stdout + done.stderr.replace(code.encode(), b"")
    assert (b"unexpected" in done.stderr) is False


def test_what_a_backend_fails_with_is_for_its_maker_and_not_quoted(package: Path, cli: Cli) -> None:
    code = "    def get(self, name, version=None):\n        raise KeyError('canary-value')\n"
    text = (package / "shelf.py").read_text(encoding="utf-8")
    (package / "shelf.py").write_text(text.replace("    def get(self, name", code + "\n    def old(self, name", 1))

    done = cli("--backend", "shelf", "get", "a/b", env={"PYTHONPATH": str(package)})

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == (
        b"credvault: error: unexpected KeyError\n"
        b"credvault: hint: run it again with -vv; if that ends in the backend 'shelf', tell whoever made it\n"
    )


def test_errors_of_a_backend_are_its_own(package: Path, cli: Cli) -> None:
    code = "from credvault.model.errors import ConfigError\ndef open_shelf(settings): raise ConfigError('no shelf')"
    (package / "shelf.py").write_text(code, encoding="utf-8")

    done = cli("--backend", "shelf", "get", "a/b", env={"PYTHONPATH": str(package)})

    assert (done.returncode, done.stderr) == (9, b"credvault: error: no shelf\n")


@pytest.mark.parametrize("name", ["shelf", "file"])
def test_two_packages_with_one_backend_are_none_and_a_name_of_ours_is_ours(
    package: Path, cli: Cli, tmp_path: Path, name: str
) -> None:
    other = tmp_path / "other"
    info = other / "another_shelf-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another-shelf\nVersion: 2.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[credvault.backends]\n{name} = another:open\n", encoding="utf-8")
    (other / "another.py").write_text("raise RuntimeError('loaded')", encoding="utf-8")

    done = cli("--backend", name, "add", "a/b", "--stdin", stdin=b"v", env={"PYTHONPATH": f"{package}:{other}"})

    if name == "file":
        assert (done.returncode, b"loaded" in done.stderr) == (0, False)
        return
    assert done.returncode == 8
    assert b"there are several backends 'shelf': of another-shelf, credvault-shelf" in done.stderr
    assert b"hint: uninstall all but one" in done.stderr
    assert not (cli.cwd / "shelf.db").exists()


def test_a_store_that_the_system_refuses_is_wrong_to_a_doctor(package: Path, cli: Cli) -> None:
    code = "    def check(self):\n        raise ConnectionRefusedError(111, 'Connection refused')\n"
    text = (package / "shelf.py").read_text(encoding="utf-8")
    (package / "shelf.py").write_text(text.replace("    def check(self):\n", code, 1), encoding="utf-8")

    done = cli("--backend", "shelf", "doctor", env={"PYTHONPATH": str(package)})

    assert done.returncode == 6
    assert b"wrong   store: cannot look at: connection refused" in done.stdout
