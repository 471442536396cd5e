"""The hook in real shells on a terminal: what is loaded, when, and that nothing else happens."""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import PROGRAM, Cli
from tests.shells import Shell, interactive

CANARIES = (b"canary-dev", b"canary-prod", b"canary-bot")
ONE = {"DEV": "canary-dev", "BOTH": "canary-dev"}
TWO = {"PROD": "canary-prod", "BOTH": "canary-prod"}
# What of each shell there is to say in a line of its own.
FAIL = {"bash": "(exit 7)", "zsh": "(exit 7)", "fish": "sh -c 'exit 7'"}
DUMP = {"bash": "set", "zsh": "typeset", "fish": "set; set -S"}
HISTORY = {"bash": "history", "zsh": "fc -l 1", "fish": "history | cat"}


class Opened(Protocol):
    """Opens a shell of the kind that a test is about."""

    def __call__(
        self,
        cwd: Path | None = None,
        *,
        before: str = "",
        after: str = "",
        env: Mapping[str, str | bytes | None] | None = None,
    ) -> AbstractContextManager[Shell]:
        """In `cwd`, with lines for its rc file, and with changes to its environment."""


@pytest.fixture(params=["bash", "zsh", "fish"])
def kind(request: pytest.FixtureRequest) -> str:
    """The shells; one that is not there is skipped, but not where CI=true."""
    if not shutil.which(request.param) and os.environ.get("CI") != "true":
        pytest.skip(f"needs {request.param}")
    return str(request.param)


@pytest.fixture
def shell(kind: str, projects: Cli, tmp_path: Path) -> Opened:
    """A shell of each kind."""

    def opened(
        cwd: Path | None = None,
        *,
        before: str = "",
        after: str = "",
        env: Mapping[str, str | bytes | None] | None = None,
    ) -> AbstractContextManager[Shell]:
        environment = projects.environment(env)
        return interactive(kind, tmp_path, environment, cwd or projects.cwd, before=before, after=after)

    return opened


@pytest.fixture
def projects(stocked: Cli) -> Cli:
    """Two projects that are trusted, `one` with folders in it, and one that is not; a folder without."""
    write_project(stocked.cwd / "one", 'DEV = "dev/api_key"\nBOTH = "dev/api_key"\n')
    write_project(stocked.cwd / "two", 'PROD = "prod/api_key"\nBOTH = "prod/api_key"\n')
    write_project(stocked.cwd / "strange", 'DEV = "bot/key"\n')
    (stocked.cwd / "one/deep/er").mkdir(parents=True)
    (stocked.cwd / "none").mkdir()
    for folder in ("one", "two"):
        stocked("trust", "-y", folder, check=True)
    return stocked


def write_project(folder: Path, env: str) -> Path:
    """Make a project with an [env] table, and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".credvault.toml"
    path.write_text(f"[env]\n{env}", encoding="utf-8")
    path.chmod(0o600)
    return path


def loaded(variables: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return what a program would inherit of the projects."""
    return {name: variables[name.encode()].decode() for name in ("DEV", "PROD", "BOTH") if name.encode() in variables}


def said(screen: bytes) -> list[str]:
    """Return what credvault said on a screen."""
    lines = screen.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    return [line[line.index("credvault: ") :] for line in lines if "credvault: " in line]


def assigned(kind: str, variable: str, value: str, *, exported: bool) -> str:
    """Return a line that sets a variable."""
    if kind == "fish":
        return f"set -g{'x' if exported else 'u'} {variable} '{value}'"
    return f"{'export ' if exported else ''}{variable}='{value}'"


def test_entering_loads_and_leaving_takes_back(shell: Opened) -> None:
    with shell() as typed:
        inside = typed("cd one")
        deeper = typed("cd deep/er")
        outside = typed("cd ../../..")

    assert loaded(inside.variables) == loaded(deeper.variables) == ONE
    assert loaded(outside.variables) == {}
    ours = [name for name in outside.variables if b"credvault" in name.lower()]
    assert ours == [b"CREDVAULT_KEY"]
    assert said(inside.screen + deeper.screen + outside.screen) == []


def test_shell_that_starts_in_a_project_has_its_variables_at_once(shell: Opened, projects: Cli) -> None:
    with shell(projects.cwd / "one/deep") as typed:
        assert loaded(typed.start.variables) == ONE


def test_another_project_takes_the_place_of_the_first(shell: Opened) -> None:
    with shell() as typed:
        first, second = typed("cd one/deep"), typed("cd ../../two")

    assert (loaded(first.variables), loaded(second.variables)) == (ONE, TWO)


