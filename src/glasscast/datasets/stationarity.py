r"""Whether a run was in equilibrium: what should not drift with age, and by how much it does.

A quantity x that is measured along a run at n ages is compared between the first and the last
third. Its noise, the variance :math:`s^2` and the statistical inefficiency

.. math:: g = 1 + 2 \sum_{k \ge 1} \Big(1 - \frac{k}{m}\Big) \rho_k

with the autocorrelation :math:`\rho_k` up to where it first is negative, is that of the last two
thirds (m ages) about their straight line, where less is left of an ageing. The change
:math:`\Delta` has the error :math:`\sqrt{2 g s^2 / (n / 3)}`; in equilibrium their ratio follows
Student's distribution with :math:`m / g - 2` degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from glasscast.liquid.box import FloatArray

#: Fewer ages tell nothing.
FEWEST = 9
#: A change that chance makes less often is a drift.
LEAST_CHANCE = 1e-3


@dataclass(frozen=True)
class Drift:
    """Change of a quantity from the first to the last third of a run.

    Parameters
    ----------
    change, error : in units of the quantity.
    chance : how often equilibrium would give a change as large.
    """

    change: float
    error: float
    chance: float

    @property
    def is_one(self) -> bool:
        """Whether the quantity drifts."""
        return self.chance < LEAST_CHANCE

    def record(self) -> dict[str, float]:
        """Return it as JSON values."""
        return {key: float(f"{value:.3g}") for key, value in vars(self).items()}


def drift_of(values: Sequence[float] | FloatArray) -> Drift | None:
    """Compare the first and the last third of values in order of age; None if they are too few."""
    x = np.asarray(values, dtype=np.float64)
    if len(x) < FEWEST:
        return None
    third = len(x) // 3
    change = float(x[-third:].mean() - x[:third].mean())
    late = x[third:]
    ages = np.arange(len(late))
    left = late - np.polyval(np.polyfit(ages, late, 1), ages)
    inefficiency = _inefficiency(left)
    variance = float(np.sum(left**2)) / max(len(left) - 2, 1)
    error = float(np.sqrt(2 * inefficiency * variance / third))
    if error == 0:
        return Drift(change, 0.0, float(change == 0))
    freedom = max(len(left) / inefficiency - 2, 1.0)
    return Drift(change, error, float(2 * student.sf(abs(change) / error, freedom)))


def _inefficiency(left: FloatArray) -> float:
    """Return how many values are worth one independent one, at least 1."""
    size, total = len(left), float(np.mean(left**2))
    if total == 0:
        return 1.0
    found = 1.0
    for lag in range(1, size // 2):
        correlation = float(np.mean(left[:-lag] * left[lag:])) / total
        if correlation <= 0:
            break
        found += 2 * (1 - lag / size) * correlation
    return found
