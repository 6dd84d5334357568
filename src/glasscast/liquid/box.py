"""Periodic, orthorhombic boxes: wrapping, minimum image and copies, in any dimension."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import ShapeError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Neighbours of a particle, on average, past which something is wrong with the units: dense
#: liquids have 40 000 within 20 sigma.
_MOST_NEIGHBOURS = 100_000
#: Cells of a search, beyond which it coarsens all axes alike; none may vanish by that.
_MOST_CELLS = 100_000
#: Cells that the search can count.
_COUNTED = 1e9


def wrap(positions: FloatArray, box: FloatArray) -> FloatArray:
    """Fold positions into the box ``[0, L)``.

    Parameters
    ----------
    positions : (..., d) in sigma, wrapped or not.
    box : (d,) sides in sigma.

    Returns
    -------
    (..., d) float64; the upper face itself (rounding) is folded to 0.
    """
    wrapped = np.mod(positions, box)
    # A tiny negative coordinate rounds to exactly L.
    wrapped[wrapped >= box] = 0.0
    return wrapped


def minimum_image(vectors: FloatArray, box: FloatArray) -> FloatArray:
    """Shortest periodic image of each vector.

    Parameters
    ----------
    vectors : (..., d) differences of positions, in sigma.
    box : (d,) sides in sigma.

    Returns
    -------
    (..., d) float64 with components in [-L/2, L/2].
    """
    return vectors - box * np.round(vectors / box)


def repeat(positions: FloatArray, box: FloatArray, copies: IntArray) -> FloatArray:
    """Positions in a box several times as long, copy by copy, the original ones first.

    Parameters
    ----------
    positions : (N, d) wrapped into the box; box : (d,) sides.
    copies : (d,) along each axis, at least 1.

    Returns
    -------
    (M N, d) float64, wrapped into ``copies * box``, M the product of the copies; particle i of
    copy m in row ``m N + i``.
    """
    shifts = np.stack(np.meshgrid(*map(np.arange, copies), indexing="ij"), -1).reshape(-1, len(box))
    return wrap((positions + (shifts * box)[:, None]).reshape(-1, len(box)), copies * box)


def check_neighbours(size: int, box: FloatArray, cutoff: float) -> None:
    """Refuse a system whose neighbours within a cutoff would fill the memory, or cannot be found.

    Raises
    ------
    ShapeError : if a particle has more than 100 000 of them on average, images of itself included,
        or the box is so long and thin that no grid of cells covers it.
    """
    ball = math.pi * cutoff**2 if len(box) == 2 else 4 / 3 * math.pi * cutoff**3
    images = float(np.prod(np.maximum(2 * cutoff / box, 1)))
    neighbours = max(size / float(np.prod(box)) * ball, images)
    sides = " x ".join(f"{side:.4g}" for side in box)
    if not neighbours <= _MOST_NEIGHBOURS:
        raise ShapeError(
            f"{size} particles in a box of {sides} sigma have {neighbours:.2g} neighbours each "
            f"within {cutoff:.4g}; check the units of positions and box"
        )
    cells = np.maximum(np.floor(box / cutoff), 1)
    even = max(_MOST_CELLS, cells.min() ** len(box) * _MOST_CELLS / 8)
    if not cells.prod() <= min(even, _COUNTED):
        raise ShapeError(
            f"a box of {sides} sigma is too large or uneven to look for neighbours within "
            f"{cutoff:.4g}; check its units"
        )


def check_cutoff(cutoff: float, box: FloatArray) -> None:
    """Refuse a cutoff past half the shortest side, where the minimum image is ambiguous.

    Engines follow one image of each pair; what describes a structure sums over all of them.

    Raises
    ------
    ShapeError : if the box is smaller than twice the cutoff.
    """
    if 2 * cutoff > np.min(box):
        raise ShapeError(
            f"box side {np.min(box):.4g} is smaller than twice the cutoff {cutoff:.4g}; "
            "simulate more particles"
        )