def test_former_values_come_back_as_they_were(shell: Opened, kind: str) -> None:
    former = "it's $HOME `id` \\\\ *" if kind != "fish" else "its $HOME `id` *"
    quoted = former.replace("'", "'\\''")
    shown = {"bash": "declare -p BOTH", "zsh": "typeset -p BOTH", "fish": "set -S BOTH"}[kind]
    before = [assigned(kind, "DEV", quoted, exported=True), assigned(kind, "BOTH", "plain", exported=False)]

    with shell(before="\n".join(before)) as typed:
        known = typed(shown).screen
        inside, outside = typed("cd one"), typed("cd ..")
        after = typed(shown).screen

    assert loaded(inside.variables) == ONE
    assert loaded(outside.variables) == {"DEV": former}
    assert after == known
    assert b"plain" in after


def test_untrusted_project_is_named_once_each_time_it_is_entered(shell: Opened, projects: Cli) -> None:
    message = f"credvault: {projects.cwd}/strange/.credvault.toml is not trusted; 'credvault trust' allows it"

    with shell() as typed:
        seen = [typed(line) for line in ("cd strange", "true", "mkdir -p in", "cd in", "cd ..", "cd ..", "cd strange")]

    assert [said(each.screen) for each in seen] == [[message], [], [], [], [], [], [message]]
    assert [loaded(each.variables) for each in seen] == [{}] * 7


def test_changed_file_is_unloaded_at_the_next_prompt_until_it_is_trusted(shell: Opened, projects: Cli) -> None:
    path = projects.cwd / "one/.credvault.toml"

    with shell(projects.cwd / "one") as typed:
        path.write_text('[env]\nDEV = "prod/api_key"\n', encoding="utf-8")
        changed, still = typed("true"), typed("true")
        trusted = typed("credvault trust -q -y")
        path.unlink()
        removed = typed("true")

    assert loaded(changed.variables) == loaded(still.variables) == {}
    assert [line.partition(" is ")[2][:11] for line in said(changed.screen)] == ["not trusted"]
    assert said(still.screen) == []
    assert loaded(trusted.variables) == {"DEV": "canary-prod"}
    assert loaded(removed.variables) == {}


def test_project_made_and_trusted_in_the_current_folder_is_loaded(shell: Opened, projects: Cli) -> None:
    with shell(projects.cwd / "none") as typed:
        write_project(projects.cwd / "none", 'DEV = "dev/api_key"\n')
        seen = typed("credvault trust -q -y")

    assert loaded(seen.variables) == {"DEV": "canary-dev"}


