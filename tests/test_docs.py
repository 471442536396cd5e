"""What is said of the program is what it does: README and manual pages are made from it, and its help is true."""

import os
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
from credvault.cli.variables import SERVERS, SETTINGS, UNLOCKING
from credvault.model.errors import error_classes
from tests.pages import README, ROOT
from tests.render_docs import COMPLETIONS, MAN, rendered, stale
from tests.rendering.commandline import UnknownMetavarError, word_of
from tests.rendering.manpages import statuses_of
from tests.rendering.program import commands, error_rows, example, shown_options
from tests.rendering.readme import readme
from tests.rendering.troff import paragraphs, troff
from tests.transcript import Command
from tests.transcript import parse as parse_transcript

PACKAGE = ROOT / "credvault"
COLUMNS = 80
RENDERED = rendered()
PAGES = sorted(MAN.glob("*.1"))


@pytest.fixture(scope="module")
def by_name() -> dict[str, click.Command]:
    """Every command of the program and of its groups, by what a user types for it."""
    return dict(commands())


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.name)
def test_file_is_in_step_with_the_program(path: Path) -> None:
    assert path.is_file(), "run 'make docs'"
    assert path.read_text(encoding="utf-8") == RENDERED[path], "run 'make docs'"


def test_nothing_stands_beside_the_files_that_are_made() -> None:
    assert stale(RENDERED) == [], "run 'make docs'"


def test_page_of_a_command_that_is_gone_is_stale() -> None:
    without = {path: text for path, text in RENDERED.items() if path.name != "credvault-get.1"}

    assert stale(without) == [MAN / "credvault-get.1"]


def test_word_of_an_unknown_kind_is_refused_with_what_to_do() -> None:
    strange = click.Option(["--colour-of-the-moon"], metavar="HUE")

    with pytest.raises(UnknownMetavarError, match=r"'credvault get' --colour-of-the-moon takes HUE: say in METAVARS"):
        word_of("get", strange)


@pytest.mark.parametrize("script", sorted(COMPLETIONS.iterdir()), ids=lambda path: path.name)
def test_completions_have_every_command_and_option(script: Path, by_name: dict[str, click.Command]) -> None:
    words = set(re.findall(r"[\w-]+", script.read_text(encoding="utf-8")))
    spelt = {
        # fish has `-l output -s o`.
        spelling.lstrip("-") if script.suffix == ".fish" else spelling
        for command in [cli, *by_name.values()]
        for option in shown_options(command)
        for spelling in (*option.opts, *option.secondary_opts)
    }

    assert {word for name in by_name for word in name.split()} <= words
    assert spelt <= words


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


def test_help_of_a_group_says_whole_what_its_commands_do(by_name: dict[str, click.Command]) -> None:
    groups = {name: command for name, command in by_name.items() if isinstance(command, click.Group)}

    listed = {
        name: group.get_help(context_of(name, group)).partition("\nCommands:\n")[2] for name, group in groups.items()
    }

    assert len(groups) >= 4
    assert [name for name, text in listed.items() if not text or "..." in text] == []


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
        for name in re.findall(
            r'"(CREDVAULT_[A-Z_]*[A-Z]|NO_COLOR|GITHUB_ENV|(?:SECRET_)?TENANT_(?:ALLOWED_MOUNTS|SALT)|XDG_\w+_(?:HOME|DIR))"',
            source,
        )
    }

    described = {name for name in {**UNLOCKING, **SETTINGS} if name != "CI"}
    assert described == read


def test_page_describes_each_variable_of_a_server_and_no_others() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (PACKAGE / "backends/hashicorp").glob("*.py")]

    read = {name for source in sources for name in re.findall(r'(?:find|is_on)\((?:variables, )?"([A-Z_]+)"', source)}

    assert {*SERVERS} == read | {"ADDR"}  # which stands in the table of what names a server


def test_table_of_exit_codes_has_every_error() -> None:
    listed = {(status, code) for status, code, _ in error_rows()}

    assert listed == {(error.exit_status, error.code) for error in error_classes()}


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_renders_without_a_warning(path: Path) -> None:
    command = ["groff", "-ww", "-man", "-Tutf8", str(path)]

    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    assert (ran.returncode, ran.stderr) == (0, "")
    shown = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", ran.stdout)
    assert "CREDVAULT_PASSPHRASE_FILE" in shown


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_man_shows_the_page_without_a_warning(path: Path) -> None:
    command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(path)]  # as Debian's lintian asks
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": str(COLUMNS)}

    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environ)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout


@pytest.mark.skipif(not shutil.which("lexgrog"), reason="lexgrog (man-db) is not installed")
def test_whatis_finds_what_each_page_is_about() -> None:
    ran = subprocess.run(["lexgrog", *PAGES], capture_output=True, text=True, stdin=subprocess.DEVNULL)

    assert (ran.returncode, ran.stderr) == (0, "")
    found = [line.partition(": ")[2] for line in ran.stdout.splitlines()]
    assert len(found) == len(PAGES) == len(COMMANDS) + 1
    assert {f'"credvault-{name} - {summary}"' for name, summary in COMMANDS.items()} <= set(found)


def test_page_names_each_status_that_a_transcript_shows() -> None:
    """Of commands that stand alone: what a pipe or a list ends with is another program's."""
    seen = {
        (match[1], step.answer.status)
        for path in (ROOT / "tests" / "transcripts").glob("*.txt")
        for step in parse_transcript(path.read_text(encoding="utf-8"))
        if isinstance(step, Command) and (match := re.fullmatch(r"credvault ([a-z]+)( [^|;&]*)?", step.script))
    }

    missing = [
        f"{name}: {status}"
        for name, status in seen
        # What `exec` ran has statuses of its own.
        if name in COMMANDS and name != "exec" and status not in {0, *statuses_of(name)}
    ]

    assert len(seen) > 50
    assert missing == []


def test_paragraph_that_keeps_its_lines_keeps_them() -> None:
    assert list(paragraphs(["one\ntwo", "\b\n.three\nfour"])) == [
        *("one", "two", ".PP"),
        *(".nf", "\\&.three", "four", ".fi"),
    ]


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
    """Yield the words of each `credvault …` in a line of shell, also in a substitution; redirections are left out."""
    for found in re.finditer(r"(?:^|[$<]\(|[|;&] *|\w+=\S* )credvault ((?:'[^']*'|\"[^\"]*\"|[^'\"|;&)<>])*)", line):
        yield shlex.split(re.sub(r" \d$", "", found[1]))


def parse(words: list[str]) -> None:
    """Let Click read a command line, running nothing; raises UsageError as it would for a user."""
    command: click.Command = cli
    context = click.Context(cli, info_name="credvault", obj=Run())
    while isinstance(command, click.Group):
        _, (name, *words), _ = command.make_parser(context).parse_args(words)  # what stands before a verb
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no such command: {name}", context)
        command = found
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=name)
        else:
            command.make_context(name, words, parent=context)
