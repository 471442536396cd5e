"""Which program `exec` starts, what it says where there is none, and that it looks before anything is unlocked."""

import os
from pathlib import Path

import pytest

from tests.conftest import Cli


def make_program(path: Path, text: str = "#!/bin/sh\necho $0\n", mode: int = 0o755) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_first_folder_of_path_that_has_it_counts(cli: Cli) -> None:
    make_program(cli.cwd / "a" / "hello", "#!/bin/sh\necho a\n", mode=0o644)
    (cli.cwd / "b" / "hello").mkdir(parents=True)
    make_program(cli.cwd / "c" / "hello", "#!/bin/sh\necho c\n")
    make_program(cli.cwd / "d" / "hello", "#!/bin/sh\necho d\n")
    path = ":".join(str(cli.cwd / folder) for folder in ("nowhere", "a", "b", "c", "d"))

    done = cli("exec", "--", "hello", env={"PATH": path})

    assert done.stdout == b"c\n"


@pytest.mark.parametrize("path", ["", ":/bin", "/bin:", "/nowhere::/bin", ".", "sub/.."])
def test_empty_and_relative_parts_of_path_start_from_the_current_folder(cli: Cli, path: str) -> None:
    make_program(cli.cwd / "hello")
    (cli.cwd / "sub").mkdir()

    done = cli("exec", "--", "hello", env={"PATH": path})

    assert done.stdout.endswith(b"hello\n")
    assert done.returncode == 0


def test_current_folder_is_not_looked_in_unless_path_says_so(cli: Cli) -> None:
    make_program(cli.cwd / "hello")

    done = cli("exec", "--", "hello")

    assert done.returncode == 127


def test_path_that_is_not_set_means_the_systems(cli: Cli) -> None:
    done = cli("exec", "--", "echo", "found", env={"PATH": None})

    assert done.stdout == b"found\n"


def test_program_with_a_slash_is_not_looked_for_in_path(cli: Cli) -> None:
    make_program(cli.cwd / "bin" / "hello")

    relative = cli("exec", "--", "bin/hello", env={"PATH": "/nowhere"})
    elsewhere = cli("exec", "--", "./hello", env={"PATH": str(cli.cwd / "bin")})

    assert relative.stdout == b"bin/hello\n"
    assert elsewhere.returncode == 127


def test_program_name_need_not_be_text(cli: Cli) -> None:
    program = bytes(cli.cwd) + b"/\xff\xfe x"
    make_program(Path(os.fsdecode(program)), "#!/bin/sh\necho odd\n")

    done = cli("exec", "--", program)
    missing = cli("exec", "--", program + b"\xe9")

    assert done.stdout == b"odd\n"
    assert missing.returncode == 127
    missing.stderr.decode("ascii")


@pytest.mark.parametrize("program", ["/no/such", "nosuchprogram", "./nosuch", "", "/bin/sh/x"])
def test_missing_program_is_127(cli: Cli, program: str) -> None:
    done = cli("exec", "--", program)

    assert done.returncode == 127
    assert done.stderr.startswith(b"credvault: error: there is no program " + program.encode())
    assert done.stdout == b""


NOT_RUNNABLE = {
    "not executable": ("#!/bin/sh\n", 0o644, b"permission denied"),
    "without a format": ("echo hi\n", 0o755, b"it has no format that the system runs"),
    "empty": ("", 0o755, b"it has no format that the system runs"),
    "with an interpreter that is not there": ("#!/no/such/sh\n", 0o755, b"the interpreter in its #! line is not there"),
}


@pytest.mark.parametrize(("text", "mode", "reason"), NOT_RUNNABLE.values(), ids=NOT_RUNNABLE.keys())
@pytest.mark.parametrize("in_path", [True, False])
def test_program_that_cannot_be_run_is_126(cli: Cli, text: str, mode: int, reason: bytes, in_path: bool) -> None:
    make_program(cli.cwd / "prog", text, mode)

    done = cli("exec", "--", "prog" if in_path else "./prog", env={"PATH": str(cli.cwd)})

    assert done.returncode == 126
    assert b"credvault: error: cannot run " in done.stderr
    assert reason in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("program", ["/tmp", "./folder", "folder", "."])
def test_folder_is_126(cli: Cli, program: str) -> None:
    (cli.cwd / "folder").mkdir()

    done = cli("exec", "--", program, env={"PATH": str(cli.cwd)})

    assert (done.returncode, done.stdout) == (126, b"")
    assert b"it is not a file" in done.stderr


def test_arguments_and_environment_too_large_in_all_are_126(cli: Cli) -> None:
    many = {f"V{number}": "x" * 130_000 for number in range(14)}
    for number in range(4):
        cli("add", f"S{number}", "--stdin-raw", stdin=b"canary" * 21_000, check=True)

    # It could be started itself, but not with four secrets more.
    done = cli("exec", "--", "/bin/echo", "x" * 130_000, env=many)

    assert done.returncode == 126
    assert b"larger than the system takes" in done.stderr
    assert b"canary" not in done.stderr + done.stdout


def test_program_is_looked_for_before_anything_is_unlocked(cli: Cli) -> None:
    asked = cli.cwd / "asked"
    command = {"CREDVAULT_KEY": None, "CREDVAULT_PASSPHRASE_COMMAND": f"touch {asked}"}

    locked = cli("exec", "--", "/no/such", env={"CREDVAULT_KEY": None})
    wrong = cli("exec", "--", "nosuchprogram", env={"CREDVAULT_KEY": "nonsense"})
    no_vault = cli("--vault", "nosuch.json", "exec", "--", "/no/such")
    asking = [cli("exec", "--", program, env=command) for program in ("/no/such", "nosuchprogram", "/tmp")]

    assert [done.returncode for done in (locked, wrong, no_vault, *asking)] == [127, 127, 127, 127, 127, 126]
    assert not asked.exists()
    assert cli("exec", "--", "true", env=command).returncode == 125
    assert asked.exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("exec",), b"which program?"),
        (("exec", "--"), b"which program?"),
        (("exec", "--shell", "true", "--", "true"), b"not both"),
        (("exec", "-e", "TOKEN", "--", "true"), b"-e takes VAR=NAME"),
        (("exec", "-e", "=TOKEN", "--", "true"), b"-e takes VAR=NAME"),
        (("exec", "-e", "X=", "--", "true"), b"-e takes VAR=NAME"),
        (("exec", "-e", "X=a b", "--", "true"), b"character ' '"),
        (("exec", "-e", "X=https://example.org/x", "--", "true"), b"UNSUPPORTED_ENGINE"),
        (("exec", "-e", "X=a?version=0", "--", "true"), b"not version=N"),
        (("exec", "--only", "", "--", "true"), b"--only names no variable"),
        (("exec", "--only", "$X", "--", "true"), b"not allowed in pattern"),
        (("exec", "--db", "", "--", "true"), b"empty key"),
        (("exec", "-n", "a/b", "--", "true"), b"character '/'"),
        (("exec", "-n", "", "--", "true"), b"empty namespace"),
        (("exec", "-n", "dev", "-e", "X=prod/api_key", "--", "true"), b"but -n says dev"),
        (("exec", "--if-missing", "maybe", "--", "true"), b"'maybe' is not one of"),
        (("exec", "--nosuch", "--", "true"), b"no such option"),
    ],
)
def test_wrong_usage_is_2(cli: Cli, words: tuple[str, ...], complaint: bytes) -> None:
    done = cli(*words)

    assert done.returncode == 2, done
    assert complaint in done.stderr
    assert done.stdout == b""
