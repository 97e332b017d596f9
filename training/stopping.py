"""Ending a run when it is asked to, and not in the middle of a step."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether the process was asked to end.

    Attributes:
        number: the signal that asked (SIGTERM, or SIGINT from Ctrl-C); None so far.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this lasts, in the main thread, those signals are only taken down; afterwards they do what they did."""
        before = {number: signal.getsignal(number) for number in SIGNALS}

        def take_down(number: int, frame: object) -> None:
            self.number = number

        for number in SIGNALS:
            signal.signal(number, take_down)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def obey(self) -> None:
        """Do what the signal would have done at once, if there was one: end the process, or raise."""
        if self.number is not None:
            signal.raise_signal(self.number)
