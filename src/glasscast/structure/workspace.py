"""What a run shares between models: threads, a bounded memory of results, and progress."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.progress import Progress, Silent


def _memory() -> int:
    """Bytes of the machine's memory; 8 GB where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 8 * 1024**3


@dataclass
class Workspace:
    """Keeps the most recently used arrays up to a limit, so that folds do not repeat work.

    Parameters
    ----------
    threads : for blocks of one configuration, or processes for several of them.
    limit : bytes kept; the least recently used results go first. A quarter of the machine's
        memory by default: cross-validation comes back to every configuration in every fold.
    progress : what long work reports to.
    """

    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    limit: int = field(default_factory=lambda: _memory() // 4)
    progress: Progress = field(default_factory=Silent)
    _kept: OrderedDict[Hashable, NDArray[np.float64]] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def remember(
        self, key: Hashable, compute: Callable[[], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Return what was computed under this key before, or compute and keep it."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        result = compute()
        self.keep(key, result)
        return result

    def keep(self, key: Hashable, result: NDArray[np.float64]) -> None:
        """Keep what was computed elsewhere, unless this key is known or the limit too small."""
        if key in self or result.nbytes > self.limit:
            return
        self._kept[key] = result
        self._bytes += result.nbytes
        while self._bytes > self.limit:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept


def structure_key(configuration: Configuration, structure: str) -> Hashable:
    """Identity of a structure by content: equal positions, types and box give equal keys."""
    positions = configuration.structure(structure)
    arrays = (positions, configuration.types, configuration.box)
    return tuple(hash(np.ascontiguousarray(a).tobytes()) for a in arrays)
