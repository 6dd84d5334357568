"""How far long work is, as one line now and then: for logs, and for who looks from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Thread

from glasscast.progress import Progress

#: Steps from which on a task shows its share and rate: nobody reads so many as a number.
MANY = 1_000_000
#: Seconds between two lines, at least; a line that says nothing new waits longer.
_MINUTE = 60.0
_QUIET = 600.0


@dataclass
class _Task:
    what: str
    total: int | None
    done: int = 0
    note: str = ""
    began: float = field(default_factory=time.monotonic)

    def text(self, now: float) -> str:
        """Say what is done, the rate, and the time left."""
        spent = now - self.began
        parts = [self._share()]
        if self.done and spent > 0:
            parts.append(_rate(self.done / spent))
            if self.total is not None:
                left = spent / self.done * max(self.total - self.done, 0)
                parts.append(f"{timedelta(seconds=round(left))} left")
        return f"{self.what} {', '.join([*parts, *filter(None, [self.note])])}"

    def _share(self) -> str:
        if self.total is None:
            return f"{self.done}"
        if self.total < MANY:
            return f"{self.done}/{self.total}"
        return f"{100 * self.done / self.total:.1f} %"


class Tally:
    """Counts nested tasks and hands on to what shows them, if anything.

    Implements :class:`glasscast.progress.Progress`.
    """

    def __init__(self, shown: Progress | None = None) -> None:
        self._shown = shown
        self._running: list[_Task] = []

    def start(self, what: str, total: int | None) -> None:
        """Begin a task within the one begun before."""
        self._running.append(_Task(what, total))
        if self._shown is not None:
            self._shown.start(what, total)

    def advance(self, note: str = "", steps: int = 1) -> None:
        """Count steps of the innermost task."""
        innermost = self._running[-1]
        innermost.done += steps
        innermost.note = note or innermost.note
        if self._shown is not None:
            self._shown.advance(note, steps)

    def done(self) -> None:
        """Close the innermost task."""
        self._running.pop()
        if self._shown is not None:
            self._shown.done()

    def text(self) -> str:
        """One line: all tasks, the outermost first; empty if none runs."""
        now = time.monotonic()
        return "; ".join(task.text(now) for task in tuple(self._running))

    def counts(self) -> list[tuple[str, int]]:
        """Return what changes only when work is done."""
        return [(task.what, task.done) for task in tuple(self._running)]


@contextmanager
def told(
    tally: Tally, tell: Callable[[str], None], every: float = _MINUTE, quiet: float = _QUIET
) -> Iterator[None]:
    """Tell how far the work is now and then, while the block runs.

    Parameters
    ----------
    every : seconds between two lines.
    quiet : seconds after which a line comes although nothing was finished since the last.
    """
    over = Event()

    def report() -> None:
        counts, last = None, time.monotonic()
        while not over.wait(every):
            new = tally.counts()
            if new and (new != counts or time.monotonic() - last >= quiet):
                tell(tally.text())
                counts, last = new, time.monotonic()

    teller = Thread(target=report, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _rate(steps: float) -> str:
    """Say how many steps are made in the shortest time in which there is at least one."""
    if steps >= MANY:
        return f"{steps / 1e6:.2f} M/s"
    for seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if steps * seconds >= 1:
            return f"{steps * seconds:.3g}/{unit}"
    return f"{steps * 86400:.2g}/day"
