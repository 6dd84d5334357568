"""The plain gather-scatter forms that the fast operations must equal; benchmarks use them too."""

import math

import numpy as np
import torch
from torch import Tensor

from glasscast.models.layers.segments import EdgeIndex


def triplets(index: EdgeIndex) -> tuple[Tensor, Tensor]:
    """All pairs of edges (i <- j), (j <- k) with k != i: two (T,) arrays of edge numbers."""
    degrees = index.offsets.diff()[index.senders]
    first = torch.arange(len(index.receivers)).repeat_interleave(degrees)
    within = torch.arange(len(first)) - torch.repeat_interleave(
        degrees.cumsum(0) - degrees, degrees
    )
    second = index.offsets[index.senders[first]] + within
    keep = index.senders[second] != index.receivers[first]
    return first[keep], second[keep]


def angles_of(vectors: Tensor, first: Tensor, second: Tensor) -> Tensor:
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    return (unit[first] * unit[second]).sum(1).clamp(-1, 1)


def zonal_harmonics(cosines: Tensor, count: int) -> Tensor:
    """Y_l0, l = 1..count, from the unnormalised Legendre recurrence: (T, count)."""
    previous, current, columns = torch.ones_like(cosines), cosines, []
    for degree in range(1, count + 1):
        columns.append(math.sqrt((2 * degree + 1) / (4 * math.pi)) * current)
        previous, current = (
            current,
            ((2 * degree + 1) * cosines * current - degree * previous) / (degree + 1),
        )
    return torch.stack(columns, 1)


def plain_triplet_convolution(edges, weights, vectors, index, angles="harmonics") -> Tensor:
    first, second = triplets(index)
    cosines = angles_of(vectors.to(edges.dtype), first, second)
    if angles == "harmonics":
        basis = zonal_harmonics(cosines, len(weights))
    else:
        basis = torch.stack([torch.ones_like(cosines), cosines.acos()], 1)
    messages = (basis @ weights) * edges[second]
    return torch.zeros_like(edges).index_add(0, first, messages)


def plain_edge_update(edges, constant, p, q, first, second, bias, index) -> tuple[Tensor, Tensor]:
    joined = torch.cat([edges, p[index.receivers], q[index.senders]], 1)
    eye = torch.eye(first.shape[0], dtype=first.dtype)
    hidden = (joined @ torch.cat([first, eye, eye], 1).T + constant).relu()
    updated = (hidden @ second.T + bias).relu()
    return updated, torch.zeros_like(p).index_add(0, index.receivers, updated)


def lattice(side: int, rng: np.random.Generator, spacing: float = 0.94):
    """Disordered simple cubic crystal: positions (side^3, 3) and box."""
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)
    box = np.full(3, side * spacing)
    return (grid * spacing + rng.normal(0, 0.08, grid.shape)) % box, box
