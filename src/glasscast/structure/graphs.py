"""The graph of a configuration: particles as nodes, neighbours as directed edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
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


def build_graph(configuration: Configuration, cutoff: float, structure: str = "positions") -> Graph:
    """Join all particles closer than ``cutoff``.

    Parameters
    ----------
    configuration : its ``positions``, ``inherent`` or ``cage`` field is used.
    cutoff : in sigma; the papers use 2.0.
    structure : name of the field that holds the positions.

    Raises
    ------
    ShapeError : if the box is smaller than twice the cutoff.
    """
    positions = getattr(configuration, structure)
    return Graph(configuration.types, find_neighbours(positions, configuration.box, cutoff), cutoff)
