"""`inject` as a process: the file that it makes, and that it makes none where anything is wrong."""

import json
import os
from pathlib import Path

import pytest

from credvault import files
from tests.conftest import Cli
from tests.faults import FULL_FROM_HERE, SHORT_THEN_FULL, FaultyCalls, in_child, install, leftovers
from tests.home import Home

TEMPLATE = b"token = {{ credvault://TOKEN }}\npassword = {{ credvault://closed/password }}\n"
FILLED = b"token = canary-token\npassword = canary-closed\n"


@pytest.fixture
def template(stocked: Cli) -> Path:
    path = stocked.cwd / "app.tmpl"
    path.write_bytes(TEMPLATE)
    return path


def test_file_is_new_and_private(stocked: Cli, template: Path) -> None:
    done = stocked("inject", "-i", "app.tmpl", "-o", "app.conf")

    made = stocked.cwd / "app.conf"
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"credvault: wrote app.conf (46 bytes)\n")
    assert (made.read_bytes(), made.stat().st_mode & 0o777) == (FILLED, 0o600)
    assert template.read_bytes() == TEMPLATE


@pytest.mark.parametrize("options", [[], ["-i", "-"], ["-o", "-"], ["-i", "-", "-o", "-"]], ids=str)
def test_stdin_and_stdout_are_the_default(stocked: Cli, options: list[str]) -> None:
    done = stocked("inject", *options, stdin=b"\xff{{ credvault://TOKEN }}\r\n\0")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xffcanary-token\r\n\0", b"")


def test_value_that_looks_like_a_reference_is_text(cli: Cli) -> None:
    """So a template cannot lead in a circle, or to a secret that it does not name."""
    loop = b"{{ credvault://a/loop }} {{ credvault://a/other }} \\{{ x }}"
    cli("add", "a/loop", "--stdin", stdin=loop, check=True)
    cli("add", "a/other", "--stdin", stdin=b"canary", check=True)

    done = cli("inject", stdin=b"<{{ credvault://a/loop }}>")

    assert done.stdout == b"<" + loop + b">"


