"""The shell-averaged descriptors as one writes them first, three-dimensional, default degrees."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import sph_harm_y

from glasscast.structure.descriptors.shells import ShellDescriptors


def plain_shells(
    positions: np.ndarray, types: np.ndarray, box: np.ndarray, shells: ShellDescriptors
) -> np.ndarray:
    """Vectorised torch over all pairs of 256 receivers at a time, dense distances; order 2."""
    x, box, types = torch.tensor(positions), torch.tensor(box), torch.tensor(types)
    rows = []
    for start in range(0, len(x), 256):
        v = x[None] - x[start : start + 256, None]
        v -= box * torch.round(v / box)
        r = v.norm(dim=2)
        r[torch.arange(len(r)), torch.arange(start, start + len(r))] = 1e9
        columns = []
        for species in range(2):
            here = r[:, types == species]
            for block in shells.radial:
                columns += [
                    torch.exp(-((here - radius) ** 2) / (2 * block.width**2)).sum(dim=1)
                    for radius in block.radii
                ]
        i, j = torch.nonzero(r < 3.1, as_tuple=True)
        d, w = v[i, j] / r[i, j, None], r[i, j]
        theta, phi = torch.arccos(d[:, 2]).numpy(), torch.arctan2(d[:, 1], d[:, 0]).numpy()
        harmonics = [
            torch.tensor(sph_harm_y(degree, m, theta, phi))
            for degree in range(1, 13)
            for m in range(degree + 1)
        ]
        y = torch.stack(harmonics, dim=1)
        twice = torch.tensor([1.0 if m == 0 else 2.0 for d in range(1, 13) for m in range(d + 1)])
        degree_of = torch.tensor([d - 1 for d in range(1, 13) for _ in range(d + 1)])
        for radius in shells.angular_radii:
            weight = torch.exp(-((w - radius) ** 2) / (2 * 0.1**2))
            z = torch.zeros(len(r), dtype=torch.float64).index_add_(0, i, weight)
            q = torch.zeros(len(r), y.shape[1], dtype=y.dtype).index_add_(0, i, weight[:, None] * y)
            power = torch.zeros(len(r), 12, dtype=torch.float64).index_add_(
                1, degree_of, twice * q.abs() ** 2 / z[:, None] ** 2
            )
            degree = torch.arange(1, 13)
            columns += list(torch.sqrt(4 * torch.pi / (2 * degree + 1) * power).T)
        rows.append(torch.stack(columns, dim=1))
    first = torch.cat(rows)
    r = torch.cdist(x, x) * 0
    for axis in range(3):
        dx = x[:, None, axis] - x[None, :, axis]
        r += (dx - box[axis] * torch.round(dx / box[axis])) ** 2
    weights = torch.where(r.sqrt() < 2.3, torch.exp(-r.sqrt() / 2.3), 0.0)
    weights /= weights.sum(dim=1, keepdim=True)
    second = weights @ first
    return torch.cat([first, second, weights @ second], dim=1).numpy()
