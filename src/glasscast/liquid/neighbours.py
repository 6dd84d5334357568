"""Neighbour lists: pairs within a cutoff, all periodic images counted, by a cell-list library.

In a box smaller than twice the cutoff two particles may be neighbours more than once, by several
images, and a particle may be a neighbour of images of its own. An edge therefore knows its image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray, IntArray, check_neighbours

#: Pairs closer than this are nearest neighbours, in sigma: between the shells of g(r) of A.
NEAREST = 1.35


@dataclass(frozen=True)
class Neighbours:
    """Directed pairs sorted by receiver, then sender, then image.

    Parameters
    ----------
    receivers, senders : (E,) int64; every pair occurs in both directions.
    images : (E, d) int64, whole boxes from the sender to its image that is meant.
    vectors : (E, d) float64, ``r[sender] + images * box - r[receiver]``, in sigma.
    distances : (E,) float64.
    offsets : (N + 1,) int64; the pairs of receiver i are ``offsets[i]:offsets[i + 1]``.
    """

    receivers: IntArray
    senders: IntArray
    images: IntArray
    vectors: FloatArray
    distances: FloatArray
    offsets: IntArray

    def within(self, cutoff: float) -> Neighbours:
        """Keep only the pairs closer than a shorter cutoff."""
        keep = self.distances < cutoff
        counts = np.add.reduceat(np.append(keep, False), self.offsets[:-1]) if len(keep) else 0
        counts = np.where(np.diff(self.offsets) > 0, counts, 0)
        return Neighbours(
            self.receivers[keep],
            self.senders[keep],
            self.images[keep],
            self.vectors[keep],
            self.distances[keep],
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        )


def find_neighbours(positions: FloatArray, box: FloatArray, cutoff: float) -> Neighbours:
    """Find all pairs closer than ``cutoff`` in a periodic box of any size.

    Parameters
    ----------
    positions : (N, d) in sigma, d = 2 or 3, wrapped or not.
    box : (d,) sides in sigma.
    cutoff : in sigma.

    Returns
    -------
    Neighbours, both directions; a particle is no neighbour of itself, but images of it are.

    Raises
    ------
    ShapeError : if there are so many neighbours that the units must be wrong.
    """
    from vesin import NeighborList  # imports torch where it is installed: keep it late

    size, dimension = positions.shape
    check_neighbours(size, box, cutoff)
    points, sides, periodic = positions, box, [True] * 3
    if dimension == 2:  # a slab one cutoff thick, not periodic across
        points = np.column_stack([positions, np.zeros(size)])
        sides = np.append(box, 2 * cutoff)
        periodic = [True, True, False]
    finder = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
    receivers, senders, distances, vectors, images = finder.compute(
        points=np.ascontiguousarray(points),
        box=np.diag(sides),
        periodic=np.array(periodic),
        quantities="ijdDS",
    )
    receivers, senders = receivers.astype(np.int64), senders.astype(np.int64)
    images = images[:, :dimension].astype(np.int64)
    # The library sorts by receiver only; equal inputs must give equal orders.
    order = np.lexsort((*images.T[::-1], receivers * size + senders))
    receivers = receivers[order]
    return Neighbours(
        receivers,
        senders[order],
        images[order],
        np.ascontiguousarray(vectors[order, :dimension]),
        distances[order],
        np.searchsorted(receivers, np.arange(size + 1)),
    )


def nearest_pairs(receivers: IntArray, senders: IntArray, distances: FloatArray) -> IntArray:
    """Edge from j to i of each pair i < j, of the nearest of its images: (P,) edge numbers.

    Parameters
    ----------
    receivers, senders, distances : as in :class:`Neighbours`.
    """
    upper = np.flatnonzero(receivers < senders)
    i, j = receivers[upper], senders[upper]
    first = np.append(True, (np.diff(i) != 0) | (np.diff(j) != 0))[: len(upper)]
    nearest: IntArray = upper[np.lexsort((distances[upper], j, i))[first]]
    return nearest


def find_pairs(pairs: NDArray[np.integer], wanted: NDArray[np.integer], size: int) -> IntArray:
    """Column of each wanted pair among some pairs, whichever end is named first: (M,); -1: none.

    Parameters
    ----------
    pairs, wanted : (2, P) and (2, M) particle numbers below ``size``; the pairs without repeats.
    """
    keys, asked = (
        np.asarray(p.min(0), np.int64) * size + np.asarray(p.max(0), np.int64)
        for p in (pairs, wanted)
    )
    if not len(keys):
        return np.full(len(asked), -1)
    order = np.argsort(keys)
    place = order[np.searchsorted(keys[order], asked).clip(max=len(keys) - 1)]
    found: IntArray = np.where(keys[place] == asked, place, -1)
    return found
