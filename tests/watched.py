"""An engine that is watched, and stopped after some of its work as a kill would stop it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from glasscast.simulation.engine import Engine


@dataclass
class Watched:
    """Another engine, to which it leaves everything.

    Attributes
    ----------
    opened : systems so far.
    stop_at : the system that is not opened any more: KeyboardInterrupt, which nothing catches.
    """

    engine: Engine
    stop_at: int | None = None
    opened: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def open(self, *arguments: Any) -> Any:
        self.opened += 1
        if self.opened == self.stop_at:
            raise KeyboardInterrupt
        return self.engine.open(*arguments)