def test_file_that_comes_while_in_the_folder_is_loaded(shell: Opened, projects: Cli) -> None:
    path, nearer = projects.cwd / "one/.credvault.toml", projects.cwd / "one/deep/.credvault.toml"
    content = path.read_bytes()

    with shell(projects.cwd / "one/deep") as typed:
        path.unlink()  # as by `git switch`, to a branch without it and back
        gone = typed("true")
        path.write_bytes(content)
        back = typed("true")
        nearer.write_text('[env]\nDEV = "bot/key"\n', encoding="utf-8")
        hidden = typed("true")

    assert [loaded(each.variables) for each in (gone, back, hidden)] == [{}, ONE, {}]
    assert said(gone.screen + back.screen) == []
    assert said(hidden.screen) == [f"credvault: {nearer} is not trusted; 'credvault trust' allows it"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_not_read_at_each_prompt(shell: Opened, projects: Cli) -> None:
    path = projects.cwd / "two/.credvault.toml"
    os.chown(path, 12345, -1)

    with shell() as typed:
        entered = typed("cd two")
        path.write_bytes(b"#" * 1024)
        still = typed("true")

    assert said(entered.screen) == [f"credvault: warning: {path} is not yours, so it was passed over"]
    assert said(still.screen) == []
    assert loaded(entered.variables) == loaded(still.variables) == {}


def test_removed_trust_holds_from_the_next_entering(shell: Opened, projects: Cli) -> None:
    with shell(projects.cwd / "one") as typed:
        kept = typed("credvault trust -q --remove")
        typed("cd ..")
        entered = typed("cd one")

    assert loaded(kept.variables) == ONE
    assert loaded(entered.variables) == {}


def test_locked_vault_is_said_once_and_unlocking_loads(shell: Opened, kind: str, projects: Cli, tmp_path: Path) -> None:
    socket = str(tmp_path / "s")
    key = projects.env["CREDVAULT_KEY"]

    try:
        with shell(env={"CREDVAULT_KEY": None, "CREDVAULT_AGENT_SOCKET": socket}) as typed:
            locked, still = typed("cd one"), typed("cd deep")
            unlocked = typed(f"env CREDVAULT_KEY={key} credvault unlock -q")
    finally:
        projects("agent", "stop", env={"CREDVAULT_AGENT_SOCKET": socket})

    assert [line.split(".toml ")[1] for line in said(locked.screen)] == [
        "is not loaded: the vault is locked and no key is set; 'credvault unlock' unlocks it"
    ]
    assert said(still.screen) == []
    assert loaded(locked.variables) == loaded(still.variables) == {}
    assert loaded(unlocked.variables) == ONE


def test_status_of_the_last_command_is_kept(shell: Opened, kind: str, projects: Cli) -> None:
    with shell() as typed:
        seen = [typed(line) for line in (FAIL[kind], f"cd one; {FAIL[kind]}", f"cd ../strange; {FAIL[kind]}", "true")]
        (projects.cwd / "one/.credvault.toml").write_text("broken", encoding="utf-8")
        seen.append(typed(f"cd ../one; {FAIL[kind]}"))

    assert [each.status for each in seen] == [7, 7, 7, 0, 7]
    assert len(said(seen[-1].screen)) == 1


def test_nothing_is_started_where_nothing_changes(shell: Opened, projects: Cli, tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin/credvault"
    wrapper.write_text(f"#!/bin/sh\necho >>'{log}'\nexec {PROGRAM} \"$@\"\n", encoding="utf-8")
    wrapper.chmod(0o755)
    counts = []

    with shell(env={"PATH": f"{wrapper.parent}:{projects.env['PATH']}"}) as typed:
        for line in ("true", "cd one", "true", "cd deep", "cd ..", "cd ..", "cd none", "cd ../strange", "cd ."):
            typed(line)
            counts.append(len(log.read_bytes()))

    # The hook itself, then one for each project that is entered.
    assert counts == [1, 2, 2, 2, 2, 2, 2, 3, 3]


def test_folders_by_links_and_back_and_forth(shell: Opened, kind: str, projects: Cli) -> None:
    (projects.cwd / "link").symlink_to("one/deep")
    # A project above the link, but not above the folder that it leads to.
    (projects.cwd / "strange/link").symlink_to("../two")

    with shell() as typed:
        linked, back, again = typed("cd link"), typed("cd -"), typed("cd -")
        other = typed("cd ../strange/link" if kind == "fish" else f"pushd {projects.cwd}/strange/link")

    assert [loaded(each.variables) for each in (linked, back, again, other)] == [ONE, {}, ONE, TWO]
    assert said(other.screen) == []


def test_removed_folder_is_no_project(shell: Opened, projects: Cli) -> None:
    with shell(projects.cwd / "one/deep/er") as typed:
        shutil.rmtree(projects.cwd / "one/deep")
        seen, still = typed("true"), typed("true")
        left = typed(f"cd {projects.cwd}/two")

    assert said(seen.screen + still.screen + left.screen) == []
    assert loaded(left.variables) == TWO


@pytest.mark.parametrize("where", ["one", "none"])
def test_shell_within_takes_back_what_the_outer_one_loaded(shell: Opened, projects: Cli, where: str) -> None:
    with shell(projects.cwd / "one") as outer:
        inherited = {name.decode(): value for name, value in outer.start.variables.items()}
    assert loaded(outer.start.variables) == ONE

    with shell(projects.cwd / where, env=inherited) as typed:
        left = typed(f"cd {projects.cwd}")

    assert loaded(typed.start.variables) == (ONE if where == "one" else {})
    assert loaded(left.variables) == {}


def test_value_is_in_no_trace_no_history_and_no_variable_of_the_hook(shell: Opened, kind: str) -> None:
    tracing = {"bash": "set -axvTE", "zsh": "set -axv", "fish": "set -g fish_trace 1"}[kind]

    with shell(before=assigned(kind, "DEV", "former-4711", exported=False)) as typed:
        seen = [typed(line) for line in (tracing, "cd one", "cd ../two", "cd ..", "true", HISTORY[kind], DUMP[kind])]

    screen = b"".join(each.screen for each in seen)
    assert loaded(seen[1].variables) == ONE
    assert loaded(seen[2].variables).items() >= TWO.items()
    assert not [canary for canary in CANARIES if canary in screen]
    assert b"DEV" in seen[-1].screen  # it was a dump
    exported = [name for each in seen for name in each.variables if name.startswith(b"__credvault")]
    assert exported == []


@pytest.mark.parametrize("kind", ["bash", "zsh"], indirect=True)
def test_strict_options_do_not_end_the_shell_and_stay(shell: Opened) -> None:
    with shell(before="set -eu", after="set -eu") as typed:
        seen = [typed(line) for line in ("cd one", "false && true", "cd ../strange", "cd ../one", "cd ..", "echo $-")]

    assert [loaded(each.variables) for each in seen] == [ONE, ONE, {}, ONE, {}, {}]
    assert re.search(rb"\n[a-zA-Z0-9]*e[a-zA-Z0-9]*u", seen[-1].screen)
    assert b"unbound" not in b"".join(each.screen for each in seen)


def test_loading_that_hangs_can_be_interrupted_and_is_not_tried_again(shell: Opened, kind: str, tmp_path: Path) -> None:
    waiting = {"CREDVAULT_KEY": None, "CREDVAULT_PASSPHRASE_COMMAND": f"sh -c 'echo >>{tmp_path}/started; sleep 600'"}
    options = "" if kind == "fish" else "set -u"

    with shell(after=options, env=waiting) as typed:
        stopped = typed.interrupt("cd one", tmp_path / "started")
        after = typed("true")
        kept = typed("echo" if kind == "fish" else "echo $-")

    assert loaded(stopped.variables) == loaded(after.variables) == {}
    assert (tmp_path / "started").read_bytes() == b"\n"
    assert kind == "fish" or re.search(rb"\n[a-zA-Z0-9]*u", kept.screen)


PROMPT_COMMANDS = {
    "none": "",
    "string": "PROMPT_COMMAND='other=$?'",
    "ended": "PROMPT_COMMAND='other=$?; '",
    "array": "PROMPT_COMMAND=('other=$?' true)",
}


@pytest.mark.parametrize("kind", ["bash"], indirect=True)
@pytest.mark.parametrize("known", PROMPT_COMMANDS)
def test_prompt_command_of_the_user_goes_on(shell: Opened, known: str) -> None:
    again = 'eval "$(credvault shellenv bash)"; eval "$(credvault shellenv bash)"'

    with shell(before=PROMPT_COMMANDS[known]) as typed:
        typed(again)
        seen = typed("cd one; (exit 3)")
        listed = typed("echo other=$other; declare -p PROMPT_COMMAND")

    assert loaded(seen.variables) == ONE
    assert known == "none" or b"other=3" in listed.screen
    assert listed.screen.count(b"__credvault_hook") == 1


HOSTILE_VALUES = [
    b"$(touch marker) `touch marker` ${x:=$(touch marker)} $((a[$(touch marker)]))",
    b"'; touch marker; '\"; touch marker; \"\\'; touch marker #\\",
    b"a\n\ttouch marker\r\n\n!! !$ ~ * ? {a,b} ^x %d \x1b]0;t\x07 \n\n",
    b"\xff\xfe\xc3( not UTF-8 \x01\x7f\x80",
    "🔑 \u202eright to left\u2028é".encode(),
]
HOSTILE_FOLDERS = [
    "$(touch marker)",
    "a'; touch marker; '",
    'b"`touch marker`"',
    "line\ntouch marker\n",
    "-e",
    "\x1b[31m\\n*",
]


@pytest.mark.parametrize("value", HOSTILE_VALUES, ids=range(len(HOSTILE_VALUES)))
def test_hostile_value_is_loaded_as_it_is_and_runs_nothing(shell: Opened, projects: Cli, value: bytes) -> None:
    projects("add", "dev/api_key", "--force", "--stdin-raw", "--env", "DEV_KEY", stdin=value, check=True)

    with shell() as typed:
        inside, nested, outside = typed("cd one"), typed("cd ../two"), typed("cd ..")

    assert inside.variables[b"DEV"] == inside.variables[b"BOTH"] == value
    assert (loaded(nested.variables), loaded(outside.variables)) == (TWO, {})
    assert not list(projects.cwd.rglob("marker"))


@pytest.mark.parametrize("name", HOSTILE_FOLDERS, ids=range(len(HOSTILE_FOLDERS)))
def test_hostile_folder_is_entered_and_runs_nothing(shell: Opened, projects: Cli, name: str) -> None:
    untrusted, trusted = projects.cwd / name / "a", projects.cwd / name / "b"
    write_project(untrusted, 'DEV = "bot/key"\n')
    write_project(trusted, 'DEV = "dev/api_key"\n')
    projects("trust", "-y", str(trusted), check=True)

    with shell(env={"A": str(untrusted), "B": str(trusted)}) as typed:
        first, second, left = typed('cd "$A"'), typed('cd "$B"'), typed("cd /")

    assert len(said(first.screen)) == 1
    assert b"\x1b[31m" not in first.screen
    assert (loaded(second.variables), loaded(left.variables)) == ({"DEV": "canary-dev"}, {})
    assert not list(projects.cwd.rglob("marker"))


REFUSED = {
    "executor_only": ('DEV = "closed/password"', "executor_only"),
    "loader": ('LD_PRELOAD = "dev/api_key"', "is not trusted"),  # nor can it be
    "prompt": ('RPS1 = "dev/api_key"', "RPS1"),
    "readonly": ('UID = "dev/api_key"', ""),
    "missing": ('DEV = "dev/nosuch"', "not there"),
    "hook": ('__credvault_folder = "dev/api_key"', "hook"),
}


@pytest.mark.parametrize(
    ("kind", "case"),
    # In fish, a prompt is no variable, and UID is one like any other.
    [(kind, case) for kind in FAIL for case in REFUSED if kind != "fish" or case not in ("prompt", "readonly")],
    indirect=["kind"],
)
def test_what_may_not_be_loaded_is_said_and_nothing_else_is_loaded(
    shell: Opened, kind: str, projects: Cli, case: str
) -> None:
    line, reason = REFUSED[case]
    write_project(projects.cwd / "bad", f'BOTH = "dev/api_key"\n{line}\n')
    projects("trust", "-y", "bad")

    with shell() as typed:
        inside, still, outside = typed("cd bad"), typed("true"), typed("cd ..")

    assert reason in "\n".join(said(inside.screen)), inside.screen
    assert loaded(inside.variables) == {}
    changed = {name for name, value in inside.variables.items() if outside.variables.get(name) != value}
    assert changed <= {b"PWD", b"OLDPWD"}
    assert said(still.screen) == []


DECLARED = {
    "bash": [
        "declare -i DEV=1",
        "declare -r DEV=1",
        "declare -a DEV=(1 2)",
        "declare -A DEV=([a]=1)",
        "declare -u DEV=x",
    ],
    "zsh": ["integer DEV=1", "readonly DEV=1", "DEV=(1 2)", "typeset -A DEV; DEV[a]=1", "typeset -F DEV=1"],
}


@pytest.mark.parametrize(
    ("kind", "line"), [(kind, line) for kind, lines in DECLARED.items() for line in lines], indirect=["kind"]
)
def test_variable_with_a_nature_of_its_own_is_left_alone(shell: Opened, kind: str, projects: Cli, line: str) -> None:
    projects("add", "dev/api_key", "--force", "--stdin-raw", stdin=b"a[$(touch marker)]", check=True)
    projects("edit", "dev/api_key", "--env", "DEV_KEY", check=True)
    show = {"bash": "declare -p DEV", "zsh": "typeset -p DEV"}[kind]

    with shell(before=line) as typed:
        known = typed(show).screen
        inside, outside = typed("cd one"), typed("cd ..")
        after = typed(show).screen

    assert said(inside.screen) == ["credvault: DEV is not a plain variable of this shell, so it is not loaded"]
    assert loaded(inside.variables) == {"BOTH": "a[$(touch marker)]"}
    assert loaded(outside.variables) == {}
    assert after == known
    assert not list(projects.cwd.rglob("marker"))


@pytest.mark.parametrize("kind", ["bash", "zsh"], indirect=True)
def test_variable_made_read_only_while_loaded_keeps_nothing_else_back(shell: Opened) -> None:
    with shell() as typed:
        typed("cd one")
        typed("readonly BOTH")
        outside, still = typed("cd ../none"), typed("true")

    assert loaded(outside.variables) == loaded(still.variables) == {"BOTH": "canary-dev"}
    assert b"BOTH" in outside.screen
    assert b"BOTH" not in still.screen


def test_program_that_is_gone_leaves_the_prompt_as_it_is(shell: Opened, kind: str) -> None:
    gone = "set -gx PATH /usr/bin /bin" if kind == "fish" else "PATH=/usr/bin:/bin"

    with shell() as typed:
        typed("cd one")
        seen = [typed(f"{gone}; cd ..; {FAIL[kind]}"), typed(f"cd two; {FAIL[kind]}"), typed("true")]

    assert [each.status for each in seen] == [7, 7, 0]
    assert [loaded(each.variables) for each in seen] == [{}] * 3
    assert b"credvault" not in seen[2].screen


def test_reload_loads_what_is_new(shell: Opened, projects: Cli) -> None:
    with shell(projects.cwd / "one") as typed:
        projects("rotate", "dev/api_key", "--stdin", stdin=b"new", check=True)
        kept, new = typed("true"), typed("credvault_reload")

    assert loaded(kept.variables) == ONE
    assert loaded(new.variables) == {"DEV": "new", "BOTH": "new"}