def test_file_that_is_there_is_kept_unless_it_is_to_be_replaced(stocked: Cli, template: Path) -> None:
    (stocked.cwd / "app.conf").write_text("mine")

    refused = stocked("inject", "-i", "app.tmpl", "-o", "app.conf")
    kept = (stocked.cwd / "app.conf").read_bytes()
    replaced = stocked("inject", "-i", "app.tmpl", "-o", "app.conf", "--force")

    assert (refused.returncode, kept) == (7, b"mine")
    assert b"--force replaces it" in refused.stderr
    assert replaced.returncode == 0
    assert (stocked.cwd / "app.conf").read_bytes() == FILLED
    assert (stocked.cwd / "app.conf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("way", ["itself", "a link", "another name", "stdin", "home", "output in home"])
def test_template_is_never_the_file_that_is_written(stocked: Cli, template: Path, way: str) -> None:
    output = stocked.cwd / "other"
    if way == "a link":
        output.symlink_to(template)
    elif way == "another name":
        output.hardlink_to(template)
    else:
        output = template

    ways = {
        "stdin": "<app.tmpl",
        "home": "--input='~/app.tmpl'",
        "output in home": "-i app.tmpl --output='~/app.tmpl'",
    }
    words = 'credvault inject -o "$0" --force ' + ways.get(way, "-i app.tmpl")
    done = stocked.run(["sh", "-c", words, str(output)], env={"HOME": str(stocked.cwd)})

    assert done.returncode == 2
    assert b"is the template, which would be lost" in done.stderr
    assert template.read_bytes() == TEMPLATE


def test_output_of_an_unset_variable_is_wrong_usage(stocked: Cli, template: Path) -> None:
    for command in ("inject -i app.tmpl", "get TOKEN", "export --format json"):
        done = stocked.run(["sh", "-c", f'credvault {command} --force -o "$OUT"'])

        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr == b"credvault: error: -o names no file\ncredvault: hint: -o FILE, or - for stdout\n"


def test_template_of_an_unset_variable_is_wrong_usage_and_nothing_is_written(stocked: Cli) -> None:
    done = stocked.run(["sh", "-c", 'credvault inject -i "$TEMPLATE" -o new </dev/null'])

    assert done.returncode == 2
    assert done.stderr == b"credvault: error: -i names no file\ncredvault: hint: -i TEMPLATE, or - for stdin\n"
    assert not (stocked.cwd / "new").exists()


def test_home_is_found_for_the_output_as_for_the_template(stocked: Cli, template: Path) -> None:
    # The shell leaves a ~ that stands behind an = as it is.
    words = "credvault inject --input=~/app.tmpl --output=~/new && credvault get TOKEN --output=~/token"
    vault = str(stocked.home / ".local/share/credvault/vault.json")
    stocked.run(["sh", "-c", words], env={"HOME": str(stocked.cwd), "CREDVAULT_VAULT": vault}, check=True)

    assert (stocked.cwd / "new").read_bytes() == FILLED
    assert (stocked.cwd / "token").read_bytes() == b"canary-token"
    assert not (stocked.cwd / "~").exists()


def test_vault_is_never_the_file_that_is_written(stocked: Cli, template: Path) -> None:
    vault = stocked.home / ".local/share/credvault/vault.json"
    before = vault.read_bytes()

    done = stocked("inject", "-i", "app.tmpl", "-o", str(vault), "--force")

    assert done.returncode == 2
    assert vault.read_bytes() == before


WRONG = {
    "missing": (b"{{ credvault://TOKEN }} {{ credvault://no/such }}", 3),
    "missing field": (b"{{ credvault://TOKEN }} {{ credvault://TOKEN#host }}", 3),
    "missing version": (b"{{ credvault://TOKEN }} {{ credvault://TOKEN?version=2 }}", 3),
    "not closed": (b"{{ credvault://TOKEN }} {{ credvault://TOKEN", 2),
    "bad name": (b"{{ credvault://TOKEN }} {{ credvault://a//b }}", 2),
}


@pytest.mark.parametrize("how", [[], ["-o", "new"], ["-o", "old", "--force"]], ids=["stdout", "new file", "old file"])
@pytest.mark.parametrize(("text", "status"), WRONG.values(), ids=WRONG.keys())
def test_where_anything_is_wrong_nothing_is_written(stocked: Cli, text: bytes, status: int, how: list[str]) -> None:
    (stocked.cwd / "old").write_text("mine")
    (stocked.cwd / "t").write_bytes(text)

    done = stocked("inject", "-i", "t", *how)

    assert (done.returncode, done.stdout) == (status, b"")
    assert b"canary" not in done.stderr
    assert sorted(path.name for path in stocked.cwd.iterdir()) == ["old", "t"]
    assert (stocked.cwd / "old").read_text() == "mine"


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("none", 3, b"there is no file none"),
        (".", 6, b"cannot read .: it is not a regular file"),
        ("pipe", 6, b"cannot read pipe: it is not a regular file"),
        ("large", 6, b"cannot read large: it is too large"),
        ("\x1b[2J", 3, b"there is no file \\x1b[2J"),
    ],
)
def test_template_that_cannot_be_read_is_named_and_nothing_hangs(
    stocked: Cli, source: str, status: int, words: bytes
) -> None:
    os.mkfifo(stocked.cwd / "pipe")
    with (stocked.cwd / "large").open("wb") as file:
        file.truncate(4 * 1024 * 1024 + 1)

    done = stocked("inject", "-i", source, "-o", "new")

    assert done.returncode == status
    assert words in done.stderr
    assert not (stocked.cwd / "new").exists()


def test_stdin_that_is_closed_or_endless_is_an_error(stocked: Cli) -> None:
    closed = stocked.run(["sh", "-c", "credvault inject <&-"])
    endless = stocked.run(["sh", "-c", "credvault inject </dev/zero"])

    assert (closed.returncode, endless.returncode) == (2, 6)
    assert b"stdin is closed, so there is no template to read" in closed.stderr
    assert b"cannot read stdin: it is too large" in endless.stderr


