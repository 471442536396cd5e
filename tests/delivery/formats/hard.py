"""Values that are hard to quote: each one by itself, and any number of them strung together by a seeded chance."""

import random
from collections.abc import Iterator

# What a planted command would leave behind, wherever a value is taken for code.
MARKER = "marker"
PLANTED = [
    f"$(touch {MARKER})",
    f"`touch {MARKER}`",
    f"';touch {MARKER};'",
    f'";touch {MARKER};"',
    f"'\ntouch {MARKER}\n'",
    f"\\';touch {MARKER};\\'",
    f"(touch {MARKER})",
    f"; touch {MARKER} #",
    f"|touch {MARKER}&",
    f"a[$(touch {MARKER})]",
    f"${{x:-$(touch {MARKER})}}",
    f"=(touch {MARKER})",
    f"<(touch {MARKER})",
    f"’;touch {MARKER};’",
]

_PIECES = [
    *("'", '"', "`", "$", "!", "\\", "#", "=", " ", "~", "%", "&", ";", "|", "<", ">", "(", ")", "[", "]", "{", "}"),
    *("*", "?", "^", ":", ",", "-", "@", "+", "/", ".", "_"),
    *("\n", "\r", "\r\n", "\t", "\n\n", "\\\n", "\\\r", "\\n", "\\r", "\\t", "\\\\", "\\'", '\\"', "''", '""', "'\"'"),
    *("$HOME", "${HOME}", "${x:-y}", "$$", "$'a'", "$(", "!!", "!x", "^a^b", "%s", "%0A", "::", "${", "}"),
    *(
        "a",
        "Z",
        "0",
        "abc",
        "e",
        "n",
        "r",
        "x41",
        "EOF",
        "<<EOF",
        "export A=b",
        "null",
        "no",
        "1e3",
        "# c",
        " #",
        "\n#",
    ),
    *(
        "é",
        "ü",
        "中",
        "文",
        "😀",
        "👩‍👩‍👧",
        "\u202e",
        "\u200f",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\u2028",
        "\u2029",
        "\u0085",
    ),
    *("\u00a0", "\u2018", "\u2019", "\u201a", "\u201b", "\u201c", "\u201d", "\u201e", "\uf600", "\uf6ff", "\ufdd0"),
    *("\uffff", "\U0010ffff", "\u0300", "\u3000"),
    *(chr(code) for code in [*range(1, 32), 127]),
    *PLANTED,
]
_BYTES = [
    b"\xff",
    b"\xfe",
    b"\x80",
    b"\x81",
    b"\x82",
    b"\x83",
    b"\x84",
    b"\x85",
    b"\x88",
    b"\xc3",
    b"\xe4\xb8",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
]

# Short of what a variable may have, with its name (execve(2)).
LARGE = 131_000

NASTY = [
    *(piece.encode() for piece in _PIECES),
    *(piece.encode() * 2 for piece in _PIECES),
    *(b"a" + piece.encode() + b"b" for piece in _PIECES),
    *_BYTES,
    *(b"a" + piece + b"b" for piece in _BYTES),
    *(piece + b"'" for piece in _BYTES),
    *(piece + b"\\" for piece in _BYTES),
    b" leading and trailing ",
    b"\tleading and trailing\t",
    b"\nleading and trailing\n",
    b"-----BEGIN KEY-----\nYWJj\nZGVm\n-----END KEY-----\n",
    b'{"json": "a\\"b", "list": [1, 2]}',
    b"x" * LARGE,
    b"'" * (LARGE // 8),
    b"\n" * (LARGE // 8),
    b"$(touch marker)\n" * (LARGE // 32),
    bytes(range(1, 256)),
    bytes(range(1, 256)) * 2,
]


def random_values(count: int, seed: int = 4711) -> Iterator[bytes]:
    """Yield values that are the same in every run: two in three are UTF-8, all without NUL."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    for number in range(count):
        pieces: list[bytes] = []
        for _ in range(chance.randint(1, 12)):
            pieces.append(
                chance.choice(_BYTES) if number % 3 == 0 and chance.random() < 0.3 else chance.choice(_PIECES).encode()
            )
        if number % 3 == 1:
            pieces.append(bytes(chance.choices(range(32, 127), k=chance.randint(0, 40))))
        yield b"".join(pieces)
