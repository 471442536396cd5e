"""`exec --file`, `--fd` and `--stdin` as processes: what the child finds open, and who else can read it, how."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

import pytest

from tests.conftest import PROGRAM, Cli

needs_superuser = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser changes users and namespaces")

LARGE = bytes(range(256)) * 4096  # 1 MiB, the most a secret may have
NASTY = {
    "one byte": b"x",
    "a newline": b"\n",
    "NUL bytes": b"\0a\0\0b\0",
    "CRLF": b"one\r\ntwo\r\n",
    "a lone CR": b"one\rtwo",
    "not UTF-8": b"\xff\xfe\x80",
    "quotes and dollars": b"'\"`$HOME $(touch marker) \\ !! {{ x }}",
    "emoji and RTL": "\U0001f600 \u202e abc".encode(),
    "more than a variable takes": b"v" * 131_073,
    "the most there is": LARGE,
}
FORMS = {
    "file": ("--file", "X=closed/nasty", "with open(os.environ['X'], 'rb') as file: found = file.read()"),
    "fd": ("--fd", "X=closed/nasty", "with open(int(os.environ['X']), 'rb') as file: found = file.read()"),
    "stdin": ("--stdin", "closed/nasty", "found = sys.stdin.buffer.read()"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY.keys())
def test_every_byte_arrives(cli: Cli, form: tuple[str, str, str], value: bytes) -> None:
    option, choice, read = form
    cli("add", "closed/nasty", "--stdin-raw", stdin=value, check=True)
    code = f"import os, sys\n{read}\nsys.stdout.buffer.write(found)"

    done = cli("exec", option, choice, "--", sys.executable, "-c", code, stdin=b"of the caller")

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == value
    assert list(cli.cwd.iterdir()) == []


def test_all_ways_go_in_one_run_and_replace_the_default(stocked: Cli) -> None:
    ways = ("-e", "A=TOKEN", "--file", "B=closed/password", "--file", "C=closed/login", "--fd", "D=dev/api_key")
    script = 'echo "$A"; cat "$B"; echo; cat "$C"; echo; cat <&$D; echo; cat; echo; env'

    done = stocked("exec", *ways, "--stdin", "prod/api_key", "--", "sh", "-c", script)

    lines = done.stdout.splitlines()
    assert lines[:5] == [
        b"canary-token",
        b"canary-closed",
        b"canary-login",
        b"canary-dev",
        b"canary-prod",
    ]
    assert b"DEV_KEY=canary-dev" not in lines
    assert sum(b"canary" in line for line in lines) == 6  # A is in the environment, and no other


def test_reference_may_name_a_field_and_a_version_and_a_namespace(stocked: Cli) -> None:
    stocked("rotate", "dev/api_key", "--stdin", stdin=b"canary-second", check=True)
    options = ("-n", "dev", "--file", "A=credvault://dev/api_key?version=1", "--fd", "B=api_key", "--stdin", "db#host")

    done = stocked("exec", *options, "--", "sh", "-c", 'cat "$A"; echo; cat <&$B; echo; cat')

    assert done.stdout == b"canary-dev\ncanary-second\ndb.example.org"


def test_file_is_private_regular_and_sealed(stocked: Cli) -> None:
    script = 'stat -L -c "%a %s %F %u" "$X"; echo no >"$X"; : >>"$X"; truncate -s 0 "$X"; cat "$X"'

    done = stocked("exec", "--file", "X=closed/password", "--", "sh", "-c", script)

    assert done.stdout == b"600 13 regular file %d\ncanary-closed" % os.geteuid()
    assert done.stderr.count(b"Operation not permitted") == 2
    assert done.returncode == 0


def test_descriptor_and_stdin_cannot_be_written(stocked: Cli) -> None:
    script = "echo no >&$X; echo no >&0; cat <&$X; echo; cat"

    done = stocked("exec", "--fd", "X=closed/password", "--stdin", "TOKEN", "--", "bash", "-c", script)

    assert done.stdout == b"canary-closed\ncanary-token"
    assert done.stderr.count(b"Operation not permitted") == 2


def test_each_reader_of_a_file_starts_at_its_beginning(stocked: Cli) -> None:
    done = stocked("exec", "--file", "X=closed/password", "--", "sh", "-c", 'head -c 6 "$X"; head -c 6 "$X"; cat "$X"')

    assert done.stdout == b"canarycanarycanary-closed"


def test_program_that_the_child_starts_reads_the_file_although_descriptors_are_closed_for_it(stocked: Cli) -> None:
    code = "import os, subprocess; subprocess.run(['cat', os.environ['X']], close_fds=True, check=True)"

    done = stocked("exec", "--file", "X=closed/password", "--", sys.executable, "-c", code)

    assert done.stdout == b"canary-closed"


def test_script_may_use_the_descriptors_that_scripts_use(stocked: Cli) -> None:
    script = 'exec 3>&1 4>/dev/null 5</dev/null 9>&2; echo to three >&3; cat "$X"'

    done = stocked("exec", "--file", "X=closed/password", "--", "sh", "-c", script)

    assert done.stdout == b"to three\ncanary-closed"


def test_descriptors_that_the_caller_passes_stay_as_they_are(stocked: Cli) -> None:
    (stocked.cwd / "mine").write_text("of the caller")
    launcher: list[str | bytes] = ["bash", "-c", 'exec "$@" 3<mine 5<mine 20<mine', "bash"]
    words = [PROGRAM, "exec", "--file", "X=closed/password", "--fd", "Y=TOKEN", "--"]

    done = stocked.run([*launcher, *words, "bash", "-c", 'cat <&3; cat <&5; cat <&20; cat "$X"; cat <&$Y; echo " $Y"'])

    assert done.stdout == b"of the caller" * 3 + b"canary-closed" + b"canary-token 4\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors_are_not_taken_for_others(stocked: Cli, closed: str) -> None:
    launcher: list[str | bytes] = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    words = [PROGRAM, "exec", "--file", "X=closed/password", "--fd", "Y=TOKEN", "--stdin", "dev/api_key", "--"]

    stocked.run([*launcher, *words, "sh", "-c", '{ cat "$X"; cat <&$Y; cat; } >seen'], check=True)

    assert (stocked.cwd / "seen").read_bytes() == b"canary-closedcanary-tokencanary-dev"


def test_few_descriptors_are_enough_and_too_few_stop_it(stocked: Cli) -> None:
    words = [PROGRAM, "exec", "--file", "X=closed/password", "--file", "Y=TOKEN", "--"]
    many = [PROGRAM, "exec", *(f"--fd=X{number}=TOKEN" for number in range(20)), "--"]

    few = stocked.run(["sh", "-c", 'ulimit -n 18; exec "$@"', "sh", *words, "sh", "-c", 'cat "$X" "$Y"'])
    too_few = stocked.run(["sh", "-c", 'ulimit -n 18; exec "$@"', "sh", *many, "touch", "ran"])

    assert few.stdout == b"canary-closedcanary-token"
    assert too_few.returncode == 125
    assert not (stocked.cwd / "ran").exists()
    assert re.match(rb"credvault: error: cannot hand over X\d+: too many open files\n", too_few.stderr)
    assert b"canary" not in too_few.stderr


@pytest.mark.parametrize("option", ["--file", "--fd"])
@pytest.mark.parametrize("variable", ["LD_PRELOAD", "PATH", "CREDVAULT_KEY", "1X", "a b"])
def test_variable_is_held_to_the_same_rules(stocked: Cli, option: str, variable: str) -> None:
    done = stocked("exec", option, f"{variable}=TOKEN", "--", "touch", "ran")
    allowed = stocked(
        "exec", option, "SSL_CERT_FILE=TOKEN", "--allow-env", "SSL_CERT_FILE", "--", "printenv", "SSL_CERT_FILE"
    )

    assert done.returncode == 125
    assert f"default/TOKEN ({option})".encode() in done.stderr
    assert not (stocked.cwd / "ran").exists()
    assert allowed.returncode == 0


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (["--file", "X=TOKEN", "-e", "X=TOKEN"], b"default/TOKEN (-e) and default/TOKEN (--file)"),
        (["--file", "X=TOKEN", "--file", "X=dev/api_key"], b"default/TOKEN (--file) and dev/api_key (--file)"),
        (["--fd", "X=TOKEN", "--file", "X=TOKEN"], b"default/TOKEN (--file) and default/TOKEN (--fd)"),
    ],
)
def test_one_variable_for_two_things_stops_it(stocked: Cli, choices: list[str], words: bytes) -> None:
    done = stocked("exec", *choices, "--", "touch", "ran")

    assert done.returncode == 125
    assert words in done.stderr
    assert not (stocked.cwd / "ran").exists()


def test_named_choice_wins_over_a_file_of_variables(stocked: Cli) -> None:
    (stocked.cwd / "a.env").write_text("X=plain\nY=plain\n")

    done = stocked("exec", "--env-file", "a.env", "--file", "X=TOKEN", "--", "sh", "-c", 'cat "$X"; echo " $Y"')

    assert done.stdout == b"canary-token plain\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--file", "X"],
        ["--fd", "=TOKEN"],
        ["--file", "X="],
        ["--file", "X=a//b"],
        ["--fd", "X=op://a/b"],
        ["--stdin", "A=TOKEN"],
        ["--stdin", "TOKEN", "--stdin", "TOKEN"],
        ["-n", "dev", "--file", "X=prod/api_key"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_two_and_runs_nothing(stocked: Cli, words: list[str]) -> None:
    done = stocked("exec", *words, "--", "touch", "ran")

    assert (done.returncode, done.stdout) == (2, b"")
    assert not (stocked.cwd / "ran").exists()


@pytest.mark.parametrize("choice", [["--file", "X=bot/key"], ["--fd", "X=bot/key"], ["--stdin", "bot/key"]], ids=str)
def test_secret_for_others_is_refused(stocked: Cli, choice: list[str]) -> None:
    refused = stocked("exec", "--as", "other", *choice, "--", "touch", "ran")
    served = stocked("exec", "--as", "bot", *choice, "--", "true")

    assert refused.returncode == 125
    assert b"bot/key is not for other" in refused.stderr
    assert not (stocked.cwd / "ran").exists()
    assert (served.returncode, served.stderr) == (0, b"")


def test_missing_secret_stops_it_or_is_left_out_and_stdin_is_empty_then(stocked: Cli) -> None:
    choices = ("--file", "X=no/x", "--fd", "Y=no/y", "--stdin", "no/z#field")

    stopped = stocked("exec", *choices, "--", "touch", "ran")
    warned = stocked("exec", "--if-missing", "warn", *choices, "--", "sh", "-c", "echo $X $Y; cat", stdin=b"callers")
    ignored = stocked("exec", "--if-missing", "ignore", *choices, "--", "cat", stdin=b"callers")

    assert stopped.returncode == 125
    assert b"not there: no/x (--file), no/y (--fd), no/z#field (--stdin)" in stopped.stderr
    assert not (stocked.cwd / "ran").exists()
    assert warned.stdout == b"\n"
    assert warned.stderr.startswith(b"credvault: warning: not there, so not set: no/x (--file)")
    assert (ignored.stdout, ignored.stderr) == (b"", b"")


def test_preserved_variable_keeps_the_callers_value_and_nothing_is_opened(stocked: Cli) -> None:
    child = ["sh", "-c", 'echo "$X"; ls -l /proc/$$/fd | grep -c memfd']

    kept = stocked("exec", "--preserve", "X", "--file", "X=TOKEN", "--", *child, env={"X": "callers"})
    taken = stocked("exec", "--file", "X=TOKEN", "--", *child, env={"X": "callers"})

    assert kept.stdout == b"callers\n0\n"
    assert taken.stdout.startswith(b"/proc/")
    assert taken.stdout.endswith(b"/fd/20\n1\n")
    assert taken.stderr == b"credvault: warning: overwritten by secrets: X\n"


def test_expired_secret_is_handed_over_with_a_warning(cli: Cli) -> None:
    cli("add", "old/key", "--expires", "2020-01-31", "--stdin", stdin=b"old", check=True)

    done = cli("exec", "--stdin", "old/key", "--", "cat")

    assert done.stdout == b"old"
    assert b"old/key expired at 2020-01-31" in done.stderr


def test_explain_says_how_each_is_handed_over_and_opens_nothing(stocked: Cli) -> None:
    choices = ("-e", "A=TOKEN", "--file", "B=closed/password", "--fd", "C=TOKEN", "--stdin", "dev/api_key")

    table = stocked("exec", "--explain", *choices, env={"B": "callers"})
    facts = stocked("--json", "exec", "--explain", *choices)

    assert table.stdout.decode().splitlines()[:4] == [
        "A\tdefault/TOKEN\t1\t-e\t-",
        "B\tclosed/password\t1\t--file\tpath of a file, shadows the caller's",
        "C\tdefault/TOKEN\t1\t--fd\tnumber of a descriptor",
        "stdin\tdev/api_key\t1\t--stdin\t-",
    ]
    assert [(fact["variable"], fact["form"]) for fact in json.loads(facts.stdout)["inject"]] == [
        ("A", "variable"),
        ("B", "file"),
        ("C", "fd"),
        (None, "stdin"),
    ]
    assert b"canary" not in table.stdout + facts.stdout + table.stderr + facts.stderr


def test_trail_says_that_it_was_handed_over(stocked: Cli) -> None:
    stocked("exec", "--file", "X=closed/password", "-e", "Y=TOKEN", "--", "true", check=True)

    trail = (stocked.home / ".local/state/credvault/trail.jsonl").read_text().splitlines()

    assert [json.loads(line)["command"] for line in trail] == ["environment", "deliver"]


class Tool(NamedTuple):
    """A real program: what makes a value for it, what it does with that, and what it then says.

    The value is handed over as the file X and as the descriptor Y.
    """

    make: str
    use: str
    says: str


TOOLS = {
    "ssh-keygen": Tool(
        "ssh-keygen -q -t ed25519 -N '' -f key && cat key", 'ssh-keygen -y -f "$X" | cut -d" " -f1', "ssh-ed25519"
    ),
    "ssh-add": Tool(
        "ssh-keygen -q -t ed25519 -N '' -C me -f key && cat key",
        """ssh-agent sh -c 'ssh-add -q "$X" && ssh-add -l | cut -d" " -f3'""",
        "me",
    ),
    "openssl": Tool(
        "openssl genpkey -algorithm ED25519", 'openssl pkey -in "$X" -noout -text | head -1', "ED25519 Private-Key:"
    ),
    "curl": Tool("echo url = file://$PWD/page; echo page >page", 'curl -sS -K "$X"', "page"),
    "bash": Tool(
        "echo \"FROM_FILE='from a file'\"",
        '. "$X"; echo "$FROM_FILE"; read -r line <&$Y; echo "${#line}"',
        "from a file\n23",
    ),
    "dash": Tool(
        "echo \"FROM_FILE='from a file'\"",
        """dash -c '. "$X"; cat <&$Y >/dev/null; echo "$FROM_FILE"'""",
        "from a file",
    ),
    "git": Tool("printf '[user]\\nname = from git\\n'", 'git config -f "$X" user.name', "from git"),
    # With a passphrase by either way, and for the other direction by the other.
    "gpg": Tool(
        "echo a passphrase",
        "gpg='gpg -q --homedir . --batch --pinentry-mode loopback'; chmod 700 .; printf text |"
        ' $gpg --passphrase-fd $Y -c | $gpg --passphrase-file "$X" -d; gpgconf --homedir . --kill all',
        "text",
    ),
    # It complains of a password file that others may read, and of one that is no regular file.
    "psql": Tool(
        "echo 127.0.0.1:1:db:me:secret",
        'count() { PGPASSFILE="$1" psql -h 127.0.0.1 -p 1 -U me db 2>&1 | grep -c "password file"; };'
        ' cp "$X" loose; chmod 644 loose; mkfifo pipe; count "$X"; count loose; count pipe',
        "0\n1\n1",
    ),
}


@pytest.mark.parametrize("program", TOOLS)
def test_real_program_takes_what_is_handed_over(cli: Cli, program: str) -> None:
    if shutil.which(program) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{program} is not installed")
    make, use, says = TOOLS[program]
    value = cli.run(["bash", "-c", make], check=True).stdout
    cli("add", "tools/value", "--delivery", "executor_only", "--stdin-raw", stdin=value, check=True)
    choices = ("--file", "X=tools/value", "--fd", "Y=tools/value")

    done = cli("exec", *choices, "--", "bash", "-c", use)

    assert done.stdout.decode().strip() == says, done


def test_agent_hands_over_as_well(stocked: Cli) -> None:
    runtime = tempfile.TemporaryDirectory(prefix="cv-", dir="/tmp")  # a short path: a socket's has 104 bytes
    socket = {"CREDVAULT_AGENT_SOCKET": f"{runtime.name}/agent.sock"}
    stocked("unlock", env=socket, check=True)
    try:
        options = ("--file", "X=closed/password", "--fd", "Y=TOKEN?version=1", "--stdin", "dev/db#host")

        done = stocked(
            "exec", *options, "--", "sh", "-c", 'cat "$X"; cat <&$Y; cat', env={**socket, "CREDVAULT_KEY": None}
        )
    finally:
        stocked("agent", "stop", env=socket, check=True)
        runtime.cleanup()

    trail = (stocked.home / ".local/state/credvault/trail.jsonl").read_text().splitlines()
    assert (done.stdout, done.stderr) == (b"canary-closedcanary-tokendb.example.org", b"")
    assert [json.loads(line)["command"] for line in trail].count("deliver") == 3


@needs_superuser
def test_no_other_user_reads_the_file_but_a_program_that_changes_its_user_reads_the_descriptor(stocked: Cli) -> None:
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    choices = ("--file", "X=closed/password", "--fd", "Y=TOKEN")

    done = stocked("exec", *choices, "--", *as_nobody, "sh", "-c", 'id -u; cat "$X"; cat <&$Y')

    assert done.stdout == b"65534\ncanary-token"
    assert b"Permission denied" in done.stderr


@needs_superuser
def test_other_processes_of_a_namespace_have_other_numbers(stocked: Cli) -> None:
    """Numbers are those of /proc, and not our own; where a program brings another /proc, there is the descriptor."""
    words = [PROGRAM, "exec", "--file", "X=closed/password", "--fd", "Y=TOKEN", "--"]
    show = ["sh", "-c", 'cat "$X"; cat <&$Y']

    inside = stocked.run(["unshare", "--pid", "--fork", *words, *show])
    outside = stocked.run([*words, "unshare", "--pid", "--fork", "--mount-proc", *show])

    assert (inside.stdout, inside.stderr) == (b"canary-closedcanary-token", b"")
    assert outside.stdout == b"canary-token"
    assert b"No such file" in outside.stderr


@needs_superuser
def test_without_proc_a_file_is_refused_and_a_descriptor_works(stocked: Cli) -> None:
    hidden: list[str | bytes] = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]

    refused = stocked.run([*hidden, PROGRAM, "exec", "--file", "X=closed/password", "--", "touch", "ran"])
    served = stocked.run([*hidden, PROGRAM, "exec", "--fd", "X=TOKEN", "--", "sh", "-c", "cat <&$X"])

    assert refused.returncode == 125
    assert b"there is no /proc here" in refused.stderr
    assert not (stocked.cwd / "ran").exists()
    assert (served.stdout, served.stderr) == (b"canary-token", b"")


def test_program_that_resolves_links_first_does_not_find_the_file(stocked: Cli) -> None:
    """The price of memory without a name: what such a program looks for is `/memfd:credvault (deleted)`."""
    done = stocked("exec", "--file", "X=TOKEN", "--", "sh", "-c", 'cat "$(readlink -f "$X")" || cat "$X"')

    assert done.stdout == b"canary-token"
    assert b"No such file" in done.stderr


def test_program_that_cannot_be_started_leaves_nothing(stocked: Cli) -> None:
    (stocked.cwd / "broken").write_text("#!/nowhere/sh\n")
    (stocked.cwd / "broken").chmod(0o755)

    done = subprocess.run(
        [PROGRAM, "exec", "--file", "X=closed/password", "--", "./broken"],
        env=stocked.environment(),
        cwd=stocked.cwd,
        capture_output=True,
    )

    assert done.returncode == 126
    assert b"canary" not in done.stderr
