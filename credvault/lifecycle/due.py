"""What is due: secrets that have expired, or whose value is older than it is meant to get."""

from credvault.model import times
from credvault.model.record import Record


def due_reason(record: Record, now: float, within: float = 0) -> str | None:
    """Return in words why a secret is due at `now` or in the `within` seconds after it, or None.

    The age of a value counts from when the value last changed, not from when a fact was edited.
    """
    if record.expires_at is not None:
        expires = times.parse_time(record.expires_at)
        if expires <= now:
            return f"expired at {record.expires_at}"
        if expires <= now + within:
            return f"expires at {record.expires_at}"
    if record.rotate_every is not None:
        due = times.parse_time(record.value_changed_at) + times.parse_duration(record.rotate_every)
        if due <= now + within and due < times.END_OF_TIME:
            return f"{'was' if due <= now else 'is'} to be rotated by {times.time_text(due)}"
    return None
