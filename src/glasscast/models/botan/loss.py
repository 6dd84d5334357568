"""The loss of nodes and edges at once."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from glasscast.training.examples import Example
from glasscast.training.objectives import Objective, Outputs, mean_pearson, mean_square


@dataclass(frozen=True)
class PairObjective(Objective):
    r"""Mean squared error of standardised propensities and pair-distance changes.

    .. math:: L = p L_S + (1 - p) L_E

    with means over the learned nodes and the known edges of each configuration, and over times
    (Shiba et al., eq. 12, with means for sums).

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
            loss = loss + self.node_weight * super().__call__(outputs, example)
        if edges is not None and example.edges is not None:
            assert example.edge_weights is not None
            change = mean_square(edges, example.edges, example.edge_weights)
            loss = loss + (1 - self.node_weight) * change
        return loss

    def score(self, outputs: Outputs, example: Example) -> float:
        """Pearson correlation of the nodes, or of the edges when only they are learned."""
        if self.node_weight > 0:
            return super().score(outputs, example)
        edges = outputs[1]
        assert edges is not None
        assert example.edges is not None
        assert example.edge_weights is not None
        known = example.edge_weights > 0
        return mean_pearson(edges[known], example.edges[known])
