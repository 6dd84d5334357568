r"""Runs that do not belong to their parent, or not to different velocities, told from motion.

Runs of an isoconfigurational ensemble part from one configuration with velocities of their own.
At the first time, let :math:`\mathbf u_{ir}` be the displacement of particle i in run r less the
drift of the run, :math:`\mathbf m_i` its mean over the R runs and

.. math:: s^2 = \frac{1}{N} \sum_i \frac{1}{R-1} \sum_r |\mathbf u_{ir} - \mathbf m_i|^2, \qquad
          c^2 = \frac{1}{N} \sum_i |\mathbf m_i|^2 - \frac{s^2}{R}.

:math:`s^2` is the spread over runs, :math:`c^2` the square of the displacement that all runs share,
without the bias of few runs. While particles fly freely their velocities differ and :math:`c^2` is
negligible. In their cages they have forgotten where in the cage they began, all runs leave that
place alike, and :math:`c^2` comes close to :math:`s^2`; later both grow, the spread more. A parent
hotter than its runs by a factor enhances the ratio by no more than that factor. From another
configuration, in contrast, all runs are away by a good part of the box: the ratio is tens to
thousands. Above ``FARTHEST_COMMON`` = 4 runs are refused.

Runs that are equal to the last digit had one seed; if they are so at early times only, these are
frames of what was done before the velocities were drawn, such as steps of a minimiser.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np

from glasscast.datasets.frames import RunFrame
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray, minimum_image

#: Largest ratio of the shared to the own mean-square displacement at the first time.
FARTHEST_COMMON = 4.0
_DIGITS = 6  # of positions in sigma: what runs shifted by box sides still share


@dataclass
class _Motion:
    """Sums over runs at the first time."""

    total: FloatArray | float = 0.0
    squares: float = 0.0
    runs: int = 0

    def add(self, moved: FloatArray) -> None:
        """Count a run: (N, d) displacements."""
        own = moved - moved.mean(axis=0)
        self.total = self.total + own
        self.squares += float(np.mean(np.sum(own * own, axis=1)))
        self.runs += 1

    def squared(self) -> tuple[float, float]:
        """Mean squares of what runs share and of what they do not: c^2 and s^2."""
        mean = self.total / self.runs
        shared = float(np.mean(np.sum(mean * mean, axis=-1)))
        spread = (self.squares - self.runs * shared) / (self.runs - 1)
        return shared - spread / self.runs, max(spread, 0.0)


@dataclass
class _Seen:
    """Which runs were seen at a time, by what they look like."""

    runs: dict[bytes, int] = field(default_factory=dict)
    pair: tuple[int, int] | None = None

    def add(self, frame: RunFrame, moved: FloatArray) -> None:
        """Remember a run, and a pair that is equal."""
        rounded = np.round(moved, _DIGITS) + 0.0  # no negative zeros
        look = blake2b(rounded.tobytes(), digest_size=16).digest()
        first = self.runs.setdefault(look, frame.run)
        if first != frame.run and self.pair is None:
            self.pair = first, frame.run


def refuse_common_motion(
    frames: Iterable[RunFrame], start: FloatArray, box: FloatArray, wrapped: bool, related: bool
) -> Iterator[RunFrame]:
    """Pass on frames; after the last, refuse runs too alike for the parent that they have.

    Parameters
    ----------
    frames : of all runs, in any order.
    start : (N, d) positions of the parent.
    box : (d,) sides in sigma.
    wrapped : whether positions are folded into the box.
    related : whether the runs are known to start from the parent, far from equilibrium or not.

    Yields
    ------
    The frames.

    Raises
    ------
    InputError : for runs that are equal, or not ``related`` and all displaced alike.
    """
    motion, seen = _Motion(), defaultdict[int, _Seen](_Seen)
    path = None
    for frame in frames:
        path = path or frame.source
        moved = frame.positions - start
        if wrapped:
            moved = minimum_image(moved, box)
        seen[frame.row].add(frame, moved)
        if frame.row == 0:
            motion.add(moved)
        yield frame
    if path is not None and motion.runs > 1:
        _refuse_equal(path, seen)
        if not related:
            _refuse_shared(path, *motion.squared())


def _refuse_equal(path: Path, seen: dict[int, _Seen]) -> None:
    """Refuse equal runs, telling one seed from frames before the velocities were drawn."""
    equal = {row: found.pair for row, found in seen.items() if found.pair is not None}
    if not equal:
        return
    one, other = next(iter(equal.values()))
    if len(equal) == len(seen):
        raise InputError(
            path,
            f"trajectories {one} and {other} are identical: they had the same velocities",
            "draw the velocities of each run with another seed",
        )
    raise InputError(
        path,
        f"trajectories {one} and {other} are identical at {len(equal)} of {len(seen)} times: these "
        "frames are from before the velocities were drawn, such as steps of a minimiser",
        "leave them out, or count the time from the last of them",
    )


def _refuse_shared(path: Path, shared: float, spread: float) -> None:
    if shared > FARTHEST_COMMON * spread:
        raise InputError(
            path,
            "all trajectories are displaced alike: at the first time by "
            f"{np.sqrt(shared):.3g} sigma in common and {np.sqrt(spread):.3g} apart; the initial "
            "configuration is not the one they started from",
            "give that, or write frame 0 into the trajectories",
        )
