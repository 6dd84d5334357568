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
    """Refuse so dense a system that the neighbours within a cutoff would fill the memory.

    Raises
    ------
    ShapeError : if a particle has more than 100 000 of them on average.
    """
    ball = math.pi * cutoff**2 if len(box) == 2 else 4 / 3 * math.pi * cutoff**3
    neighbours = size / float(np.prod(box)) * ball
    if neighbours > _MOST_NEIGHBOURS:
        raise ShapeError(
            f"{size} particles in a box of {' x '.join(f'{side:.4g}' for side in box)} sigma have "
            f"{neighbours:.2g} neighbours each within {cutoff:.4g}; check the units of positions "
            "and box"
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
