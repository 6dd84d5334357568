"""Compiled inner loop of the restricted Monte Carlo; imported only when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

#: Powers of r that the fast branch evaluates, in its order.
LENNARD_JONES_POWERS = (-12, -6, 0, 1, 2, 4)
_FAST = {"reassoc", "contract", "arcp", "nsz"}  # lets sums over neighbours use vector units


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function, and keep the code where there is a place for it.

    numba knows none in a read-only installation of somebody without a home.
    """

    def apply(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError:
            return njit(**options)(function)

    return apply


@compiled(fastmath=_FAST, inline="always")
def _lennard_jones(squared: float, c: Any) -> Any:
    inverse = 1.0 / squared
    sixth = inverse * inverse * inverse
    return (
        sixth * (c[0] * sixth + c[1])
        + c[2]
        + c[3] * np.sqrt(squared)
        + squared * (c[4] + c[5] * squared)
    )


@compiled()
def _integer_power(base: float, exponent: int) -> float:
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@compiled(fastmath=_FAST)
def _change_lennard_jones(
    old: Any, new: Any, x: Any, box: Any, near: Any, c: Any, cut: float
) -> float:
    """Energy change of a particle with its neighbours of one species."""
    total = 0.0
    lx, ly, lz = box[0], box[1], box[2]
    for j in near:
        ax, ay, az = old[0] - x[0, j], old[1] - x[1, j], old[2] - x[2, j]
        # the image is the same before and after: no particle leaves its sphere
        ax -= lx * np.rint(ax / lx)
        ay -= ly * np.rint(ay / ly)
        az -= lz * np.rint(az / lz)
        before = ax * ax + ay * ay + az * az
        bx, by, bz = ax + new[0], ay + new[1], az + new[2]
        after = bx * bx + by * by + bz * bz
        energy_before = _lennard_jones(before, c)
        energy_after = _lennard_jones(after, c)
        total += (energy_after if after < cut else 0.0) - (energy_before if before < cut else 0.0)
    return total


@compiled()
def _power_sum(squared: float, c: Any, powers: Any) -> Any:
    """Horner's rule in 1/r, from the most negative power on."""
    distance = np.sqrt(squared)
    inverse = 1.0 / distance
    total = c[0]
    for k in range(1, len(powers)):
        total = total * _integer_power(inverse, powers[k] - powers[k - 1]) + c[k]
    last = powers[-1]
    return total * _integer_power(distance if last > 0 else inverse, abs(last))


@compiled()
def _tabulated(squared: float, rows: Any, pieces: Any, guide: Any, place: Any, bins: float) -> Any:
    """Polynomial from the row before the distance on; infinite inside the first row."""
    distance = np.sqrt(squared)
    beyond = distance - rows[place[0]]
    if beyond < 0.0:
        return np.inf
    k = place[0] + guide[place[1] + int(beyond * bins)]
    while distance >= rows[k + 1]:
        k += 1
    x = distance - rows[k]
    total = pieces[k, 0]
    for power in range(1, 6):
        total = total * x + pieces[k, power]
    return total


@compiled()
def _squared(old: Any, new: Any, x: Any, box: Any, j: int) -> Any:
    """Squared distances of a particle from another before and after its move."""
    # the image is the same before and after: no particle leaves its sphere
    before = after = 0.0
    for axis in range(3):
        d = old[axis] - x[axis, j]
        d -= box[axis] * np.rint(d / box[axis])
        before += d * d
        after += (d + new[axis]) ** 2
    return before, after


@compiled()
def _change_power_sum(
    old: Any, new: Any, x: Any, box: Any, near: Any, c: Any, cut: float, powers: Any
) -> float:
    """Energy change of a particle with its neighbours of one species."""
    total = 0.0
    for j in near:
        before, after = _squared(old, new, x, box, j)
        if after < cut:
            total += _power_sum(after, c, powers)
        if before < cut:
            total -= _power_sum(before, c, powers)
    return total


@compiled()
def _change_tabulated(
    old: Any,
    new: Any,
    x: Any,
    box: Any,
    near: Any,
    cut: float,
    rows: Any,
    pieces: Any,
    guide: Any,
    place: Any,
    bins: float,
) -> float:
    """Energy change of a particle with its neighbours of one species."""
    total = 0.0
    for j in near:
        before, after = _squared(old, new, x, box, j)
        if after < cut:
            total += _tabulated(after, rows, pieces, guide, place, bins)
        if before < cut:
            total -= _tabulated(before, rows, pieces, guide, place, bins)
    return total


@compiled(inline="always")
def energy_change(
    i: int, old: Any, new: Any, x: Any, types: Any, box: Any, offsets: Any, pairs: Any, law: Any
) -> float:
    """Energy change if particle i moves from ``old`` by ``new``."""
    cuts, coefficients, powers, rows, pieces, guide, places, bins = law
    a, change = types[i], 0.0
    for b in range(cuts.shape[0]):
        near, cut = pairs[offsets[i, b] : offsets[i, b + 1]], cuts[a, b]
        if len(rows) > 0:
            change += _change_tabulated(
                old, new, x, box, near, cut, rows, pieces, guide, places[a, b], bins[a, b]
            )
        elif len(powers) > 0:
            change += _change_power_sum(old, new, x, box, near, coefficients[a, b], cut, powers)
        else:
            change += _change_lennard_jones(old, new, x, box, near, coefficients[a, b], cut)
    return change


@compiled(nogil=True)
def sweep(
    rng: Any,
    cycles: int,
    stride: int,
    dimension: int,
    step: float,
    radius: float,
    temperature: float,
    start: Any,
    moved: Any,
    types: Any,
    box: Any,
    offsets: Any,
    pairs: Any,
    law: Any,
    total: Any,
) -> int:
    """Sweep over all particles some times, adding up displacements; return accepted moves.

    Parameters
    ----------
    start, moved : (3, N) places at the start and displacements from there, changed in place.
    offsets, pairs : of :func:`~glasscast.simulation.monte_carlo_pairs.neighbour_lists`.
    law : of :func:`~glasscast.simulation.monte_carlo_pairs.kernel_law`.
    total : (3, N) sum of the displacements after every ``stride`` cycles, centre of mass at rest.
    """
    size = len(types)
    x = start + moved
    old, new = np.zeros(3), np.zeros(3)
    accepted = 0
    for cycle in range(cycles):
        for i in range(size):
            reach = 0.0
            for axis in range(dimension):
                new[axis] = step * (2.0 * rng.random() - 1.0)
                old[axis] = x[axis, i]
                reach += (moved[axis, i] + new[axis]) ** 2
            if reach > radius * radius:
                continue
            change = energy_change(i, old, new, x, types, box, offsets, pairs, law)
            if change <= 0.0 or rng.random() < np.exp(-change / temperature):
                accepted += 1
                for axis in range(dimension):
                    moved[axis, i] += new[axis]
                    x[axis, i] = start[axis, i] + moved[axis, i]
        if (cycle + 1) % stride == 0:
            for axis in range(dimension):
                drift = moved[axis].mean()
                for i in range(size):
                    total[axis, i] += moved[axis, i] - drift
    return accepted
