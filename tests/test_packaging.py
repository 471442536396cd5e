"""What users and packagers get: wheel, sdist, pinned requirements, and a tree free of private traces."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

import credvault

ROOT = Path(__file__).resolve().parent.parent

# The third-party code that a secret may pass through. A new name here is a decision, not a convenience.
ALLOWED_AT_RUN_TIME = {"click", "cryptography", "rich", "keyring", "platformdirs", "httpx"}
EXTRAS = {"keepass": {"pykeepass"}, "mask": {"ahocorasick-rs"}}


@dataclass(frozen=True)
class Distributions:
    """The wheel was built from the unpacked sdist, not from the work tree."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    return build_distributions(tmp_path_factory.mktemp("dist"))


def build_distributions(folder: Path) -> Distributions:
    """Build both in a folder, without network."""
    build = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def project_name(requirement: str) -> str:
    """Return the normalised name at the head of a PEP 508 requirement."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[._-]+", "-", found[0]).lower()


LANES = ("lane", "lane_exec", "lane_tab")


def test_wheel_holds_the_whole_package_and_nothing_else(distributions: Distributions) -> None:
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "credvault").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "launcher.sh"
    }
    # Where there is no sh, the installer makes the script, of an entry point.
    script = {f"credvault-{credvault.__version__}.data/scripts/credvault", *(f"credvault/{lane}.py" for lane in LANES)}
    script = set() if os.name == "nt" else script
    data = f"credvault-{credvault.__version__}.data/data/share"
    shared = {f"{data}/man/man1/{path.name}" for path in (ROOT / "man").iterdir()} | {
        f"{data}/bash-completion/completions/credvault",
        f"{data}/zsh/site-functions/_credvault",
        f"{data}/fish/vendor_completions.d/credvault.fish",
    }
    package |= {f"credvault/completions/{path.name}" for path in (ROOT / "completions").iterdir()}

    names = zipfile.ZipFile(distributions.wheel).namelist()

    metadata = f"credvault-{credvault.__version__}.dist-info/"
    assert {name for name in names if not name.startswith(metadata)} == package | script | shared
    assert f"{data}/man/man1/credvault-exec.1" in shared
    assert "credvault/py.typed" in package
    assert f"{metadata}licenses/LICENSE" in names


def test_wheel_metadata_carries_the_version_constant(distributions: Distributions) -> None:
    name = f"credvault-{credvault.__version__}.dist-info/METADATA"

    text = zipfile.ZipFile(distributions.wheel).read(name).decode()

    headers = HeaderParser().parsestr(text)
    assert headers["Version"] == credvault.__version__
    assert headers["Requires-Python"] == ">=3.11"
    assert headers["License-Expression"] == "MIT"


def test_wheel_runs_in_a_fresh_environment(distributions: Distributions, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=os.name != "nt")
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    site_packages = sysconfig.get_path("purelib", "venv", {"base": str(environment)})
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-index", "--no-deps", str(distributions.wheel)],
        check=True,
        stdin=subprocess.DEVNULL,
        env=bare_environment(tmp_path),
    )
    # The dependencies come from the environment that runs the tests, so nothing is fetched. A folder named
    # in a .pth file ranks after site-packages, and .pth files in it are not read: the editable install of
    # credvault stays hidden.
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(site_packages, "dependencies.pth").write_text("\n".join(sorted(dependencies)), encoding="utf-8")

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=bare_environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    origin = run(scripts / "python", "-c", "import credvault; print(credvault.__file__)")
    shown_help = run(scripts / "credvault", "--help")
    shown_version = run(scripts / "credvault", "--version")
    as_module = run(scripts / "python", "-m", "credvault", "--version")

    assert Path(origin.stdout.strip()).is_relative_to(environment), origin.stderr
    assert (shown_help.returncode, shown_help.stderr) == (0, "")
    assert "Usage: credvault" in shown_help.stdout
    assert (shown_version.returncode, shown_version.stderr) == (0, "")
    assert credvault.__version__ in shown_version.stdout
    assert as_module.stdout == shown_version.stdout


def bare_environment(home: Path) -> dict[str, str]:
    """Return an environment in which no PYTHON* or CREDVAULT_* variable of the caller reaches the program."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}


