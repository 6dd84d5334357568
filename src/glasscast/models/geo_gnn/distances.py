"""Distances of a graph, once a pair."""

from __future__ import annotations

import torch
from torch import Tensor

from glasscast.networks.batch import GraphBatch


def distinct_distances(graph: GraphBatch) -> tuple[Tensor, Tensor]:
    """Distance of each undirected pair (P,), and the pair of each edge (E,) int64."""
    reverse = graph.index.reverse
    # the first edge of each pair, also where a particle neighbours images of itself
    upper = torch.arange(len(reverse), device=reverse.device) <= reverse
    number = upper.cumsum(0) - 1
    pairs = torch.where(upper, number, number[reverse])
    return graph.vectors[upper].norm(dim=1), pairs