def test_answer_that_cannot_be_written_has_its_own_status(stocked: Cli, template: Path) -> None:
    full = stocked.run(["sh", "-c", "credvault inject -i app.tmpl >/dev/full"])

    assert full.returncode == 6
    assert b"no space left on device" in full.stderr


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
@pytest.mark.parametrize(
    ("place", "hint"),
    [
        ("/dev/stdout", b"leave out -o, and send stdout there"),
        ("pipe", b"leave out -o, and send stdout there"),
        ("folder", b"name a file in it"),
    ],
)
def test_what_is_no_file_is_not_said_to_be_replaceable(
    stocked: Cli, template: Path, place: str, hint: bytes, force: list[str]
) -> None:
    os.mkfifo(stocked.cwd / "pipe")
    (stocked.cwd / "folder").mkdir()

    done = stocked("inject", "-i", "app.tmpl", "-o", place, *force)

    assert (done.returncode, done.stdout) == (6, b"")
    assert done.stderr == b"credvault: error: cannot write %s: it is not a regular file\ncredvault: hint: %s\n" % (
        place.encode(),
        hint,
    )
    assert (stocked.cwd / "pipe").is_fifo()


@pytest.mark.parametrize("fault", [FULL_FROM_HERE, SHORT_THEN_FULL, "EIO"])
def test_full_disk_leaves_no_file_and_keeps_the_old_one(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home").furnish()
    assert home.run("add", "a/key", "--stdin", stdin=b"canary-value").status == 0
    home.write("t", "{{ credvault://a/key }}")
    home.write("old", "mine")
    words = ("inject", "-i", "t", "-o")
    failed = 0

    for name, before in (("old", b"mine"), ("new", None)):
        sound = FaultyCalls()
        monkeypatch.setattr(files, "calls", sound)
        assert home.run(*words, name, "--force").status == 0
        for k, call in enumerate(sound.made, 1):
            if not call.is_hit_by(fault):
                continue
            home.write("old", "mine")
            (home.root / "new").unlink(missing_ok=True)

            def run(k: int = k, name: str = name) -> int:
                install(FaultyCalls(k, fault))
                return home.run(*words, name, "--force").status

            status = in_child(run)
            content = (home.root / name).read_bytes() if (home.root / name).exists() else None
            failed += status == 6
            assert status in (0, 6), (k, call)
            assert content in (before, b"canary-value"), (k, call)
            assert content == b"canary-value" or status == 6, (k, call)
            assert leftovers(home.root) == []

    assert failed >= 4


def test_expired_secret_is_filled_in_with_a_warning(cli: Cli) -> None:
    cli("add", "old/key", "--expires", "2020-01-31", "--stdin", stdin=b"old", check=True)

    done = cli("inject", stdin=b"{{ credvault://old/key }}")

    assert done.stdout == b"old"
    assert b"warning: old/key expired at 2020-01-31" in done.stderr


def test_name_without_a_namespace_is_in_the_one_that_holds(stocked: Cli) -> None:
    done = stocked("inject", "-n", "dev", stdin=b"{{ credvault://api_key }}")
    clash = stocked("inject", "-n", "dev", stdin=b"{{ credvault://prod/api_key }}")

    assert done.stdout == b"canary-dev"
    assert clash.returncode == 2
    assert b"stdin:1:1: prod/api_key is in namespace prod, but -n says dev" in clash.stderr


def test_template_without_a_reference_needs_no_key(stocked: Cli) -> None:
    done = stocked("inject", stdin=b"\\{{ credvault://TOKEN }} {{ .Values.x }}", env={"CREDVAULT_KEY": None})

    assert (done.returncode, done.stdout) == (0, b"{{ credvault://TOKEN }} {{ .Values.x }}")


def test_trail_says_what_the_secrets_were_read_for(stocked: Cli) -> None:
    stocked("inject", stdin=TEMPLATE, check=True)

    trail = (stocked.home / ".local/state/credvault/trail.jsonl").read_text().splitlines()

    assert [json.loads(line)["command"] for line in trail] == ["inject", "inject"]