def test_sdist_holds_what_building_and_testing_need(distributions: Distributions) -> None:
    top = f"credvault-{credvault.__version__}/"

    with tarfile.open(distributions.sdist) as archive:
        names = {member.name.removeprefix(top) for member in archive.getmembers()}

    assert names >= {
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "credvault/__init__.py",
        "credvault/launcher.sh",
        "credvault/py.typed",
        "completions/credvault.bash",
        "docs/openbao.md",
        "hatch_build.py",
        "man/credvault-exec.1",
        "pyproject.toml",
        "requirements/dev.txt",
        "tests/demo.sh",
        "tests/debian-packages.sh",
        "tests/system-packages.sh",
        "tests/test_packaging.py",
    }
    left_behind = re.compile(r"(^|/)(\.venv|\.git|\.hypothesis|__pycache__|\.[a-z]+_cache)(/|$)")
    assert not [name for name in names if left_behind.search(name)]


def test_run_time_dependencies_are_the_allowed_ones(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]

    required = {project_name(line) for line in project["dependencies"]}
    extras = {name: {project_name(line) for line in lines} for name, lines in project["optional-dependencies"].items()}

    assert required == {"click", "cryptography", "httpx", "keyring", "platformdirs", "rich"}
    assert required <= ALLOWED_AT_RUN_TIME
    assert extras == EXTRAS


def test_every_declared_dependency_is_pinned_with_a_hash(pyproject: dict[str, Any]) -> None:
    declared = {
        project_name(line)
        for line in [
            *pyproject["build-system"]["requires"],
            *pyproject["project"]["dependencies"],
            *pyproject["dependency-groups"]["dev"],
        ]
    }

    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())

    unpinned = [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert not unpinned
    assert {project_name(entry) for entry in entries} >= declared


# Where packages come from is the business of the machine that installs them. These patterns do not match
# their own source, so this file passes its own test.
TRACES = {
    "a package registry's host": re.compile(
        r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|anaconda|rubygems|crates)\.(?:org|com|io)\b"
        r"|\b(?:deb|security|ftp)\.debian\.org\b|\b(?:archive|security)\.ubuntu\.com\b"
        r"|\b(?:ghcr|quay)\.io\b|\bdocker\.io\b(?!  )",  # two blanks: Debian's package of that name, in a table
        re.IGNORECASE,
    ),
    # alice, bob and user are the people of the examples.
    "a path of one machine": re.compile(
        r"(?<![\w.~/}-])/(?:(?:root|work)/|(?:home|Users)/(?!alice\b|bob\b|user\b)[a-z])"
    ),
}
PRIVATE_KEYS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\r|\\n|\s)+[A-Za-z0-9+/=]{20}"),
    "a raw vault key": re.compile(r"\bcvk1_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}"),
}


def committed_files() -> Iterator[tuple[str, str]]:
    """Yield path and text of each file in git's index, bytes that are not UTF-8 shown escaped."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    # A checkout that belongs to another user (a mounted volume, a container) is only listed here.
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    listed = subprocess.run([*git, "ls-files", "-z"], check=True, capture_output=True)
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            yield name, path.read_text(encoding="utf-8", errors="backslashreplace")


def test_no_committed_file_names_a_registry_or_a_machine_path() -> None:
    found = [
        f"{name}: {what}: {match[0]}"
        for name, text in committed_files()
        for what, pattern in TRACES.items()
        for match in pattern.finditer(text)
    ]

    assert not found


def test_private_keys_are_committed_only_among_the_tests() -> None:
    found = [
        f"{name}: {what}"
        for name, text in committed_files()
        if not name.startswith("tests/")
        for what, pattern in PRIVATE_KEYS.items()
        if pattern.search(text)
    ]

    assert not found
