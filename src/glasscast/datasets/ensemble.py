"""What a reader hands over: a snapshot and its isoconfigurational trajectories, not yet reduced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: One trajectory at one time: (row in ``times``, run number, (N, d) positions).
Frame = tuple[int, int, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A parent configuration and a way to stream its trajectories.

    Every reader returns this; :mod:`glasscast.datasets.targets` turns it into a
    :class:`~glasscast.datasets.configuration.Configuration`.

    Parameters
    ----------
    name : of the configuration.
    sources : the files it was read from; their contents decide whether a rerun is needed.
    positions : (N, d) at t = 0 as the file has them, wrapped or not.
    types : (N,) species from 0.
    box : (d,) sides.
    times : (T,) increasing; empty for a bare snapshot.
    frames : called without arguments, yields the frames in any order; each may be wrapped
        (``wrapped`` is True) or absolute.
    wrapped : whether frames are folded into the box, so that displacements need the minimum
        image, which is right only while no particle moves half a box side.
    labels : fields of Configuration that the file already holds.
    metadata : JSON values for the configuration.
    """

    name: str
    sources: tuple[Path, ...]
    positions: NDArray[np.float64]
    types: NDArray[np.integer[Any]]
    box: NDArray[np.float64]
    times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    frames: Callable[[], Iterator[Frame]] = lambda: iter(())
    wrapped: bool = False
    labels: dict[str, NDArray[Any]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
