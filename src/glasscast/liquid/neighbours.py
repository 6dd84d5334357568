"""Neighbour lists: pairs within a cutoff under the minimum image, by a cell-list library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import check_cutoff


@dataclass(frozen=True)
class Neighbours:
    """Directed pairs sorted by receiver, then sender.

    Parameters
    ----------
    receivers, senders : (E,) int64; every pair occurs in both directions.
    vectors : (E, d) float64, minimum image of ``r[sender] - r[receiver]``, in sigma.
    distances : (E,) float64.
    offsets : (N + 1,) int64; the pairs of receiver i are ``offsets[i]:offsets[i + 1]``.
    """

    receivers: NDArray[np.int64]
    senders: NDArray[np.int64]
    vectors: NDArray[np.float64]
    distances: NDArray[np.float64]
    offsets: NDArray[np.int64]

    def within(self, cutoff: float) -> Neighbours:
        """Keep only the pairs closer than a shorter cutoff."""
        keep = self.distances < cutoff
        counts = np.add.reduceat(np.append(keep, False), self.offsets[:-1]) if len(keep) else 0
        counts = np.where(np.diff(self.offsets) > 0, counts, 0)
        return Neighbours(
            self.receivers[keep],
            self.senders[keep],
            self.vectors[keep],
            self.distances[keep],
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        )


def find_neighbours(
    positions: NDArray[np.float64], box: NDArray[np.float64], cutoff: float
) -> Neighbours:
    """Find all pairs closer than ``cutoff`` in a periodic box.

    Parameters
    ----------
    positions : (N, d) in sigma, d = 2 or 3, wrapped or not.
    box : (d,) sides in sigma.
    cutoff : in sigma.

    Returns
    -------
    Neighbours, both directions, no particle its own neighbour.

    Raises
    ------
    ShapeError : if the box is smaller than twice the cutoff.
    """
    from vesin import NeighborList  # imports torch where it is installed: keep it late

    check_cutoff(cutoff, box)
    size, dimension = positions.shape
    points, sides, periodic = positions, box, [True] * 3
    if dimension == 2:  # a slab one cutoff thick, not periodic across
        points = np.column_stack([positions, np.zeros(size)])
        sides = np.append(box, 2 * cutoff)
        periodic = [True, True, False]
    finder = NeighborList(cutoff=cutoff, full_list=True, sorted=True)
    receivers, senders, distances, vectors = finder.compute(
        points=np.ascontiguousarray(points),
        box=np.diag(sides),
        periodic=np.array(periodic),
        quantities="ijdD",
    )
    # The library sorts by receiver only; equal inputs must give equal orders.
    order = np.argsort(receivers.astype(np.int64) * size + senders.astype(np.int64), kind="stable")
    receivers = receivers[order].astype(np.int64)
    return Neighbours(
        receivers,
        senders[order].astype(np.int64),
        np.ascontiguousarray(vectors[order, :dimension]),
        distances[order],
        np.searchsorted(receivers, np.arange(size + 1)),
    )
