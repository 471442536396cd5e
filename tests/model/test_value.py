"""A SecretValue shows itself nowhere but through reveal()."""

import copy
import io
import json
import logging
import pickle
import traceback
from string import Template

import pytest

from credvault.model.value import MAX_VALUE_BYTES, SecretValue

CANARY = b"canary-7f3a"
VALUE = SecretValue(CANARY)


def test_value_is_given_by_reveal_alone() -> None:
    assert VALUE.reveal() == CANARY
    assert type(VALUE.reveal()) is bytes
    assert len(VALUE) == len(CANARY)
    assert MAX_VALUE_BYTES == 1 << 20


def test_value_is_hidden_however_it_is_formatted() -> None:
    shown = [
        str(VALUE),
        repr(VALUE),
        f"{VALUE}",
        f"{VALUE!r}",
        f"{VALUE!s:>20}",
        f"{VALUE:x}",
        "%s" % VALUE,  # noqa: UP031 - the old operator is what is tested
        "%r" % (VALUE,),  # noqa: UP031
        "{}".format(VALUE),  # noqa: UP032
        format(VALUE, "s"),
        Template("$v").substitute(v=VALUE),
        repr([VALUE]),
        repr({"value": VALUE}),
        str((VALUE,)),
        "".join(dir(VALUE)),
    ]

    assert [text for text in shown if "canary" in text or CANARY.hex() in text] == []
    assert str(VALUE) == f"{VALUE}" == "***"


def test_value_is_hidden_in_logs() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("test_value")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)

    logger.warning("got %s and %r", VALUE, VALUE)
    logger.warning(VALUE)
    logger.removeHandler(handler)

    assert "canary" not in stream.getvalue()
    assert stream.getvalue().count("***") == 3


def test_value_is_hidden_in_tracebacks_with_locals() -> None:
    def fail(value: SecretValue) -> None:
        raise RuntimeError(f"cannot use {value}")

    try:
        fail(VALUE)
    except RuntimeError as exc:
        shown = "".join(traceback.TracebackException.from_exception(exc, capture_locals=True).format())

    assert "value = SecretValue(***)" in shown
    assert "canary" not in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_value_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(VALUE, protocol)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps({"a": [VALUE]}, protocol)


def test_value_is_not_copied_nor_made_into_json() -> None:
    with pytest.raises(TypeError):
        copy.copy(VALUE)
    with pytest.raises(TypeError):
        copy.deepcopy([VALUE])
    with pytest.raises(TypeError) as caught:
        json.dumps({"value": VALUE})

    assert "canary" not in str(caught.value)
    assert "***" in json.dumps({"value": VALUE}, default=str)


def test_value_has_no_other_way_out() -> None:
    assert not hasattr(VALUE, "__dict__")
    assert not hasattr(VALUE, "__bytes")
    for conversion in (bytes, list, iter, memoryview):
        with pytest.raises(TypeError):
            conversion(VALUE)  # type: ignore[call-overload, arg-type]
    with pytest.raises(AttributeError):
        VALUE.note = "x"  # type: ignore[attr-defined]


def test_value_is_compared_and_never_hashed() -> None:
    assert SecretValue(CANARY) == VALUE
    assert SecretValue(b"other") != VALUE
    assert VALUE != CANARY
    with pytest.raises(TypeError, match="unhashable"):
        hash(VALUE)


def test_comparison_that_fails_in_a_test_shows_no_value() -> None:
    """What pytest prints of both sides is their repr."""
    with pytest.raises(AssertionError) as caught:
        assert SecretValue(b"other") == VALUE

    assert "canary" not in str(caught.value)
