"""Signals that end a program in order, through every `finally`, as an exception does."""

import contextlib
import signal
import sys
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def ignore() -> None:
    """None of them comes up any more, until the `unwinding` around it ends.

    One that comes up in here has been the last, so what must happen after it stands in a `finally`.
    """
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """SystemExit comes up where the first of them comes in; later ones do not disturb what is put in order then."""

    def end(number: int, _: object) -> None:
        ignore()
        sys.exit(128 + number)

    # What is ignored stays so: a program under nohup is to outlive its terminal.
    taken = {each: signal.getsignal(each) for each in ENDING if signal.getsignal(each) != signal.SIG_IGN}
    try:
        for each in taken:
            signal.signal(each, end)
        yield
    finally:
        for each, handler in taken.items():
            signal.signal(each, handler)
