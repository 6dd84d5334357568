"""What networks on spherical tensors expand in: harmonics, their couplings, Bessel functions.

Harmonics are in closed form, couplings those of tensors of one channel. Conventions are those of
e3nn: real harmonics with y as the polar axis, components m = -l..l one after the other,
"component" normalisation (the squares of the 2l + 1 components add up to 2l + 1), Wigner 3j
symbols of unit norm. e3nn itself is not imported, because that takes longer (3.6 s) than a
forecast; the tests compare with it.

A tensor up to degree L has one component of each (l, m): (L + 1)^2 numbers, l = 0 first.
"""

from __future__ import annotations

import math
from functools import cache
from math import factorial, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Highest degree with a closed form.
MAX_DEGREE = 3


def spherical_harmonics(vectors: Tensor, degree: int) -> Tensor:
    r"""Real harmonics of the directions of vectors: (n, 3) -> (n, (degree + 1)^2).

    .. math:: \sum_m Y_{lm}(\hat r)^2 = 2l + 1

    A zero vector has no direction: its components of l > 0 are 0.

    Raises
    ------
    ValueError : for a degree above 3.
    """
    if not 0 <= degree <= MAX_DEGREE:
        raise ValueError(f"harmonics are known up to degree {MAX_DEGREE}, not {degree}")
    x, y, z = torch.nn.functional.normalize(vectors, dim=1).unbind(1)
    columns = [torch.ones_like(x)]
    if degree >= 1:
        columns += [sqrt(3) * x, sqrt(3) * y, sqrt(3) * z]
    if degree >= 2:
        xz, ring, difference = x * z, x * x + z * z, z * z - x * x
        columns += [
            sqrt(15) * xz,
            sqrt(15) * x * y,
            sqrt(5) * (y * y - ring / 2),
            sqrt(15) * y * z,
            sqrt(15) / 2 * difference,
        ]
    if degree >= 3:
        columns += [
            sqrt(35 / 8) * x * (3 * z * z - x * x),
            sqrt(105) * xz * y,
            sqrt(21 / 8) * x * (4 * y * y - ring),
            sqrt(7) / 2 * y * (2 * y * y - 3 * ring),
            sqrt(21 / 8) * z * (4 * y * y - ring),
            sqrt(105) / 2 * difference * y,
            sqrt(35 / 8) * z * (z * z - 3 * x * x),
        ]
    return torch.stack(columns, dim=1)


def components(degree: int) -> list[slice]:
    """Columns of each l in a tensor up to a degree."""
    return [slice(k * k, (k + 1) ** 2) for k in range(degree + 1)]


def degree_of_components(degree: int) -> Tensor:
    """Tell components apart by l: (degree + 1, (degree + 1)^2), row l is 1 at those of l.

    ``x @ indicator`` spreads one number an l over its components, ``(a * b) @ indicator.T`` is
    the scalar product for each l.
    """
    indicator = torch.zeros(degree + 1, (degree + 1) ** 2)
    for k, columns in enumerate(components(degree)):
        indicator[k, columns] = 1
    return indicator


def coupling_paths(degree: int, parity: bool) -> list[tuple[int, int, int]]:
    """All (l1, l2, l3) up to a degree that may couple, ordered by l3, then l1, then l2.

    With ``parity`` tensors are those of the natural parity (-1)^l, like harmonics, and only even
    l1 + l2 + l3 couple; otherwise every triangle, the cross product (1, 1, 1) among them, which
    is equivariant under rotations but not under reflections.
    """
    span = range(degree + 1)
    return [
        (a, b, c)
        for c in span
        for a in span
        for b in span
        if abs(a - b) <= c <= a + b and not (parity and (a + b + c) % 2)
    ]


def _clebsch_gordan(j1: int, m1: int, j2: int, m2: int, j3: int, m3: int) -> float:
    """Racah's formula for <j1 m1 j2 m2 | j3 m3>."""
    if m1 + m2 != m3:
        return 0.0
    f = factorial
    front = (2 * j3 + 1) * f(j1 + j2 - j3) * f(j1 - j2 + j3) * f(j2 + j3 - j1) / f(j1 + j2 + j3 + 1)
    front *= f(j1 + m1) * f(j1 - m1) * f(j2 + m2) * f(j2 - m2) * f(j3 + m3) * f(j3 - m3)
    low, high = max(0, j2 - j3 - m1, j1 - j3 + m2), min(j1 + j2 - j3, j1 - m1, j2 + m2)
    total: float = sum(
        (-1) ** k
        / (f(k) * f(j1 + j2 - j3 - k) * f(j1 - m1 - k) * f(j2 + m2 - k))
        / (f(j3 - j2 + m1 + k) * f(j3 - j1 - m2 + k))
        for k in range(low, high + 1)
    )
    return float(sqrt(front) * total)


def _complex_from_real(degree: int) -> NDArray[np.complex128]:
    """Unitary matrix whose row m holds the complex harmonic m in terms of the real ones."""
    matrix = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=np.complex128)
    matrix[degree, degree] = 1
    for m in range(1, degree + 1):
        sign = (-1) ** m
        matrix[degree - m, [degree + m, degree - m]] = 1 / sqrt(2), -1j / sqrt(2)
        matrix[degree + m, [degree + m, degree - m]] = sign / sqrt(2), 1j * sign / sqrt(2)
    return (-1j) ** degree * matrix


@cache
def wigner_3j(l1: int, l2: int, l3: int) -> NDArray[np.float64]:
    """Invariant tensor (2 l1 + 1, 2 l2 + 1, 2 l3 + 1) of the real harmonics, of unit norm."""
    table = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1))
    for a in range(-l1, l1 + 1):
        for b in range(max(-l2, -l3 - a), min(l2, l3 - a) + 1):
            table[l1 + a, l2 + b, l3 + a + b] = _clebsch_gordan(l1, a, l2, b, l3, a + b)
    real = np.einsum(
        "ai,bj,ck,abc->ijk",
        _complex_from_real(l1),
        _complex_from_real(l2),
        _complex_from_real(l3).conj(),
        table,
    ).real
    return np.asarray(real / np.linalg.norm(real))


def coupling_table(degree: int, paths: list[tuple[int, int, int]]) -> Tensor:
    """All products of two tensors as one matrix: ((degree+1)^4, columns) float64.

    The outer product of two tensors, flattened, times this matrix gives the results of all
    paths, side by side in their order, normalised like e3nn's full tensor product: components
    of unit variance give components of unit variance.
    """
    size, where = (degree + 1) ** 2, components(degree)
    blocks = []
    for l1, l2, l3 in paths:
        block = np.zeros((size, size, 2 * l3 + 1))
        block[where[l1], where[l2]] = sqrt(2 * l3 + 1) * wigner_3j(l1, l2, l3)
        blocks.append(block.reshape(size**2, -1))
    return torch.from_numpy(np.concatenate(blocks, axis=1))


def mixing_entries(paths: list[tuple[int, int, int]]) -> Tensor:
    """Where the columns of :func:`coupling_table` go when all paths are mixed: (3, columns).

    Column of the products, component of the result, and path of each.
    """
    entries, column = [], 0
    for number, (_, _, l3) in enumerate(paths):
        entries += [(column + m, l3**2 + m, number) for m in range(2 * l3 + 1)]
        column += 2 * l3 + 1
    return torch.tensor(entries).T


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
