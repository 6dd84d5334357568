r"""Whether a run was in equilibrium: what should not drift with age, and by how much it does.

What ages does so fast at first and then ever slower. A quantity x that is measured along a run at
n ages is therefore compared between its second half (m ages) and its first 1, 2, 4, ... up to n / 3
ages. The noise is that of the second half, where least is left of an ageing: the variance
:math:`s^2` and the statistical inefficiency

.. math:: g = 1 + 2 \sum_{k \ge 1} \Big(1 - \frac{k}{m}\Big) \rho_k

with the autocorrelation :math:`\rho_k` up to where it first is negative. The difference of the mean
over the first j ages has the error :math:`s \sqrt{\min(g, j) / j + g / m}`; in equilibrium their
ratio follows Student's distribution with :math:`m / g - 1` degrees of freedom. What ages evenly to
the end has no quiet half; so the slope of a straight line along the whole run is a further
comparison, with g of what is left of it and :math:`n / g - 2` degrees of freedom. The least likely
of all counts, its chance times their number.

Of ensembles only start and ends are known. With P starts, each the start of R runs, and :math:`s^2`
the variance among the ends of the runs of one start, the mean change from start to end has the
error :math:`s \sqrt{(1 + 1/R) / P}`, at P (R - 1) degrees of freedom. It is not less than the true
one: what an end remembers of its start, the difference lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr  # Student; scipy.stats takes a second to load

from glasscast.liquid.box import FloatArray

#: Fewer ages tell nothing.
FEWEST = 9
#: A change that chance makes less often is a drift.
LEAST_CHANCE = 0.01


@dataclass(frozen=True)
class Drift:
    """Change of a quantity from the first ages of a run to its second half, or along all of it.

    Parameters
    ----------
    change, error : in units of the quantity.
    ages : first ones that were compared, of ensembles the start alone; all: along the run.
    chance : how often equilibrium would give a change as unlikely.
    """

    change: float
    error: float
    ages: int
    chance: float

    @property
    def is_one(self) -> bool:
        """Whether the quantity drifts."""
        return self.chance < LEAST_CHANCE

    def record(self) -> dict[str, float]:
        """Return it as JSON values."""
        return {key: float(f"{value:.3g}") for key, value in vars(self).items()}


def drift_of(values: Sequence[float] | FloatArray, window: float = 1.0) -> Drift | None:
    """Compare the first ages of a run with its second half; None if they are too few.

    Parameters
    ----------
    values : (n,) in order of age, at equal spacing.
    window : number of ages over which one value is measured; so many are worth one at most.
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < FEWEST:
        return None
    late = x[len(x) // 2 :]
    variance, size = float(late.var(ddof=1)), len(late)
    inefficiency = min(max(_inefficiency(late - late.mean()), window), size / 2)
    found = [_slope(x, window)]
    counts = [2**k for k in range(len(x)) if 2**k <= len(x) // 3]
    for first in counts:
        change = float(late.mean() - x[:first].mean())
        share = min(inefficiency, first) / first + inefficiency / size
        error = float(np.sqrt(variance * share))
        ratio = abs(change) / error if error > 0 else np.inf * abs(change)
        chance = 2 * stdtr(size / inefficiency - 1, -ratio) if change else 1.0
        found.append(Drift(change, error, first, float(chance)))
    least = min(found, key=lambda drift: drift.chance)
    return replace(least, chance=min(1.0, least.chance * len(found)))


def drift_from_starts(starts: Sequence[float], ends: Sequence[Sequence[float]]) -> Drift | None:
    """Compare the starts of ensembles with the ends of their runs; None where these are too few.

    Parameters
    ----------
    starts : (P,) values of the starts.
    ends : for each the values at the ends of some of its runs.
    """
    known = [(a, np.array(b)) for a, b in zip(starts, ends, strict=True) if len(b) > 1]
    if not known:
        return None
    freedom = sum(len(b) - 1 for _, b in known)
    variance = sum(float(b.var()) * len(b) for _, b in known) / freedom
    changes = [float(b.mean()) - a for a, b in known]
    share = np.mean([1 + 1 / len(b) for _, b in known]) / len(known)
    change, error = float(np.mean(changes)), float(np.sqrt(variance * share))
    ratio = abs(change) / error if error > 0 else np.inf * abs(change)
    chance = 2 * stdtr(freedom, -ratio) if change else 1.0
    return Drift(change, error, 1, float(chance))


def _slope(x: FloatArray, window: float) -> Drift:
    """Change along a straight line through all ages."""
    size, ages = len(x), np.arange(len(x)) - (len(x) - 1) / 2
    slope = float(ages @ x / (ages @ ages))
    left = x - x.mean() - slope * ages
    inefficiency = min(max(_inefficiency(left), window), size / 3)
    error = float(np.sqrt(inefficiency * (left @ left) / (size - 2) / (ages @ ages)))
    ratio = abs(slope) / error if error > 0 else np.inf * abs(slope)
    chance = 2 * stdtr(size / inefficiency - 2, -ratio) if slope else 1.0
    return Drift(slope * (size - 1), error * (size - 1), size, float(chance))


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
