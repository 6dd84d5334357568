"""The graph of a configuration: particles as nodes, neighbours as directed edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import minimum_image
from glasscast.liquid.neighbours import Neighbours, find_neighbours


@dataclass(frozen=True)
class Graph:
    """Directed, receiver-sorted graph of one configuration.

    Parameters
    ----------
    types : (N,) int8 species of each node.
    edges : the directed edges: sender j, receiver i, vector ``r_j - r_i`` (minimum image).
    cutoff : edges join particles closer than this, in sigma.
    """

    types: NDArray[np.int8]
    edges: Neighbours
    cutoff: float

    @property
    def size(self) -> int:
        """Number of nodes N."""
        return len(self.types)

    def reverse(self) -> NDArray[np.int64]:
        """Index of the opposite edge of each edge: (E,) int64.

        Both directions of a pair occur once, so sorting by (sender, receiver) finds it.
        """
        return np.lexsort((self.edges.receivers, self.edges.senders)).astype(np.int64)


@dataclass(frozen=True)
class UnionGraph(Graph):
    """Graph of the pairs that are close in the snapshot or at equilibrium; vectors of the snapshot.

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
    ShapeError : if the configuration lacks the structure, or the box is smaller than twice the
        cutoff.
    """
    positions = configuration.structure(structure)
    return Graph(configuration.types, find_neighbours(positions, configuration.box, cutoff), cutoff)


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
    ShapeError : if the configuration lacks the structure, or the box is smaller than twice the
        cutoff.
    """
    positions, box, size = configuration.positions, configuration.box, configuration.size
    equilibrium = configuration.structure(structure)
    near = [find_neighbours(x, box, cutoff) for x in (positions, equilibrium)]
    keys = np.unique(np.concatenate([pairs.receivers * size + pairs.senders for pairs in near]))
    receivers, senders = keys // max(size, 1), keys % max(size, 1)
    vectors = minimum_image(positions[senders] - positions[receivers], box)
    later = minimum_image(equilibrium[senders] - equilibrium[receivers], box)
    edges = Neighbours(
        receivers,
        senders,
        vectors,
        np.linalg.norm(vectors, axis=1),
        np.searchsorted(receivers, np.arange(size + 1)),
    )
    return UnionGraph(
        configuration.types,
        edges,
        cutoff,
        np.linalg.norm(later, axis=1),
        configuration.displacement_to(structure),
    )
