"""What can be said of a certificate or a private key file without a library: its armour, its length, its last day.

Reads just so much of DER (X.690) as that takes; that a file passes here does not make it trusted.
"""

import re
from typing import NamedTuple

from credvault.model import times

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END ([A-Z0-9 ]+)-----", re.DOTALL)
_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_OPENSSH = b"openssh-key-v1\0"


class _Element(NamedTuple):
    tag: int
    start: int
    end: int


def certificate_fault(data: bytes, now: float) -> str | None:
    """Return what is wrong with a file of certificates and keys at `now` (seconds since the epoch), or None.

    PEM blocks in any order, or DER (PKCS #12 included) alone. Nothing of the file is quoted.
    """
    if b"-----BEGIN" not in data:
        return None if _is_one_element(data) else "it is neither PEM nor DER"
    blocks = _BLOCK.findall(data)
    if len(blocks) != data.count(b"-----BEGIN") or any(begin != end for begin, _, end in blocks):
        return "a PEM block has no end, or another end than its beginning"
    for number, (label, armoured, _) in enumerate(blocks, 1):
        fault = _block_fault(label.decode("ascii"), armoured, now)
        if fault is not None:
            return fault if len(blocks) == 1 else f"block {number}: {fault}"
    return None


def _block_fault(label: str, armoured: bytes, now: float) -> str | None:
    import base64
    import binascii

    if b":" in armoured or label.startswith("PGP "):
        return None  # encrypted as in RFC 1421, or OpenPGP: not DER
    try:
        der = base64.b64decode(b"".join(armoured.split()), validate=True)
    except binascii.Error:
        return "what is between the PEM lines is not base64"
    if label == "OPENSSH PRIVATE KEY":
        return None if der.startswith(_OPENSSH) else "it is not an OpenSSH key"
    if label == "TRUSTED CERTIFICATE":
        return None  # OpenSSL's own: a certificate with more after it
    if not _is_one_element(der):
        return "it was cut short, or is not DER"
    return _expiry_fault(der, now) if label.endswith("CERTIFICATE") else None


def _expiry_fault(der: bytes, now: float) -> str | None:
    try:
        last = _not_after(der)
    except (IndexError, ValueError):
        return "it is not a certificate"
    return None if times.is_before(times.time_text(now), last) else f"the certificate expired at {last}"


def _not_after(der: bytes) -> str:
    """Return the end of a certificate's validity (RFC 5280, 4.1): version, serial, algorithm, issuer, validity."""
    to_be_signed = _element(der, _element(der, 0).start)
    item = _element(der, to_be_signed.start)
    if item.tag == _VERSION:
        item = _element(der, item.end)
    if item.tag != _INTEGER:
        raise ValueError
    for _ in range(3):
        item = _element(der, item.end)
    last = _element(der, _element(der, item.start).end)
    return _time_text(last.tag, der[last.start : last.end].decode("ascii"))


def _time_text(tag: int, digits: str) -> str:
    if tag == _UTC_TIME:  # two digits of the year, up to 2049
        digits = ("20" if digits < "50" else "19") + digits
    elif tag != _GENERALIZED_TIME:
        raise ValueError
    text = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:]}"
    if not times.is_time(text):
        raise ValueError
    return text


def _element(der: bytes, at: int) -> _Element:
    """Return the element at an offset; raises IndexError or ValueError for what DER does not allow."""
    length, start = der[at + 1], at + 2
    if length >= 0x80:
        size = length - 0x80
        if not 1 <= size <= 4:
            raise ValueError
        length, start = int.from_bytes(der[start : start + size]), start + size
    if start + length > len(der):
        raise ValueError
    return _Element(der[at], start, start + length)


def _is_one_element(der: bytes) -> bool:
    try:
        whole = _element(der, 0)
    except (IndexError, ValueError):
        return False
    return whole.tag == _SEQUENCE and whole.end == len(der)
