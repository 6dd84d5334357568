"""What training minimises, and the score by which the best epoch is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from glasscast.training.examples import Example


@dataclass(frozen=True)
class Objective:
    r"""Mean squared error of standardised targets.

    .. math:: L = p L_S + (1 - p) L_E

    with means over the learned nodes and the known edges of each configuration, and over times
    (Shiba et al., eq. 12, with means for sums).

    Parameters
    ----------
    node_weight : p.
    """

    node_weight: float = 1.0

    @property
    def chooses_by_loss(self) -> bool:
        """Whether the best epoch has the least validation loss, not the highest score."""
        return False

    def __call__(self, outputs: tuple[Tensor, Tensor | None], example: Example) -> Tensor:
        """Loss of a graph: a scalar."""
        nodes, edges = outputs
        loss = nodes.new_zeros(())
        if self.node_weight > 0:
            loss = loss + self.node_weight * _mean_square(
                nodes, example.nodes, example.node_weights
            )
        if self.node_weight < 1 and edges is not None and example.edges is not None:
            assert example.edge_weights is not None
            loss = loss + (1 - self.node_weight) * _mean_square(
                edges, example.edges, example.edge_weights
            )
        return loss

    def score(self, outputs: tuple[Tensor, Tensor | None], example: Example) -> float:
        """Pearson correlation of the nodes, or of the edges when only they are learned."""
        nodes, edges = outputs
        if self.node_weight > 0:
            learned = example.learned
            groups = [learned == s for s in range(int(learned.max()) + 1) if (learned == s).any()]
            values = [mean_pearson(nodes[g], example.nodes[g]) for g in groups]
            return float(np.mean(values))
        assert edges is not None
        assert example.edges is not None
        assert example.edge_weights is not None
        known = example.edge_weights > 0
        return mean_pearson(edges[known], example.edges[known])


def _mean_square(forecast: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    return (weights.unsqueeze(1) * (forecast.float() - target).square()).sum() / target.shape[1]


def mean_pearson(forecast: Tensor, truth: Tensor) -> float:
    """Pearson correlation over rows, mean over columns (times); a constant column counts 0."""
    a = forecast.double() - forecast.double().mean(0)
    b = truth.double() - truth.double().mean(0)
    norm = (a.square().sum(0) * b.square().sum(0)).sqrt()
    return float(torch.where(norm > 0, (a * b).sum(0) / norm.clamp(min=1e-300), 0.0).mean())
