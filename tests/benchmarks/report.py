"""The measurements as Markdown: the same job by everybody, growth, the other commands, the bars, the machine."""

from collections.abc import Iterator

from tests.benchmarks.bars import Bar
from tests.benchmarks.credvault_cases import (
    ADD,
    COLD,
    COMMANDS,
    HELP,
    SIZES,
    WARM,
    WITH_CONFIG,
    WITH_PASSPHRASE,
    name,
)
from tests.benchmarks.facts import Facts, Measurement
from tests.benchmarks.measure import SELDOM
from tests.benchmarks.peers import openbao
from tests.benchmarks.stores import (
    KEYRING,
    KEYRING_PEER,
    KEYRING_WRITER,
    OPENBAO,
    OPENBAO_TLS,
    ROTATE,
    curl_of,
    exec_from,
    get_from,
)

CLICK = "python -c 'import click'"
# Who prints one secret; those that were left out are not among the measurements.
SAME_JOB = (
    name("get", WARM, 100),
    name("get", COLD, 100),
    name("get", WARM, 100_000),
    name("get", COLD, 100_000),
    "pass show",
    "gpg -d",
    "sops -d --extract",
    get_from(OPENBAO),
    get_from(OPENBAO_TLS),
    get_from(KEYRING),
    openbao.PLAIN,
    openbao.TLS,
    KEYRING_PEER,
    "dotenvx get, 1 secret",
    "dotenvx get, 100 secrets",
)
# All 100 at once: credvault, and curl with the requests that it made.
ALL_AT_ONCE = tuple(case(place) for place in (OPENBAO, OPENBAO_TLS) for case in (exec_from, curl_of))
BESIDES = (WITH_CONFIG, WITH_PASSPHRASE, ROTATE, KEYRING_WRITER, HELP, CLICK)
PLAIN_HEAD = ("| command | × bare Python | min–max | ms |", "| --- | --: | --: | --: |")

CONTEXT = """\
credvault is the installed wheel: cold with a raw key in its environment, warm with an unlocked agent. `pass` and `gpg`
have a key without passphrase and a warm gpg-agent, `sops` has an age key, `bao` a server in development mode on the
same machine, `keyring` an unlocked Secret Service, `dotenvx` its key in a file beside its values; credvault keeps
secrets of its own in that server and that service. Each holds 100 secrets where nothing else is said, and prints one;
`gpg` decrypts one file, and `dotenvx` all that its file holds."""

AT_ONCE = """\
`exec` asks for the names, then for what is known of each secret, then for each value, over a few connections; curl
makes the same requests, which were recorded, all at once and waits for none: over TLS by HTTP/2, on one connection."""

METHOD = """\
Medians of {rounds} rounds. In each round every command runs once, and before each the yardstick: `python -I -c pass` of
the environment that credvault is installed in, which took {median} ms ({min}–{max}). A ratio is to that run just
before, since what else the machine is doing slows both. Two commands are compared by their ratios, round by round.
`list` and `exec` at 100,000 secrets and `dotenvx` at 100 ran in each {seldom}th round only."""


def same_job(facts: Facts) -> list[tuple[str, Measurement]]:
    """Return who prints one secret and what it took, the quickest first."""
    measured = [(case, facts["measurements"][case]) for case in SAME_JOB if case in facts["measurements"]]
    return sorted(measured, key=lambda pair: pair[1]["ratio"]["median"])


def shown(ratio: float) -> str:
    """Return a ratio as it is read beside others: to the hundredth where that is near the yardstick."""
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}"


def report(facts: Facts) -> str:
    """Return the whole of speed.md."""
    sections = [
        [
            "# What a user waits for",
            "",
            METHOD.format(rounds=facts["rounds"], seldom=SELDOM, **facts["yardstick_milliseconds"]),
        ],
        ["## The same job: print one secret", "", "![Bars of the table below](speed.svg)", "", *_same_job(facts)],
        ["## As a vault grows", "", "Times a bare Python, and milliseconds.", "", *_growth(facts)],
        ["## All secrets of OpenBao, for one program", "", AT_ONCE, "", *_plain(facts, ALL_AT_ONCE)],
        ["## Besides", "", *_plain(facts, BESIDES)],
        ["## Bars", "", *_bars(facts["bars"])],
        ["## Made on", "", *(f"- {what}: {fact}" for what, fact in (facts["machine"] | facts["peers"]).items())],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _same_job(facts: Facts) -> Iterator[str]:
    yield CONTEXT
    yield ""
    yield from PLAIN_HEAD
    yield from (_row(case, measurement) for case, measurement in same_job(facts))
    if facts["left_out"]:
        yield ""
        yield from (f"Left out: {peer}, because {why}." for peer, why in facts["left_out"].items())


def _plain(facts: Facts, cases: tuple[str, ...]) -> Iterator[str]:
    yield from PLAIN_HEAD
    yield from (_row(case, facts["measurements"][case]) for case in cases if case in facts["measurements"])


def _row(case: str, measurement: Measurement) -> str:
    ratio = measurement["ratio"]
    span = f"{ratio['min']:.2f}–{ratio['max']:.2f}"
    return f"| {case} | {ratio['median']:.2f} | {span} | {measurement['milliseconds']['median']:.0f} |"


def _growth(facts: Facts) -> Iterator[str]:
    yield f"| command | {' | '.join(f'{size:,} secrets' for size in SIZES)} |"
    yield f"| --- |{' --: |' * len(SIZES)}"
    for state in (WARM, COLD):
        for command in (*COMMANDS, ADD):
            cells = [_cell(facts["measurements"].get(name(command, state, size))) for size in SIZES]
            yield f"| {command}, {state} | {' | '.join(cells)} |"


def _cell(measurement: Measurement | None) -> str:
    if measurement is None:
        return "–"
    return f"{measurement['ratio']['median']:.2f} × · {measurement['milliseconds']['median']:.0f} ms"


def _bars(bars: list[Bar]) -> Iterator[str]:
    yield "| what | at most | measured | |"
    yield "| --- | --: | --: | --- |"
    for bar in bars:
        measured = "–" if bar["measured"] is None else f"{bar['measured']:.3f}"
        met = {True: "met", False: "**not met**", None: "not measured"}[bar["met"]]
        yield f"| {bar['what']} | {bar['at_most']:g} {bar['unit']} | {measured} | {met} |"
