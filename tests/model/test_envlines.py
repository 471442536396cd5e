"""Lines of variables are taken as they are. What `--env-file` makes of them is in tests/delivery/test_envfile.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.model.envlines import EnvLine, parse_env_lines
from credvault.model.errors import InvalidValue


@given(st.binary(max_size=30).filter(lambda text: b"\n" not in text), st.sampled_from([b"'", b'"']))
def test_any_text_of_one_line_comes_back_from_between_quotes(text: bytes, quote: bytes) -> None:
    lines = list(parse_env_lines(b"# first\n\nA=" + quote + text + quote + b"\nB=2\n", "f"))

    assert lines == [EnvLine("A", text, "f:3"), EnvLine("B", b"2", "f:4")]


@given(st.binary(max_size=40))
def test_file_of_any_bytes_is_read_or_its_line_is_named(data: bytes) -> None:
    try:
        said = [line.source for line in parse_env_lines(data, "f")]
    except InvalidValue as exc:
        said = [exc.message]

    assert all(source.startswith("f:") for source in said)


def test_refusal_says_what_a_line_is_wanted_to_be() -> None:
    with pytest.raises(InvalidValue, match=r"^f:1 is not VAR=credvault://NAME$"):
        list(parse_env_lines(b"x", "f", wanted="VAR=credvault://NAME"))
