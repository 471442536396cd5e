"""One way of bytes, on real pipes: it never waits, holds little, and lets nothing out that is masked."""

import os
import select
import subprocess
from collections.abc import Iterator

import pytest

from credvault.delivery.matching import QUICK_SECONDS, Masker, Patterns
from credvault.delivery.pump import Pump
from credvault.delivery.stream import Stream

SECRET = b"canary-4711"


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """Two pipes: into the stream, and out of it, which may block as a caller's does."""
    source, into = os.pipe()
    out, sink = os.pipe()
    os.set_blocking(source, False)
    yield into, source, sink, out
    for fd in (source, into, out, sink):
        try:
            os.close(fd)
        except OSError:  # the test has closed it
            pass


def masker() -> Masker:
    return Masker(Patterns.of_forms([SECRET]))


def test_stream_passes_on_and_masks(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, out = pipes
    stream = Stream(source, sink, masker())
    os.write(into, b"a " + SECRET + b" b\n")

    stream.read()
    stream.write()

    assert os.read(out, 100) == b"a [REDACTED] b\n"
    assert not stream.wants_to_write


def test_sink_that_nobody_reads_stops_the_reading_and_blocks_nothing(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, out = pipes
    stream = Stream(source, sink, None)
    os.set_blocking(into, False)
    written = 0

    for _ in range(1000):
        try:
            written += os.write(into, b"x" * 65536)
        except BlockingIOError:
            if not stream.wants_to_read:
                break
        if stream.wants_to_read:
            stream.read()
        if select.select([], [sink], [], 0)[1]:
            stream.write()

    assert not stream.wants_to_read
    assert written < 1_000_000
    assert len(os.read(out, 1_000_000)) > 0
    stream.write()


def test_sink_of_others_is_given_what_it_takes_at_once(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, out = pipes
    stream = Stream(source, sink, None)
    os.write(into, b"x" * 60_000)
    stream.read()

    sizes = []
    while stream.wants_to_write:
        stream.write()
        sizes.append(len(os.read(out, 100_000)))

    assert os.get_blocking(sink)  # nobody else sees a change
    assert max(sizes) == select.PIPE_BUF
    assert sum(sizes) == 60_000


def test_sink_without_reader_breaks_the_stream(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, out = pipes
    stream = Stream(source, sink, masker())
    os.write(into, b"words")
    stream.read()
    os.close(out)

    stream.write()
    os.write(into, b"more")

    assert stream.is_broken
    assert not stream.wants_to_read
    assert not stream.wants_to_write


def test_end_of_the_source_lets_go_what_was_held_back(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, out = pipes
    stream = Stream(source, sink, masker())
    os.write(into, b"see " + SECRET[:-1])
    stream.read()
    held = stream.wants_to_write
    os.close(into)

    stream.read()
    stream.write()

    assert held  # the word before it
    assert stream.has_ended
    assert os.read(out, 100) == b"see " + SECRET[:-1]


def test_pump_lets_go_after_a_moment_of_quiet(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, out = pipes
    pump = Pump()
    pump.streams.append(Stream(source, sink, masker()))
    os.write(into, SECRET[:2])
    pump.turn()
    at_once = select.select([out], [], [], 0)[0]
    patience = pump.streams[0].patience()

    while not select.select([out], [], [], 0)[0]:
        pump.turn()

    assert at_once == []
    assert os.read(out, 100) == SECRET[:2]
    assert patience is not None
    assert patience <= QUICK_SECONDS


def test_pump_says_when_something_watched_is_readable(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, _ = pipes
    other, others = os.pipe()
    pump = Pump(other)
    pump.streams.append(Stream(source, sink, None))

    os.write(into, b"x")
    first = pump.turn()
    os.write(others, b"!")
    second = pump.turn()

    assert (first, second) == (False, True)
    for fd in (other, others):
        os.close(fd)


def test_last_of_an_endless_writer_has_a_bound(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, _ = pipes
    stream = Stream(source, sink, masker())
    pump = Pump()
    pump.streams.append(stream)
    with subprocess.Popen(["yes"], stdout=into) as endless:
        pump.take_last()

        endless.kill()
    assert not stream.has_ended


def test_line_ends_are_made_once_where_both_sides_make_them(pipes: tuple[int, int, int, int]) -> None:
    into, source, sink, out = pipes
    stream = Stream(source, sink, masker())
    stream.ends_lines = True
    os.write(into, b"a\r\nb\rc\n")

    stream.read()
    stream.write()

    assert os.read(out, 100) == b"a\nb\rc\n"
