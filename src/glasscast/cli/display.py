"""The progress display of the command line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from glasscast.cli.tally import MANY, Tally, told
from glasscast.datasets.locks import tell

#: Seconds between two notes in the folder of the work, for who looks from outside.
_NOTES = 10.0


class _Lines(logging.Formatter):
    """Marks what needs attention; other lines stand for themselves."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"warning: {text}" if record.levelno >= logging.WARNING else text


class _Steps(ProgressColumn):
    """Steps done of how many; share and rate where these are as many as particle-steps."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.completed:.0f}")
        if task.total < MANY:
            return Text(f"{task.completed:.0f}/{task.total:.0f}")
        rate = f", {task.speed / 1e6:.2f} M/s" if task.speed else ""
        return Text(f"{task.percentage:.0f} %{rate}")


class TerminalProgress:
    """Draws nested tasks as bars; implements :class:`glasscast.progress.Progress`."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._running: list[TaskID] = []

    def start(self, what: str, total: int | None) -> None:
        """Open a bar."""
        self._running.append(self._bars.add_task(what, total=total, note=""))

    def advance(self, note: str = "", steps: int = 1) -> None:
        """Move the innermost bar."""
        bar = self._running[-1]
        self._bars.advance(bar, steps)
        if note:
            self._bars.update(bar, note=note)

    def done(self) -> None:
        """Close the innermost bar."""
        self._bars.remove_task(self._running.pop())


@contextmanager
def progress_display(console: Console, folder: Path | None = None) -> Iterator[Tally]:
    """Show bars with the time left, and the log above them, while the block runs.

    Where the output is no terminal a line comes now and then instead.

    Parameters
    ----------
    folder : that is worked on; gets notes that ``info`` shows.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        _Steps(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    log = logging.getLogger("glasscast")
    with Progress(*columns, console=console, transient=True) as bars, ExitStack() as stack:
        handler = RichHandler(console=bars.console, show_path=False, show_level=False)
        handler.setFormatter(_Lines("%(message)s"))
        log.addHandler(handler)
        stack.callback(log.removeHandler, handler)
        tally = Tally(TerminalProgress(bars))
        if not console.is_terminal:
            stack.enter_context(told(tally, log.info))
        if folder is not None:
            stack.enter_context(told(tally, partial(tell, folder), _NOTES))
        yield tally
