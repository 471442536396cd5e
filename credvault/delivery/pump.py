"""Moves streams: waits until one of them can go on, or until something that is held back may be let go."""

import selectors
import sys

from credvault.delivery.stream import Stream

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# poll(2) takes any descriptor on Linux; on macOS it takes no terminals, and select(2) none above 1023.
_SELECTOR = selectors.SelectSelector if sys.platform == "darwin" else selectors.PollSelector
# What a program has written when it ends or stops is in a pipe or a terminal, and neither holds more: another may
# write there on and on.
_LAST_BYTES = 1024 * 1024


class Pump:
    """Some streams, and descriptors that are watched besides."""

    def __init__(self, *watched: int) -> None:
        self.streams: list[Stream] = []
        self.watched = set(watched)
        self._selector = _SELECTOR()
        self._interest: dict[int, int] = {}

    def turn(self, *, reading: bool = True) -> bool:
        """Wait for something to do, and do it; return whether a watched descriptor is readable.

        Without `reading` nothing is taken in any more.
        """
        self._look_for({stream for stream in self.streams if reading and stream.wants_to_read})
        patience = [seconds for stream in self.streams if (seconds := stream.patience()) is not None]
        found = {key.fd: events for key, events in self._selector.select(min(patience, default=None))}
        for stream in self.streams:
            if reading and stream.wants_to_read and found.get(stream.source, 0) & _READ:
                stream.read()
            else:
                stream.release()
            if stream.wants_to_write and (stream.never_waits or found.get(stream.sink, 0) & _WRITE):
                stream.write()
        return not self.watched.isdisjoint(found)

    def take_last(self) -> None:
        """Take what has been written so far to the streams that are masked."""
        for stream in self.streams:
            if stream.is_masked and not (stream.has_ended or stream.is_broken):
                stream.read(_LAST_BYTES)

    def _look_for(self, reading: set[Stream]) -> None:
        interest = dict.fromkeys(self.watched, _READ)
        for stream in self.streams:
            if stream in reading:
                interest[stream.source] = interest.get(stream.source, 0) | _READ
            if stream.wants_to_write:
                interest[stream.sink] = interest.get(stream.sink, 0) | _WRITE
        if interest == self._interest:
            return
        for fd in self._interest.keys() - interest.keys():
            self._selector.unregister(fd)
        for fd, events in interest.items():
            if fd not in self._interest:
                self._selector.register(fd, events)
            elif events != self._interest[fd]:
                self._selector.modify(fd, events)
        self._interest = interest
