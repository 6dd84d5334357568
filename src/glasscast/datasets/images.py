"""Trajectories that jump: coordinates that lost their periodic images, told from true motion.

A displacement longer than half a box side is no proof by itself. At thirty relaxation times a
Kob-Andersen particle has diffused about 3 sigma along each axis, so in a box of 15 some of them
truly pass 7.5. Two signs are robust; both are taken relative to the median displacement of the
run, so that a drifting system raises no alarm:

* **A folded frame.** Every particle lies within one box side along each axis, by itself or counted
  from its start in the box, and yet some particle moved past half a side. Coordinates that were
  followed across the faces spread beyond one box side as soon as anything has moved, however late.
* **A second peak.** The distribution of true displacements falls off; lost images make a second
  peak one box side away, as wide as the first. With q the 98 % quantile of the minimum-image
  components (in box sides), more components past 1 - q than between 1/2 and 1 - q cannot come
  from a falling tail. Counts are pooled over the trajectories of a time, because a lone far
  traveller in one trajectory may be chance.

When q passes 1/4 the peaks merge. Programs fold particles at some steps only, so that a folded
frame may spread a little over a box side; from then on this counts as folded too, for by then the
faces of a true one have long been blurred by more. And frames that follow one another in a
trajectory are compared in the same two ways: an image that is lost between them, as by a restart
from folded positions, is a jump however late it is.

Folded input has the opposite danger: the minimum image is right only while nothing moves half
a side. If more than 1 % of the components end in the outer quarter (past 3/8 of a side), the
tail reaches the fold: for Gaussian motion that is the point where 1 in 1600 is already wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.frames import RunFrame
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray, minimum_image, wrap

_BULK_QUANTILE = 0.98
_MERGED = 0.25  # in box sides: beyond it the two peaks overlap
_STRAYING = 1.15  # box sides over which a folded frame may spread
_MANY = 200  # particles, of which some are at each face
_NARROWEST = 0.02  # in box sides: at very short times hardly anything moves
_CERTAIN = 20  # so many more lost than lone travellers need no further trajectory
_OUTER = 0.375  # in box sides
_OUTER_SHARE = 0.01


@dataclass
class _Tally:
    """Counts of one time: components near whole box sides, components between, first culprit."""

    lost: int = 0
    between: int = 0
    culprit: tuple[Path, int, int, float] | None = None


def find_lost_images(
    frames: Iterable[RunFrame], start: FloatArray, box: FloatArray
) -> Iterator[RunFrame]:
    """Pass on absolute frames while watching for coordinates that lost their images.

    Parameters
    ----------
    frames : absolute positions.
    start : (N, d) positions at t = 0, in the images of the frames.
    box : (d,) sides in sigma.

    Yields
    ------
    The frames.

    Raises
    ------
    InputError : naming file, trajectory and particle; at the latest after the last frame.
    """
    tallies: dict[tuple[int, bool], _Tally] = {}
    last: RunFrame | None = None
    for frame in frames:
        follows = last is not None and last.run == frame.run and last.row < frame.row
        for since in (start, last.positions if last is not None and follows else None):
            if since is None:
                continue
            tally = tallies.setdefault((frame.row, since is start), _Tally())
            _count(tally, frame, since, box)
            if tally.lost > tally.between + _CERTAIN:
                raise _jumped(tally)
        last = frame
        yield frame
    for tally in tallies.values():
        if tally.lost > tally.between:
            raise _jumped(tally)


def refuse_ambiguous_images(
    frames: Iterable[RunFrame], start: FloatArray, box: FloatArray
) -> Iterator[RunFrame]:
    """Pass on folded frames while their minimum images are beyond doubt.

    Raises
    ------
    InputError : naming file and trajectory, once displacements approach half a box side.
    """
    for frame in frames:
        moved = np.abs(minimum_image(frame.positions - start, box)) / box
        share = float(np.mean(moved > _OUTER))
        if share > _OUTER_SHARE:
            raise InputError(
                frame.source,
                f"trajectory {frame.run}: {share:.0%} of the folded displacements come near half a "
                "box side, where the shortest image is ambiguous",
                "write unwrapped coordinates or image flags, or leave this time out",
            )
        yield frame


def apply_images(
    positions: FloatArray, images: NDArray[np.integer[Any]], box: FloatArray
) -> FloatArray:
    """Absolute positions from folded ones and the counts of box sides passed."""
    return positions + images * box


def _count(tally: _Tally, frame: RunFrame, start: FloatArray, box: FloatArray) -> None:
    moved = (frame.positions - start) / box  # (N, d) in box sides
    relative = moved - np.median(moved, axis=0)
    length = np.abs(relative)
    far = length > 0.5
    if not far.any():
        return
    # Folded into some window of a box side, or into the box with the images of the start added.
    ends = frame.positions, wrap(start, box) + moved * box
    spread = min(float(np.max(np.ptp(end, axis=0) / box)) for end in ends)
    bulk = float(np.quantile(np.abs(relative - np.round(relative)), _BULK_QUANTILE))
    straying = bulk >= _MERGED and len(moved) >= _MANY
    if spread <= (_STRAYING if straying else 1 + 1e-9):
        lost = far
        tally.lost += _CERTAIN  # one such frame is proof
    elif bulk < _MERGED:
        lost = length >= 1 - max(bulk, _NARROWEST)
        tally.between += int(np.count_nonzero(far & ~lost))
    else:
        return
    tally.lost += int(np.count_nonzero(lost))
    if tally.culprit is None and lost.any():
        particle, axis = (int(k) for k in np.argwhere(lost)[0])
        distance = float(moved[particle, axis] * box[axis])
        tally.culprit = (frame.source, frame.run, particle, distance)


def _jumped(tally: _Tally) -> InputError:
    if tally.culprit is None:  # counts and culprit are set together
        raise RuntimeError("lost images were counted without a culprit")
    path, run, particle, distance = tally.culprit
    return InputError(
        path,
        f"trajectory {run}, particle {particle} jumps by {distance:.4g} sigma, about a box side: "
        "its coordinates lost their periodic images",
        "say so if coordinates are folded into the box, or write unwrapped ones",
        "wrapped",
    )
