"""Entry: `credvault` and `python -m credvault`. The fast lane, the cold lane, the command line: the first that can.

The lanes answer the plain forms of `get` and `exec`, which stand in prompts and loops. Whatever they do not answer,
the command line does.
"""

import gc
import sys

from credvault.model.plain import EXEC, PlainForm, plain_form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_INTERRUPTED = 130
# After so many new objects they are looked through for garbage, in the place of 700: there is hardly any, and an `exec`
# with 100 secrets of OpenBao looked thirty times, for 4 % of its processor time.
_GARBAGE_OBJECTS = 20_000
# The word by which the completion scripts ask (completions/): `__complete KIND TYPED [OPTION=VALUE]…`.
_COMPLETE = "__complete"
# More than this a file of settings seldom has, and what stands behind it is read by the command line.
_GLANCE_BYTES = 64 * 1024


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        sys.unraisablehook = _end_on_interrupt
        # Loading modules makes many objects and no garbage: not looking for it, at the end neither, saves half of what
        # a bare interpreter takes to start (tests/benchmarks).
        gc.disable()
        status = _run()
        gc.freeze()
        return status
    except KeyboardInterrupt:  # before the command line is there to say it, or after
        return _INTERRUPTED
    except RuntimeError as exc:
        # So Python 3.11 wraps what falls into a `__set_name__`, which runs while a class is made.
        if isinstance(exc.__cause__, KeyboardInterrupt):
            return _INTERRUPTED
        raise


def leave() -> None:
    """Run the command line, and end at once: the way in of the launcher, which is for POSIX systems.

    The interpreter's own end takes the modules apart one by one, for an eighth of its start, and leaves nothing that
    the system does not take back anyway.
    """
    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # what goes to stdout does not wait in there, and who reads stderr has gone
            pass
    import posix

    posix._exit(status)


def _run() -> int:
    """Return the status of what the first way did that could."""
    if sys.argv[1:2] == [_COMPLETE] and sys.platform != "win32":
        return _complete(sys.argv[2:])
    form = plain_form(sys.argv[1:]) if sys.platform != "win32" else None
    status = None
    if form is not None and not _is_masked(form):
        status = _run_cold(form) if form.is_uri or _has_key() or _is_elsewhere() else None
        if status is None and not form.is_uri and not _has_key():
            status = _run_fast(form)
    return _run_whole() if status is None else status


def _run_fast(form: PlainForm) -> int | None:
    """Return the status of a command that an agent answers, or None."""
    import posix

    from credvault.agent.fastlane import answer, tell

    found = answer(form)
    if found is None:
        return None
    tell(found.notice)
    try:
        left = found.output[posix.write(1, found.output) :] if found.output else b""
    except OSError:
        left = found.output
    if not left:
        return found.status
    # Nobody reads, the disk is full, or it takes more than one call: what is left is the command line's to write.
    from credvault.cli.boundary import write_rest

    return write_rest(left, found.status)


def _is_masked(form: PlainForm) -> bool:
    """Say whether what a child shows is masked: that is for the command line to do (spec.md 7)."""
    import posix

    return form.command == EXEC and bool(posix.environ.get(b"CI"))


def _complete(words: list[str]) -> int:
    """Write what TAB may offer. Whatever goes wrong, nothing is offered and nothing is said."""
    from credvault.agent.tablane import end_in_time, offered, parse_question, take_your_time, write

    if sys.stdout is None:
        return 0  # what is opened here would get its number
    try:
        end_in_time()
        kind, typed, flags = parse_question(words)
        offers = offered(kind, typed, flags)
        if offers is None:
            try:
                from credvault.cli import offering
            except ImportError:  # as in `_run_cold`
                import site

                site.main()
                from credvault.cli import offering
            offers = offering.offered(kind, typed, flags)
        write(offers)
    except Exception:  # noqa: BLE001 - the boundary: this is in the midst of what a person types
        return 0
    finally:
        take_your_time()  # at the interpreter's end a signal would have no handler
    return 0


def _has_key() -> bool:
    """Say whether a key is at hand: then no agent is asked (spec.md 6)."""
    import posix

    from credvault.model.unlocking import KEYS

    return any(key.encode("ascii") in posix.environ for key in KEYS)


def _is_elsewhere() -> bool:
    """Say whether secrets seem to live in no vault file, so that no key opens them and no agent holds them."""
    import posix

    from credvault.model.unlocking import config_file

    config = b""
    path = config_file(posix.environ)
    if path:
        try:
            descriptor = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
            config = posix.read(descriptor, _GLANCE_BYTES)
            posix.close(descriptor)
        except OSError:  # where it should be there, the command line says so
            pass
    if not config and b"CREDVAULT_BACKEND" not in posix.environ:
        return False
    from credvault.model.elsewhere import seems_elsewhere

    return seems_elsewhere(posix.environ, config)


def _run_cold(form: PlainForm) -> int | None:
    """Return the status of a command that needs no agent, or None where another way is to do it."""
    try:
        from credvault.cli import coldlane
    except ImportError:  # without `site` (-S) only what is beside us is found
        return None
    _look_for_garbage()
    return coldlane.run(sys.argv[1:], form, has_key=_has_key())


def _run_whole() -> int:
    if sys.flags.no_site:
        # The launcher leaves `site` out, which the lanes do without: it reads .pth files, for a third of a start.
        import site

        site.main()
    from credvault.cli.main import run

    _look_for_garbage()
    return run(sys.argv[1:])


def _look_for_garbage() -> None:
    """Look for garbage from here on, but not through what has been loaded."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS)
    gc.enable()


def _end_on_interrupt(unraisable: "UnraisableHookArgs") -> None:
    """End quietly on a Ctrl-C that falls where Python would print it and go on, such as inside an import."""
    import os

    if unraisable.exc_type is KeyboardInterrupt:
        os._exit(_INTERRUPTED)
    sys.__unraisablehook__(unraisable)


if __name__ == "__main__":
    sys.exit(main())
