"""The progress display of the command line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from glasscast.simulation.campaign.run import Progress as SimulationProgress


class _Lines(logging.Formatter):
    """Marks what needs attention; other lines stand for themselves."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"warning: {text}" if record.levelno >= logging.WARNING else text


class TerminalProgress:
    """Draws nested tasks as bars; implements :class:`glasscast.progress.Progress`."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._running: list[TaskID] = []

    def start(self, what: str, total: int | None) -> None:
        """Open a bar."""
        self._running.append(self._bars.add_task(what, total=total, note=""))

    def advance(self, note: str = "") -> None:
        """Move the innermost bar."""
        self._bars.update(self._running[-1], advance=1, note=note)

    def done(self) -> None:
        """Close the innermost bar."""
        self._bars.remove_task(self._running.pop())


@contextmanager
def progress_display(console: Console) -> Iterator[TerminalProgress]:
    """Show bars with the time left, and the log above them, while the block runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    log = logging.getLogger("glasscast")
    with Progress(*columns, console=console, transient=True) as bars:
        handler = RichHandler(console=bars.console, show_path=False, show_level=False)
        handler.setFormatter(_Lines("%(message)s"))
        log.addHandler(handler)
        try:
            yield TerminalProgress(bars)
        finally:
            log.removeHandler(handler)


@contextmanager
def simulation_display(console: Console) -> Iterator[Callable[[SimulationProgress], None]]:
    """Show particle-steps done, their rate, and the time left while the block runs."""
    columns = (
        TextColumn("simulate"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("simulate", total=None, note="")

        def report(state: SimulationProgress) -> None:
            note = (
                f"{state.finished}/{state.configurations} configurations, "
                f"{state.rate / 1e6:.2f} M particle-steps/s"
            )
            bars.update(bar, total=state.total, completed=state.done, note=note)

        yield report
