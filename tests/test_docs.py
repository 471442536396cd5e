"""What is said of the program is what it does: README and man page are made from it, and the help is true."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from credvault.cli.context import Run
from credvault.cli.main import COMMANDS, cli
from credvault.cli.variables import SETTINGS, UNLOCKING
from credvault.model.errors import error_classes
from tests.render_docs import MAN_PAGE, README, ROOT, commands, error_rows, example, readme, rendered, troff

PACKAGE = ROOT / "credvault"
COLUMNS = 80


@pytest.fixture(scope="module")
def by_name() -> dict[str, click.Command]:
    """Every command of the program and of its groups, by what a user types for it."""
    return dict(commands())


@pytest.mark.parametrize("path", [README, MAN_PAGE], ids=lambda path: path.name)
def test_file_is_in_step_with_the_program(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == rendered()[path], "run 'make docs'"


def test_drift_in_the_readme_is_noticed() -> None:
    text = README.read_text(encoding="utf-8").replace("`get NAME`", "`fetch NAME`")

    assert readme(text) != text


def test_readme_without_its_markers_is_refused() -> None:
    text = README.read_text(encoding="utf-8").replace("<!-- /commands -->", "")

    with pytest.raises(LookupError, match="commands"):
        readme(text)


def test_every_command_has_a_file_and_every_file_a_command() -> None:
    files = {path.stem for path in (PACKAGE / "cli" / "commands").glob("*.py")} - {"__init__"}

    assert files == set(COMMANDS)


def test_every_command_says_what_it_does_with_an_example(by_name: dict[str, click.Command]) -> None:
    without = [name for name, command in by_name.items() if not command.help or not example(command)]

    assert without == []


def test_every_option_has_a_help_text(by_name: dict[str, click.Command]) -> None:
    without = [
        f"{name} {option.opts[0]}"
        for name, command in {"": cli, **by_name}.items()
        for option in command.get_params(click.Context(command))
        if isinstance(option, click.Option) and not option.help
    ]

    assert without == []


def test_every_example_is_accepted_by_the_command(by_name: dict[str, click.Command]) -> None:
    refused = []
    for name, command in {"": cli, **by_name}.items():
        for words in typed_commands(example(command) or ""):
            try:
                parse(words)
            except click.UsageError as exc:
                refused.append(f"{name}: {exc.format_message()}")

    assert refused == []


def test_every_example_is_of_its_own_command(by_name: dict[str, click.Command]) -> None:
    strangers = [
        name
        for name, command in by_name.items()
        if not any(" ".join(words).startswith(name) for words in typed_commands(example(command) or ""))
    ]

    assert strangers == []


def test_wrong_example_would_be_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        parse(["add", "openai/api_key", "--no-such-option"])
    with pytest.raises(click.UsageError):
        parse(["slot", "no-such-command"])


def test_help_fits_a_terminal(by_name: dict[str, click.Command]) -> None:
    wide = [
        f"{name}: {line}"
        for name, command in {"": cli, **by_name}.items()
        for line in command.get_help(context_of(name, command)).splitlines()
        if len(line) > COLUMNS
    ]

    assert wide == []


def test_help_of_the_program_names_every_command() -> None:
    shown = cli.get_help(context_of("", cli))

    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", shown, re.MULTILINE)] == []


def test_help_names_options_and_no_arguments(by_name: dict[str, click.Command]) -> None:
    shown = by_name["add"].get_help(context_of("add", by_name["add"]))

    listed = [line.split()[0] for line in shown.partition("Options:\n")[2].splitlines() if re.match("  [^ ]", line)]

    assert listed
    assert all(word.startswith("-") for word in listed)


def test_man_page_names_every_variable_that_the_program_reads() -> None:
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.name != "variables.py"]

    read = {
        name
        for source in sources
        for name in re.findall(r'"(CREDVAULT_[A-Z_]*[A-Z]|NO_COLOR|XDG_\w+_(?:HOME|DIR))"', source)
    }

    described = {name for name in {**UNLOCKING, **SETTINGS} if name != "CI"}
    assert described == read


def test_table_of_exit_codes_has_every_error() -> None:
    listed = {(status, code) for status, code, _ in error_rows()}

    assert listed == {(error.exit_status, error.code) for error in error_classes()}


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_man_page_renders_without_a_warning() -> None:
    command = ["groff", "-ww", "-man", "-Tutf8", str(MAN_PAGE)]

    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "CREDVAULT_PASSPHRASE_FILE" in re.sub(r"\x1b\[[0-9;]*m|.\x08", "", ran.stdout)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-n, --namespace", "\\-n, \\-\\-namespace"),
        (".credvault.toml", "\\&.credvault.toml"),
        ("'x' \\ \"y\"", "\\(aqx\\(aq \\e \\(dqy\\(dq"),
        ("CMD ARG…", "CMD ARG\\[u2026]"),
    ],
)
def test_text_reaches_the_man_page_as_it_is(text: str, expected: str) -> None:
    assert troff(text) == expected


def context_of(name: str, command: click.Command) -> click.Context:
    """Return a context in which a command shows its help as it does on a terminal of 80 columns."""
    root = click.Context(cli, info_name="credvault", terminal_width=COLUMNS)
    return click.Context(command, parent=root, info_name=name, terminal_width=COLUMNS) if name else root


def typed_commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each `credvault …` in a line of shell, also in a command substitution."""
    for found in re.finditer(r"(?:^|\$\(|[|;&] *)credvault ((?:'[^']*'|\"[^\"]*\"|[^'\"|;&)])*)", line):
        yield shlex.split(found[1])


def parse(words: list[str]) -> None:
    """Let Click read a command line, running nothing; raises UsageError as it would for a user."""
    command: click.Command | None = cli
    context = click.Context(cli, info_name="credvault", obj=Run())
    while isinstance(command, click.Group):
        name, *words = words
        command = command.get_command(context, name)
        if command is None:
            raise click.UsageError(f"no such command: {name}", context)
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=name)
        else:
            command.make_context(name, words, parent=context)
