"""What both forms of EIGNN read of a particle."""

from __future__ import annotations

import torch
from torch import Tensor

from glasscast.networks.batch import GraphBatch


def input_numbers(graph: GraphBatch) -> Tensor:
    """Energy, if read, and length of the displacement of each node: (N, 1 or 2)."""
    assert graph.displacements is not None
    length = graph.displacements.norm(dim=1)
    parts = [length] if graph.energies is None else [graph.energies, length]
    return torch.stack(parts, 1)
