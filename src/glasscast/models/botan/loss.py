"""The loss of nodes and edges at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from glasscast.liquid.neighbours import NEAREST
from glasscast.networks.batch import GraphBatch
from glasscast.training.examples import Example
from glasscast.training.objectives import (
    Objective,
    Outputs,
    labelled_rows,
    mean_pearson,
    mean_square,
)


@dataclass(frozen=True)
class PairObjective(Objective):
    r"""Mean squared error of standardised propensities and pair-distance changes.

    .. math:: L = p L_S + (1 - p) L_E

    with means over the learned nodes and the known edges of each configuration, or sums as printed
    in eqs. 13 and 14 of Shiba et al. (2023) where the weights of the examples are those of sums,
    and means over configurations and times.

    Parameters
    ----------
    node_weight : p.
    """

    node_weight: float = 0.4

    def __call__(self, outputs: Outputs, example: Example) -> Tensor:
        """Loss of one or more configurations: a scalar."""
        nodes, edges = outputs
        loss = nodes.new_zeros(())
        if self.node_weight > 0:
            of_nodes = mean_square(nodes, example.nodes, example.node_weights)
            loss = loss + self.node_weight * of_nodes
        if edges is not None and example.edges is not None:
            assert example.edge_weights is not None
            of_edges = mean_square(edges, example.edges, example.edge_weights)
            loss = loss + (1 - self.node_weight) * of_edges
        return loss

    def correlations(self, outputs: Outputs, example: Example) -> tuple[float, float]:
        """Pearson correlation of particles, if learned, and of nearest A-A pairs (eq. 15)."""
        particles = super().correlations(outputs, example)[0] if self.node_weight > 0 else math.nan
        edges, graph = outputs[1], example.inputs
        if edges is None or example.edges is None or example.edge_weights is None:
            return particles, math.nan
        assert isinstance(graph, GraphBatch)
        known, rows = (example.edge_weights > 0).any(1), labelled_rows(example.edge_weights)
        both_a = graph.types[graph.index.receivers] + graph.types[graph.index.senders] == 0
        near = known & both_a & (graph.vectors.norm(dim=1) < NEAREST)
        chosen = near if bool(near.any()) else known
        return particles, mean_pearson(edges[chosen][:, rows], example.edges[chosen][:, rows])
