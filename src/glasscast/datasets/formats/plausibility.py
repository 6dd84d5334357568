"""Snapshots that can be read and yet cannot be meant: refused, or remarked on, with the numbers.

A liquid in reduced units has neighbours within 2 sigma, no two particles in one place, and
the ids 1 to N, unless the file holds a part of the system only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from glasscast.datasets.frames import Frame
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray, wrap

#: Neighbours that every target is made of, in sigma.
NEIGHBOURHOOD = 2.0
_COINCIDENT = 1e-4  # sigma: particles of any liquid are thousands of times farther apart
_FEWEST = 10  # particles of which some must have a neighbour


def inspect_snapshot(path: Path, frame: Frame, reduced: bool = False) -> list[str]:
    """Look at a snapshot.

    Parameters
    ----------
    reduced : whether its units are known to be reduced ones, as those of a published format.

    Returns
    -------
    Remarks on what is unusual and may yet be right.

    Raises
    ------
    InputError : for particles in one place, a liquid without neighbours, or a box that is flat.
    """
    _refuse_flat_box(path, frame.box)
    _refuse_distances(path, frame.positions, frame.box, reduced)
    return _remarks_on_gaps(frame)


def _refuse_flat_box(path: Path, box: FloatArray) -> None:
    """Refuse three dimensions in a box that is no deeper than a neighbourhood is wide."""
    if len(box) == 3 and box.min() < NEIGHBOURHOOD:
        raise InputError(
            path,
            f"is read in three dimensions, and its box {' x '.join(f'{side:.4g}' for side in box)} "
            f"is {box.min():.3g} deep",
            "give dimension=2 if it is two-dimensional, else check its units",
            "dimension",
        )


def _refuse_distances(path: Path, positions: FloatArray, box: FloatArray, reduced: bool) -> None:
    size = len(positions)
    if size < 2:
        return
    tree = cKDTree(wrap(positions, box) % box, boxsize=box)
    found, neighbours = tree.query(tree.data, k=2)
    distances = found[:, 1]
    closest = int(np.argmin(distances))
    if distances[closest] < _COINCIDENT:
        # Of several particles in one place, the query may leave out the one that asks.
        other = next(int(k) for k in neighbours[closest] if k != closest)
        pair = sorted((closest, other))
        raise InputError(
            path,
            f"particles {pair[0]} and {pair[1]} are in the same place, {distances[closest]:.2g} "
            "sigma apart",
            "check that the file is of one system, written with enough digits",
        )
    if not reduced and size >= _FEWEST and distances[closest] > NEIGHBOURHOOD:
        typical = float(np.median(distances))
        raise InputError(
            path,
            f"no particle has a neighbour within {NEIGHBOURHOOD:g}, the nearest are {typical:.3g} "
            "apart: its units are not reduced ones",
            f"give sigma (about {typical:.2g}), epsilon and mass in its units",
            "sigma",
        )


def _remarks_on_gaps(frame: Frame) -> list[str]:
    if frame.ids is None or int(frame.ids[-1]) <= len(frame.ids):
        return []
    density = len(frame.ids) / float(np.prod(frame.box))
    return [
        f"ids have gaps: {len(frame.ids)} particles with ids up to {frame.ids[-1]}, number density "
        f"{density:.3g}; of a part of the system, targets that need neighbours are wrong"
    ]
