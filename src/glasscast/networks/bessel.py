"""Bessel functions of a distance."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bessel_functions(distances: Tensor, count: int, cutoff: float) -> Tensor:
    r"""Radial functions that vanish at a cutoff: (n,) -> (n, count).

    .. math:: B_k(r) = \sqrt{\frac{2}{r_c}}\, \frac{\sin(k \pi r / r_c)}{r}, \qquad k = 1..K

    and 0 from r_c on: eq. 6 of Jiang et al. (2024), after Klicpera et al. (2020). At r = 0 they
    take the value 0, as in e3nn.
    """
    inside = (distances > 0) & (distances < cutoff)
    safe = torch.where(inside, distances, cutoff).unsqueeze(1)
    orders = torch.arange(1, count + 1, device=distances.device, dtype=distances.dtype)
    values = torch.sin(orders * (math.pi / cutoff) * safe) * (math.sqrt(2 / cutoff) / safe)
    return values * inside.unsqueeze(1)


def smooth_cutoff(distances: Tensor, cutoff: float) -> Tensor:
    r"""Polynomial that falls from 1 at r = 0 to 0 at a cutoff, with two derivatives 0 there.

    .. math:: u(x) = 1 - 28 x^6 + 48 x^7 - 21 x^8, \qquad x = r / r_c

    Klicpera et al. (2020), eq. 8 with p = 6.
    """
    x = (distances / cutoff).clamp(max=1)
    return 1 - x**6 * (28 - 48 * x + 21 * x**2)
