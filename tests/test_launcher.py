"""The installed program on POSIX: every installer leaves the launcher as it is, and it runs from wherever it lies.

All installs are real and offline: from the wheel that the sdist makes, and from wheels of the dependencies that are
packed again from the files of this environment.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import credvault
from credvault.agent.tablane import DEADLINE_SECONDS
from credvault.cli.commands.completion import SCRIPTS
from tests.patience import SECONDS
from tests.test_packaging import ROOT, bare_environment, build_distributions, project_name

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has a plain entry point")

LAUNCHER = ROOT / "credvault" / "launcher.sh"
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
BASE = Path(sys.base_prefix) / "bin" / PYTHON
VERSION = f"credvault, version {credvault.__version__}\n".encode()
NO_PATH = "/nowhere"
# Prints its arguments apart from each other, whatever is in them.
TELL_ARGUMENTS = "import os, sys; os.write(1, b'|'.join(os.fsencode(word) for word in sys.argv[1:]))"


def run(
    *words: str | bytes | Path, home: Path, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a program with few variables, and with no input."""
    return subprocess.run(
        words,
        cwd=cwd or home,
        env={**bare_environment(home), "PATH": "/usr/bin:/bin", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
    )


def checked(*words: str | Path, home: Path, **env: str) -> None:
    """Run a program that must succeed."""
    done = run(*words, home=home, cwd=home, **env)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def pack_again(package: Distribution, folder: Path) -> None:
    """Make a wheel of an installed distribution, which is what its files were."""
    tags = re.findall(r"^Tag: (\S+)$", package.read_text("WHEEL") or "", re.MULTILINE)
    files = [file for file in package.files or [] if file.parts[0] != ".." and file.suffix != ".pyc"]
    (metadata,) = {file.parts[0] for file in files if file.parts[0].endswith(".dist-info")}
    left_by_installer = {f"{metadata}/{name}" for name in ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")}
    names = [name for file in files if (name := file.as_posix()) not in left_by_installer]
    with zipfile.ZipFile(folder / f"{metadata.removesuffix('.dist-info')}-{tags[0]}.whl", "w") as wheel:
        for name in names:
            wheel.write(str(package.locate_file(name)), name)
        record = f"{metadata}/RECORD"
        wheel.writestr(record, "".join(f"{name},,\n" for name in [*names, record]))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of credvault and those of everything it needs."""
    folder = tmp_path_factory.mktemp("wheels")
    build_distributions(folder)
    seen: set[str] = set()
    waiting = list(distribution("credvault").requires or [])
    while waiting:
        requirement = Requirement(waiting.pop())
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and (name := project_name(requirement.name)) not in seen:
            seen.add(name)
            package = distribution(name)
            pack_again(package, folder)
            waiting += package.requires or []
    return folder


def tool(name: str) -> str:
    """Return the path of an installer of the `dev` group."""
    return str(Path(sysconfig.get_path("scripts"), name))


def by_pip(home: Path, wheels: Path) -> Path:
    """Install into a virtual environment, and return the program."""
    venv.create(home / "venv", with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "venv/bin/python")]
    checked(*pip, "install", "--no-index", "--find-links", wheels, "credvault", home=home)
    return home / "venv/bin/credvault"


def by_uv(home: Path, wheels: Path, folder: str = "venv", *more: str) -> Path:
    """Install into a virtual environment, and return the program."""
    venv.create(home / folder, with_pip=False, symlinks=True)
    uv = [tool("uv"), "--offline", "--no-config", "pip", "install", "--python", str(home / folder / "bin/python")]
    checked(*uv, "--no-index", "--find-links", wheels, *more, "credvault", home=home)
    return home / folder / "bin/credvault"


def by_uv_tool(home: Path, wheels: Path) -> Path:
    """Install for a user, and return what is on PATH."""
    uv = [tool("uv"), "--offline", "--no-config", "tool", "install", "--python", str(BASE)]
    checked(*uv, "--no-index", "--find-links", wheels, "credvault", home=home)
    return home / ".local/bin/credvault"


def by_pipx(home: Path, wheels: Path) -> Path:
    """Install for a user, and return what is on PATH."""
    # With the installer that comes beside it: pip would first be fetched.
    pipx = [tool("pipx"), "install", "--backend", "uv", "--skip-maintenance", "--python", str(BASE)]
    (wheel,) = wheels.glob("credvault-*.whl")
    checked(*pipx, f"--pip-args=--no-index --find-links={wheels}", wheel, home=home, UV_OFFLINE="1")
    return home / ".local/bin/credvault"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """The program in a virtual environment, for tests that leave it as it is."""
    return by_uv(tmp_path_factory.mktemp("installed"), wheels)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder whose name the shell would take apart."""
    home = tmp_path / """it's a "new" $HOME * folder"""
    home.mkdir()
    return home


@pytest.fixture
def key(installed: Path, home: Path) -> str:
    """The key of a new vault in the home folder."""
    done = run(installed, "init", "--generate-key", home=home)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("ascii").strip()


@pytest.mark.parametrize("install", [by_pip, by_uv])
def test_installers_write_the_launcher_as_it_is(
    wheels: Path, home: Path, key: str, install: Callable[[Path, Path], Path]
) -> None:
    program = install(home, wheels)

    version = run(program, "--version", home=home)
    missing = run(program, "get", "nosuch", home=home, CREDVAULT_KEY=key)

    assert not program.is_symlink()
    assert program.read_bytes() == LAUNCHER.read_bytes()
    assert (version.returncode, version.stdout, version.stderr) == (0, VERSION, b"")
    assert (missing.returncode, missing.stdout) == (3, b"")
    assert b"there is no secret default/nosuch" in missing.stderr


@pytest.mark.parametrize("install", [by_uv_tool, by_pipx])
def test_installers_of_tools_link_to_the_launcher(
    wheels: Path, home: Path, key: str, install: Callable[[Path, Path], Path]
) -> None:
    program = install(home, wheels)

    version = run(program, "--version", home=home)
    missing = run(program, "get", "nosuch", home=home, CREDVAULT_KEY=key)

    assert program.is_symlink()
    assert program.read_bytes() == LAUNCHER.read_bytes()
    assert (version.returncode, version.stdout, version.stderr) == (0, VERSION, b"")
    assert (missing.returncode, missing.stdout) == (3, b"")
    assert b"there is no secret default/nosuch" in missing.stderr


def test_wheel_is_for_this_platform_and_has_no_entry_point(wheels: Path) -> None:
    (path,) = wheels.glob("credvault-*.whl")

    with zipfile.ZipFile(path) as wheel:
        script = wheel.getinfo(f"credvault-{credvault.__version__}.data/scripts/credvault")
        content = wheel.read(script)
        names = wheel.namelist()

    assert content == LAUNCHER.read_bytes()
    assert script.external_attr >> 16 & 0o111 == 0o111  # pip makes executable what was so in the wheel
    assert not [name for name in names if name.endswith("entry_points.txt")]
    assert re.search(r"-py3-none-(linux|macosx)_\w+\.whl$", path.name)


def test_editable_install_keeps_the_entry_point() -> None:
    program = Path(tool("credvault"))

    (entry_point,) = [point for point in distribution("credvault").entry_points if point.group == "console_scripts"]

    assert entry_point.value == "credvault.__main__:main"
    assert program.read_bytes() != LAUNCHER.read_bytes()
    assert b"python" in program.read_bytes().splitlines()[0]


def test_editable_wheel_holds_no_launcher(tmp_path: Path) -> None:
    code = "import sys; from hatchling.build import build_editable; print(build_editable(sys.argv[1]))"

    built = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True, capture_output=True, text=True)

    with zipfile.ZipFile(tmp_path / built.stdout.strip()) as wheel:
        names = wheel.namelist()
    assert f"credvault-{credvault.__version__}.dist-info/entry_points.txt" in names
    assert not [name for name in names if ".data/" in name]


def test_symbolic_links_lead_to_the_program(installed: Path, home: Path) -> None:
    (home / "far").symlink_to(installed)
    (home / "bin").mkdir()
    (home / "bin" / "near").symlink_to("../far")
    (home / "folder").symlink_to(installed.parent)
    relative = os.path.relpath(installed, home.resolve())
    (home / "relative").symlink_to(relative)

    ran = [
        run(program, "--version", home=home)
        for program in (home / "far", home / "bin/near", "./relative", "bin/../bin/near", home / "folder/credvault")
    ]

    assert [(done.returncode, done.stdout, done.stderr) for done in ran] == [(0, VERSION, b"")] * 5


def test_links_are_followed_without_a_path(installed: Path, home: Path) -> None:
    (home / "link").symlink_to(installed)

    done = run(home / "link", "--version", home=home, PATH=NO_PATH)

    assert (done.returncode, done.stdout, done.stderr) == (0, VERSION, b"")


def test_program_runs_by_its_bare_name(installed: Path, home: Path) -> None:
    there = installed.parent

    read_by_sh = run("/bin/sh", "credvault", "--version", home=home, cwd=there)
    found_here = run("/bin/sh", "-c", "credvault --version", home=home, cwd=there, PATH=":/usr/bin:/bin")
    found_there = run("/bin/sh", "-c", "credvault --version", home=home, PATH=f"{there}:/usr/bin:/bin")

    assert [done.stdout for done in (read_by_sh, found_here, found_there)] == [VERSION] * 3


def test_program_runs_in_a_folder_that_a_shell_would_take_apart(wheels: Path, home: Path) -> None:
    program = by_uv(home, wheels, "a  b'c\"d$(e)*;\\f\ng")

    done = run(program, "--version", home=home)
    here = run("./credvault", "--version", home=home, cwd=program.parent)

    assert (done.returncode, done.stdout, done.stderr) == (0, VERSION, b"")
    assert here.stdout == VERSION


def test_arguments_come_through_as_they_are(installed: Path, home: Path, key: str) -> None:
    words: list[str | bytes] = ["", " ", "a  b", "it's", '"', "--", "-c", "a\nb\n", "*", "$HOME", "`id`", "\\", b"\xff"]

    command: list[str | bytes] = ["exec", "--", sys.executable, "-I", "-c", TELL_ARGUMENTS]
    done = run(installed, *command, *words, home=home, CREDVAULT_KEY=key)

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"|".join(os.fsencode(word) for word in words)


def test_launcher_becomes_the_program(installed: Path, home: Path, key: str) -> None:
    """Nothing stays behind that would keep a signal or a terminal from it."""
    command = [str(installed), "exec", "--", "/bin/sh", "-c", "echo $$"]

    with subprocess.Popen(
        command, cwd=home, env={**bare_environment(home), "CREDVAULT_KEY": key}, stdout=subprocess.PIPE
    ) as process:
        printed, _ = process.communicate(timeout=SECONDS)

    assert int(printed) == process.pid


def test_lane_is_one_module_that_loads_no_other_of_ours(installed: Path, home: Path) -> None:
    (lane,) = installed.parent.parent.glob("lib/py*/site-packages/credvault/lane.py")
    code = f"import sys; sys.path.append({str(lane.parent.parent)!r}); import credvault.lane; print(*sys.modules)"

    done = run(installed.with_name("python"), "-I", "-S", "-c", code, home=home)

    loaded = set(done.stdout.decode().split())
    assert {name for name in loaded if name.startswith("credvault")} == {"credvault", "credvault.lane"}
    assert not loaded & {"os", "typing", "re", "_socket", "socket", "json"}


def test_linked_lane_answers_as_the_modules_do(installed: Path, home: Path, key: str) -> None:
    socket = f"/tmp/cv-{os.getpid()}/agent.sock"
    by_module: list[str | Path] = [installed.with_name("python"), "-m", "credvault"]
    checked(installed, "unlock", home=home, CREDVAULT_KEY=key, CREDVAULT_AGENT_SOCKET=socket)
    try:
        for words in (["get", "a/b"], ["get", "no/such"], ["get", "a//b"], ["exec", "--", "env"], ["exec", "--", "no"]):
            linked = run(installed, *words, home=home, CREDVAULT_AGENT_SOCKET=socket)
            module = run(*by_module, *words, home=home, CREDVAULT_AGENT_SOCKET=socket)

            # The shell of the launcher sets PWD.
            both = [
                (done.returncode, {line for line in done.stdout.splitlines() if b"PWD=" not in line}, done.stderr)
                for done in (linked, module)
            ]
            assert both[0] == both[1]
    finally:
        checked(installed, "agent", "stop", home=home, CREDVAULT_AGENT_SOCKET=socket)
        shutil.rmtree(Path(socket).parent, ignore_errors=True)  # the agent removes its socket at the same time


@pytest.fixture
def lane_of_tab(installed: Path) -> Iterator[Path]:
    """The linked lane of TAB, with a deadline that a busy machine meets; that there is one, other tests show."""
    (lane,) = installed.parent.parent.glob("lib/py*/site-packages/credvault/lane_tab.py")
    text = lane.read_text()
    patient = text.replace(f"DEADLINE_SECONDS = {DEADLINE_SECONDS}\n", f"DEADLINE_SECONDS = {SECONDS}\n")
    assert patient != text
    _replace(lane, patient)
    yield lane
    _replace(lane, text)


def _replace(path: Path, text: str) -> None:
    path.unlink()  # it may be a link to what the installer keeps
    path.write_text(text)


def test_linked_lane_of_tab_offers_names(installed: Path, lane_of_tab: Path, home: Path, key: str) -> None:
    socket = f"/tmp/cv-{os.getpid()}/agent.sock"
    checked(installed, "add", "a/b", "--generate", home=home, CREDVAULT_KEY=key)
    checked(installed, "unlock", home=home, CREDVAULT_KEY=key, CREDVAULT_AGENT_SOCKET=socket)
    try:
        ways = {"by the agent": {"CREDVAULT_AGENT_SOCKET": socket}, "with the key": {"CREDVAULT_KEY": key}}
        offers = {
            way: run(installed, "__complete", "name", "a", home=home, cwd=home, **environ)
            for way, environ in ways.items()
        }
    finally:
        checked(installed, "agent", "stop", home=home, CREDVAULT_AGENT_SOCKET=socket)
        shutil.rmtree(Path(socket).parent, ignore_errors=True)  # the agent removes its socket at the same time

    for way, done in offers.items():
        assert (done.returncode, done.stdout, done.stderr) == (0, b"a/", b""), way
    assert "import credvault" not in lane_of_tab.read_text()


def test_completions_are_where_shells_look_and_what_the_program_prints(installed: Path, home: Path) -> None:
    share = installed.parent.parent / "share"
    places = {
        "bash": "bash-completion/completions/credvault",
        "zsh": "zsh/site-functions/_credvault",
        "fish": "fish/vendor_completions.d/credvault.fish",
    }

    for shell, place in places.items():
        printed = run(installed, "completion", shell, home=home)
        assert (printed.returncode, printed.stderr) == (0, b"")
        assert printed.stdout == (share / place).read_bytes() == (ROOT / "completions" / SCRIPTS[shell]).read_bytes()


def test_module_hands_on_variables_that_a_shell_may_drop(installed: Path, home: Path, key: str) -> None:
    """What README says of the launcher's price: Debian's sh drops them, and this is the way round it."""
    odd = {"a.b": "1", "a-b": "2", "BASH_FUNC_f%%": "() { :; }"}
    python = installed.with_name("python")

    words = [str(python), "-m", "credvault", "exec", "--", "env"]
    done = subprocess.run(
        words, env={**bare_environment(home), "CREDVAULT_KEY": key, **odd}, capture_output=True, timeout=SECONDS
    )

    assert done.returncode == 0, done.stderr.decode()
    assert {f"{name}={value}" for name, value in odd.items()} <= set(done.stdout.decode().splitlines())


def test_python_variables_and_modules_of_the_folder_have_no_influence(installed: Path, home: Path, key: str) -> None:
    trap = "import os\nopen(os.environ['MARK'], 'w').close()\nraise SystemExit(99)\n"
    folder = home / "traps"
    folder.mkdir()
    for name in ("credvault", "sys", "re", "gc", "click", "sitecustomize", "usercustomize", "startup"):
        (folder / f"{name}.py").write_text(trap, encoding="utf-8")
    traps = {
        "PYTHONPATH": str(folder),
        "PYTHONHOME": str(folder),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "PYTHONINSPECT": "1",
        "MARK": str(home / "mark"),
    }

    version = run(installed, "--version", home=home, cwd=folder, **traps)
    missing = run(installed, "get", "nosuch", home=home, cwd=folder, CREDVAULT_KEY=key, **traps)

    assert (version.returncode, version.stdout, version.stderr) == (0, VERSION, b"")
    assert missing.returncode == 3
    assert not (home / "mark").exists()


def test_get_reads_no_pth_file(wheels: Path, home: Path, key: str) -> None:
    program = by_uv(home, wheels)
    mark = home / "mark"
    (site_packages,) = program.parent.parent.glob("lib/python*/site-packages")
    line = f"import os; open({str(mark)!r}, 'w').close()\n"
    (site_packages / "mark.pth").write_text(line, encoding="utf-8")

    run(program, "get", "nosuch", home=home, CREDVAULT_KEY=key)
    after_get = mark.exists()
    run(program, "--version", home=home)

    assert not after_get
    assert mark.exists()  # the command line is found the long way round, so the file would have been read


def user_install(home: Path, wheels: Path, *where: str) -> Path:
    """Install with the interpreter that this environment is made of, which is not beside the program then."""
    pip = [sys.executable, "-m", "pip", "--python", str(BASE), "install", "--no-index", "--no-warn-script-location"]
    more = ["--ignore-installed", "--break-system-packages", "--find-links", str(wheels)]
    checked(*pip, *more, *where, "credvault", home=home)
    program = home / ".local/bin/credvault"
    assert program.read_bytes() == LAUNCHER.read_bytes()
    return program


@pytest.mark.parametrize("where", ["user", "prefix"])
def test_program_finds_an_interpreter_that_is_not_beside_it(wheels: Path, home: Path, key: str, where: str) -> None:
    program = user_install(home, wheels, *(["--user"] if where == "user" else ["--prefix", str(home / ".local")]))
    path = f"{BASE.parent}:/usr/bin:/bin"
    # Where it looks for modules is its own business, as long as none is found in the current folder.
    folder = home / "traps"
    folder.mkdir()
    (folder / "credvault.py").write_text("raise SystemExit(99)\n", encoding="utf-8")

    version = run(program, "--version", home=home, cwd=folder, PATH=path)
    missing = run(program, "get", "nosuch", home=home, cwd=folder, PATH=path, CREDVAULT_KEY=key)

    assert (version.returncode, version.stdout, version.stderr) == (0, VERSION, b"")
    assert missing.returncode == 3


def test_interpreter_beside_the_program_without_credvault_is_passed_over(wheels: Path, home: Path) -> None:
    program = user_install(home, wheels, "--prefix", str(home / ".local"))
    for name in ("python", "python3"):
        (program.parent / name).write_text("#!/bin/sh\necho wrong >&2\nexit 1\n", encoding="ascii")
        (program.parent / name).chmod(0o755)

    done = run(program, "--version", home=home, PATH=f"{program.parent}:{BASE.parent}:/usr/bin:/bin")

    assert (done.returncode, done.stdout, done.stderr) == (0, VERSION, b"")


def test_copy_without_credvault_in_reach_ends_with_one_error(home: Path) -> None:
    copy = home / "credvault"
    shutil.copy(LAUNCHER, copy)

    done = run(copy, "--version", home=home, PATH=NO_PATH)

    assert (done.returncode, done.stdout) == (1, b"")
    error, hint = done.stderr.decode().splitlines()
    assert error == f"credvault: error: no Python beside {copy} or on PATH has credvault"
    assert hint.startswith("credvault: hint: ")


def test_program_without_its_dependencies_ends_with_one_error(wheels: Path, home: Path) -> None:
    program = by_uv(home, wheels, "venv", "--no-deps")

    done = run(program, "--version", home=home)

    assert (done.returncode, done.stdout) == (1, b"")
    error, hint = done.stderr.decode().splitlines()
    assert error.startswith("credvault: error: the installed program is not whole: No module named ")
    assert hint.startswith("credvault: hint: ")
