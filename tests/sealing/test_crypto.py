"""The primitives against published vectors, tokens, and padding."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credvault.sealing.crypto import (
    BadToken,
    hkdf,
    hmac_sha256,
    is_hmac_sha256,
    pad,
    pbkdf2,
    random_bytes,
    seal,
    sha256,
    unpad,
    unseal,
)

KEY = bytes(range(32))

# RFC 5869, appendix A: tests 1 to 3 (SHA-256). Of 42 or 82 bytes, the first 32 are ours.
HKDF_VECTORS = [
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
    ),
    (b"\x0b" * 22, b"", b"", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"),
]

# RFC 7914, section 11 (64 bytes; the first 32 are ours), and the SHA-256 run of RFC 6070's inputs, as published with
# many libraries.
PBKDF2_VECTORS = [
    (b"passwd", b"salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
    (b"Password", b"NaCl", 80_000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"),
    (b"password", b"salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
    (b"password", b"salt", 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"),
    (b"password", b"salt", 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"),
]


@pytest.mark.parametrize(("ikm", "salt", "info", "okm"), HKDF_VECTORS, ids=["1", "2", "3"])
def test_hkdf_gives_the_vectors_of_rfc_5869(ikm: bytes, salt: bytes, info: bytes, okm: str) -> None:
    assert hkdf(ikm, salt, info).hex() == okm


@pytest.mark.parametrize(("passphrase", "salt", "iterations", "derived"), PBKDF2_VECTORS)
def test_pbkdf2_gives_the_published_vectors(passphrase: bytes, salt: bytes, iterations: int, derived: str) -> None:
    assert pbkdf2(passphrase, salt, iterations).hex() == derived


def test_hmac_gives_the_vector_of_rfc_4231() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == expected


def test_mac_is_known_from_any_other() -> None:
    mac = hmac_sha256(KEY, b"data")

    assert is_hmac_sha256(KEY, b"data", mac)
    assert not is_hmac_sha256(KEY, b"data", mac[:-1] + bytes([mac[-1] ^ 1]))
    assert not is_hmac_sha256(KEY, b"data", mac[:16])
    assert not is_hmac_sha256(KEY, b"datb", mac)


@given(st.binary(max_size=200))
def test_sha256_is_that_of_the_standard_library(data: bytes) -> None:
    assert sha256(data) == hashlib.sha256(data).digest()


def test_random_bytes_differ() -> None:
    assert len({random_bytes(16) for _ in range(100)}) == 100


@given(st.binary(max_size=300))
def test_token_opens_under_its_key_alone(data: bytes) -> None:
    token = seal(KEY, data)

    assert unseal(KEY, token) == data
    assert unseal(KEY, token.encode()) == data
    with pytest.raises(BadToken):
        unseal(bytes(32), token)


def test_token_does_not_tell_when_it_was_made() -> None:
    raw = base64.urlsafe_b64decode(seal(KEY, b"data"))

    assert raw[:9] == b"\x80" + bytes(8)


@pytest.mark.parametrize("token", ["", "A", "AAAA", "gAAA", "====", b"", b"\xff\xfe", "\n"])
def test_text_that_is_no_token_is_refused(token: str | bytes) -> None:
    with pytest.raises(BadToken):
        unseal(KEY, token)


# Length of the data, and of what it is padded to: n = length + 1, steps of 64 up to n = 512, then about n / 8.
PADDED = [
    (0, 64),
    (63, 64),
    (64, 128),
    (127, 128),
    (128, 192),
    (511, 512),
    (512, 640),
    (639, 640),
    (640, 768),
    (1022, 1024),
    (1023, 1024),
    (1024, 1280),
    (1279, 1280),
    (1280, 1536),
    (2047, 2048),
    (2048, 2560),
    (1 << 20, (1 << 20) + (1 << 18)),
]


@pytest.mark.parametrize(("length", "padded"), PADDED)
def test_padding_ends_at_the_step_of_the_format_page(length: int, padded: int) -> None:
    data = b"x" * length

    text = pad(data)

    assert text == data + b"\x80" + bytes(padded - length - 1)
    assert unpad(text) == data


@given(st.binary(max_size=3000))
def test_padding_comes_off_again(data: bytes) -> None:
    padded = pad(data)

    assert unpad(padded) == data
    assert len(padded) % 64 == 0
    assert len(padded) <= max(64 + len(data), 1.26 * (len(data) + 1))


@given(st.integers(0, 600), st.binary(max_size=8))
def test_data_that_looks_like_padding_stays_data(zeros: int, tail: bytes) -> None:
    data = b"\x80" + bytes(zeros) + tail

    assert unpad(pad(data)) == data


@given(st.integers(0, 2000), st.data())
def test_padding_has_one_form(length: int, data: st.DataObject) -> None:
    padded = pad(b"x" * length)
    other = data.draw(st.sampled_from([padded + bytes(64), padded[:-1] + b"\1", padded[:-1], padded + b"\0"]))

    with pytest.raises(BadToken):
        unpad(other)


@pytest.mark.parametrize("padded", [b"", bytes(64), b"x" * 64, b"\x80", b"\x80" + bytes(62), b"\x80" + bytes(64)])
def test_bytes_that_are_not_padded_are_refused(padded: bytes) -> None:
    with pytest.raises(BadToken):
        unpad(padded)
