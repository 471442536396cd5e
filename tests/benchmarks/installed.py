"""credvault as a user has it: its wheel and what it needs in a fresh environment, none of it the work tree's.

The packages are those of requirements/dev.txt, checked against their hashes, and stand in the environment itself.
"""

import json
import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent.parent
PINS = ROOT / "requirements" / "dev.txt"

_FACTS = """
import json, sys
from importlib.metadata import version
from cryptography.hazmat.backends.openssl.backend import backend
libraries = [f"{name} {version(name)}" for name in sys.argv[1:]] + [backend.openssl_version_text()]
print(json.dumps([version("credvault"), ", ".join(libraries)]))
"""


class Installed(NamedTuple):
    """An environment with credvault in it, and what stands there."""

    python: str
    program: str
    version: str
    libraries: str


def install(folder: Path) -> Installed:
    """Build the wheel from the work tree and install it below `folder`, byte-compiled.

    Raises CalledProcessError with what the program that failed said.
    """
    wheels, environment = folder / "wheels", folder / "environment"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    (wheel,) = wheels.glob("*.whl")
    names = needed_at_run_time()
    pins = folder / "pins.txt"
    pins.write_text(pinned(PINS.read_text(encoding="utf-8"), names), encoding="utf-8")
    python = make_environment(environment, "--require-hashes", "-r", str(pins))
    pip(python, "--no-index", "--no-deps", str(wheel))
    direct = sorted(Requirement(line).name for line in metadata.requires("credvault") or () if "extra ==" not in line)
    told = subprocess.run([python, "-I", "-c", _FACTS, *direct], check=True, stdout=subprocess.PIPE, text=True)
    version, libraries = json.loads(told.stdout)
    return Installed(python, str(environment / "bin" / "credvault"), version, libraries)


def make_environment(folder: Path, *words: str) -> str:
    """Make an environment in `folder` and let pip install there what `words` ask for; return its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = str(folder / "bin" / "python")
    pip(python, *words)
    return python


def pip(python: str, *words: str) -> None:
    """Let pip install into the environment of an interpreter; raises CalledProcessError with what it said."""
    command = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--no-input", "install"]
    subprocess.run([*command, "--quiet", *words], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def needed_at_run_time() -> set[str]:
    """Return the names of the packages that credvault needs on this machine, directly or through another."""
    found: set[str] = set()
    waiting = {"credvault"}
    while waiting:
        name = waiting.pop()
        for requirement in map(Requirement, metadata.requires(name) or ()):
            needed = canonicalize_name(requirement.name)
            if needed not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                found.add(needed)
                waiting.add(needed)
    return found


def pinned(text: str, names: set[str]) -> str:
    """Return the entries of a requirements file that pin one of `names`, hashes and all."""
    entries = re.split(r"\n(?=[^\s#])", text)
    return "\n".join(entry for entry in entries if canonicalize_name(entry.partition("==")[0]) in names) + "\n"
