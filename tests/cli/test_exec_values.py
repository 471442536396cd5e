"""Values reach the child byte for byte, or it does not start."""

import pytest

from tests.conftest import Cli

VALUES = {
    "one byte": b"x",
    "final newline": b"line\n",
    "only newlines": b"\n\n",
    "blanks around": b" \t x \t ",
    "CRLF": b"a\r\nb\r\n",
    "not UTF-8": b"\xff\xfe\xe9\x80",
    "every byte but NUL": bytes(range(1, 256)),
    "text": "pâté \U0001f511 \u202e\u200b".encode(),
    "shell's characters": b"$HOME `id` $(id) '\"\\ ; & | * ? !",
    "like a definition": b"A=B=C",
    "a key of many lines": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
}


def test_values_are_injected_byte_for_byte(cli: Cli) -> None:
    for number, value in enumerate(VALUES.values()):
        cli("add", f"V{number}", "--stdin-raw", stdin=value, check=True)

    for locale in ({}, {"LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        done = cli("exec", "--", "cat", "/proc/self/environ", env=locale)

        entries = dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if entry)
        seen = [entries[b"V%d" % number] for number in range(len(VALUES))]
        assert seen == list(VALUES.values())


@pytest.mark.parametrize("field", ["pâté=", "a b"])
def test_fields_are_injected_as_text(cli: Cli, field: str) -> None:
    options = ("--env", "VAR", "--field", f"odd={field}", "--field", "number=007")
    cli("add", "some/thing", "--stdin", *options, stdin=b"canary", check=True)

    done = cli("exec", "-e", "X=some/thing#odd", "-e", "Y=some/thing#number", "--", "printenv", "X", "Y")

    assert done.stdout == f"{field}\n007\n".encode()


def test_value_of_the_size_that_a_variable_holds_is_injected_and_one_byte_more_is_not(cli: Cli) -> None:
    # Linux: name, '=', value and NUL are at most 32 pages (execve(2), MAX_ARG_STRLEN).
    most = 131_072 - len("SIZE=") - 1
    cli("add", "SIZE", "--stdin-raw", stdin=b"x" * most, check=True)
    fits = cli("exec", "--", "sh", "-c", 'printf %s "$SIZE" | wc -c')
    cli("rotate", "SIZE", "--stdin-raw", stdin=b"canary" + b"x" * (most - 5), check=True)
    done = cli("exec", "--", "touch", "ran")
    longer_name = cli("exec", "-e", "SIZES=SIZE?version=1", "--", "touch", "ran")

    assert fits.stdout.split() == [str(most).encode()]
    assert (done.returncode, longer_name.returncode) == (125, 125)
    assert b"the value for SIZE has 131067 bytes" in done.stderr
    assert b"SIZES" in longer_name.stderr
    assert not (cli.cwd / "ran").exists()
    assert b"canary" not in done.stderr


def test_value_with_a_nul_byte_stops_it(cli: Cli) -> None:
    cli("add", "BINARY", "--stdin-raw", stdin=b"canary\0canary", check=True)
    cli("add", "FINE", "--stdin-raw", stdin=b"fine", check=True)

    done = cli("exec", "--", "touch", "ran")
    without = cli("exec", "--only", "FINE", "--", "printenv", "FINE")

    assert done.returncode == 125
    assert b"the value for BINARY holds a NUL byte" in done.stderr
    assert not (cli.cwd / "ran").exists()
    assert b"canary" not in done.stderr + done.stdout
    assert without.stdout == b"fine\n"
