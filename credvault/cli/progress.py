"""How far a long command has come, as a bar on stderr. Beside output.py the only importer of rich."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from credvault.cli.output import Output, is_terminal


@contextmanager
def progress(out: Output, what: str, total: int) -> Iterator[Callable[[object], None]]:
    """Give what is to be called for each of `total` things done.

    The bar appears on a terminal and once the first is done: before that a person may be asked something.
    """
    if out.quiet or total < 2 or not is_terminal(sys.stderr):
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True, no_color=not out.has_color()), transient=True)
    task = bar.add_task(what, total=total)

    def advance(_: object) -> None:
        bar.start()
        bar.advance(task)

    try:
        yield advance
    finally:
        bar.stop()
