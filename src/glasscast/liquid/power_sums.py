r"""Pair potentials that are sums of integer powers of the distance.

.. math:: u_{ab}(r) = \sum_k c_{ab,k}\, r^{n_k} \quad (r < r_{c,ab}), \qquad 0 \text{ beyond.}

Coefficients and exponents are all there is to know of them, so numpy, the Monte Carlo kernel and
the molecular-dynamics engine evaluate the same potential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasscast.liquid.box import FloatArray

#: Exponent -> coefficient of one pair of species, the most negative exponent first.
Terms = dict[int, float]


@dataclass(frozen=True, eq=False)
class PowerSums:
    """The sums of all pairs of S species.

    Parameters
    ----------
    exponents : (K,) ascending.
    coefficients : (S, S, K) symmetric in the species.
    cutoff : (S, S) distances from which on a pair does not interact.
    core : (S, S) distances below which a pair overlaps, as none does in a sound simulation.
    """

    exponents: tuple[int, ...]
    coefficients: FloatArray
    cutoff: FloatArray
    core: FloatArray

    @classmethod
    def of(
        cls, terms: Callable[[int, int], Terms], cutoff: FloatArray, core: FloatArray
    ) -> PowerSums:
        """Gather the terms of every pair; all have the same exponents."""
        exponents = tuple(terms(0, 0))
        table = np.empty((*cutoff.shape, len(exponents)))
        for a, b in np.ndindex(cutoff.shape):
            pair = terms(a, b)
            table[a, b] = [pair[n] for n in exponents]
        return cls(exponents, table, cutoff, core)

    def energy(self, distances: FloatArray, a: Any, b: Any) -> FloatArray:
        """Energy of pairs of species a and b (numbers or arrays) at some distances."""
        powers = self._terms(a, b)
        return self._cut(sum(c * distances ** float(n) for n, c in powers), distances, a, b)

    def force(self, distances: FloatArray, a: Any, b: Any) -> FloatArray:
        """Force -du/dr of pairs at some distances, positive when repulsive."""
        powers = ((n, c) for n, c in self._terms(a, b) if n)
        return self._cut(sum(-n * c * distances ** (n - 1.0) for n, c in powers), distances, a, b)

    def _terms(self, a: Any, b: Any) -> list[tuple[int, Any]]:
        coefficients = self.coefficients[a, b]
        return [(n, coefficients[..., k]) for k, n in enumerate(self.exponents)]

    def _cut(self, total: Any, distances: FloatArray, a: Any, b: Any) -> FloatArray:
        return np.where(distances < self.cutoff[a, b], total, 0.0)
