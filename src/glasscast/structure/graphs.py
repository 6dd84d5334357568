"""The graph of a configuration: particles as nodes, neighbours as directed edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import FloatArray, IntArray
from glasscast.liquid.neighbours import Neighbours, find_neighbours


@dataclass(frozen=True)
class Graph:
    """Directed, receiver-sorted graph of one configuration.

    Parameters
    ----------
    types : (N,) int8 species of each node.
    edges : the directed edges: sender j, receiver i, vector ``r_j - r_i`` to the image of j that
        is meant; in a small box several edges join a pair, or a particle and images of itself.
    """

    types: NDArray[np.int8]
    edges: Neighbours

    @property
    def size(self) -> int:
        """Number of nodes N."""
        return len(self.types)


@dataclass(frozen=True)
class UnionGraph(Graph):
    """Graph of the pairs that are close in the snapshot or by equilibrium positions.

    Parameters
    ----------
    equilibrium_distances : (E,) float64, of the same pairs in the equilibrium structure.
    displacements : (N, d) float64, from the snapshot to the equilibrium positions.
    """

    equilibrium_distances: NDArray[np.float64]
    displacements: NDArray[np.float64]


def build_graph(configuration: Configuration, cutoff: float, structure: str = "positions") -> Graph:
    """Join all particles closer than ``cutoff``.

    Parameters
    ----------
    configuration : its ``positions``, ``inherent`` or ``cage`` field is used.
    cutoff : in sigma; the papers use 2.0.
    structure : name of the field that holds the positions.

    Raises
    ------
    ShapeError : if the configuration lacks the structure.
    """
    positions = configuration.structure(structure)
    return Graph(configuration.types, find_neighbours(positions, configuration.box, cutoff))


def build_union_graph(configuration: Configuration, cutoff: float, structure: str) -> UnionGraph:
    """Join all particles closer than ``cutoff`` in the snapshot or in its equilibrium structure.

    Jiang, Tian, Li, Hu, arXiv 2407.06111 (2024), section 3.1.

    Parameters
    ----------
    configuration : with ``positions`` and the equilibrium structure.
    cutoff : in sigma; the paper uses 2.0.
    structure : ``inherent`` or ``cage``.

    Raises
    ------
    ShapeError : if the configuration lacks the structure.
    """
    positions, box, size = configuration.positions, configuration.box, configuration.size
    equilibrium = configuration.structure(structure)
    displacements = configuration.displacement_to(structure)
    # Whole boxes from the wrapped equilibrium position to where the particle of the snapshot went.
    turns = np.round((positions + displacements - equilibrium) / box).astype(np.int64)
    rows = np.concatenate(
        [
            _edge_rows(positions, box, cutoff, np.zeros_like(turns)),
            _edge_rows(equilibrium, box, cutoff, turns),
        ]
    )
    rows = rows[np.lexsort(rows.T[::-1])]
    rows = rows[np.append(True, np.any(np.diff(rows, axis=0) != 0, axis=1))[: len(rows)]]
    receivers, senders, images = rows[:, 0], rows[:, 1], rows[:, 2:]
    vectors = positions[senders] - positions[receivers] + images * box
    later = equilibrium[senders] - equilibrium[receivers]
    later += (images + turns[senders] - turns[receivers]) * box
    edges = Neighbours(
        receivers,
        senders,
        images,
        vectors,
        np.linalg.norm(vectors, axis=1),
        np.searchsorted(receivers, np.arange(size + 1)),
    )
    return UnionGraph(configuration.types, edges, np.linalg.norm(later, axis=1), displacements)


def _edge_rows(positions: FloatArray, box: FloatArray, cutoff: float, turns: IntArray) -> IntArray:
    """Receiver, sender and image of every edge, as if each particle were ``turns`` boxes on."""
    near = find_neighbours(positions, box, cutoff)
    images = near.images - turns[near.senders] + turns[near.receivers]
    return np.column_stack([near.receivers, near.senders, images])
