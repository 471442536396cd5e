"""The number of a version, as references, URIs, requests and options have it."""

import pytest

from credvault.cli.options import VERSION
from credvault.model.names import is_version_number


@pytest.mark.parametrize("text", ["1", "9", "10", "999999999999999"])
def test_numbers_from_one_are_versions(text: str) -> None:
    assert is_version_number(text)
    assert VERSION.min is not None
    assert VERSION.max is not None
    assert VERSION.min <= int(text) <= VERSION.max


@pytest.mark.parametrize("text", ["", "0", "01", "-1", "+1", " 1", "1.0", "1000000000000000", "²", "١", "latest"])
def test_other_text_is_no_version(text: str) -> None:
    assert not is_version_number(text)
