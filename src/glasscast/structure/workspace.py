"""What a run shares between models: threads, a bounded memory of results, and progress."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from os import cpu_count

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.progress import Progress, Silent


@dataclass
class Workspace:
    """Keeps the most recently used arrays up to a limit, so that folds do not repeat work.

    Parameters
    ----------
    threads : for blocks of one configuration, or processes for several of them.
    limit : bytes kept; the least recently used results go first.
    progress : what long work reports to.
    """

    threads: int = field(default_factory=lambda: cpu_count() or 1)
    limit: int = 2 * 1024**3
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
