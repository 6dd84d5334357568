"""Progress and log without a terminal's ways: library code counts and tells, others show it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

Item = TypeVar("Item")

#: The one log of the library.
log = logging.getLogger("glasscast")


class Progress(Protocol):
    """What a long task reports to."""

    def start(self, what: str, total: int | None) -> None:
        """Begin a task of ``total`` steps, within the one begun before, if that is not over."""

    def advance(self, note: str = "", steps: int = 1) -> None:
        """Count steps of the task begun last; ``note`` says how things stand, if anything."""

    def done(self) -> None:
        """Close the task begun last."""


class Silent:
    """Reports nothing."""

    def start(self, what: str, total: int | None) -> None:
        """Ignore."""

    def advance(self, note: str = "", steps: int = 1) -> None:
        """Ignore."""

    def done(self) -> None:
        """Ignore."""


@contextmanager
def task(progress: Progress, what: str, total: int | None) -> Iterator[Progress]:
    """Report one task, over also when it fails."""
    progress.start(what, total)
    try:
        yield progress
    finally:
        progress.done()


def track(
    progress: Progress, what: str, items: Iterable[Item], total: int | None
) -> Iterator[Item]:
    """Yield items, reporting each as a step once it has been used."""
    with task(progress, what, total):
        for item in items:
            yield item
            progress.advance()
