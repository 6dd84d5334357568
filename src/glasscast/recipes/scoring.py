"""Correlations of forecasts and truth, configuration by configuration, for curves and claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError
from glasscast.evaluation.bonds import JudgedPairs, forecast_of
from glasscast.evaluation.ceiling import ceiling_mean, ceiling_pooled
from glasscast.evaluation.correlation import PairMoments
from glasscast.evaluation.smoothness import smoothness
from glasscast.liquid.box import FloatArray
from glasscast.models.forecast import ModelForecast
from glasscast.recipes.material import Point


@dataclass(frozen=True, eq=False)
class Correlations:
    """Pearson correlation at each time of a state point; NaN where it is not defined.

    Parameters
    ----------
    each : (T, C) of every test configuration.
    pooled : (T,) over the particles of all configurations.
    jackknife : (T, C) pseudo-values of the pooled correlation, whose mean and spread over
        configurations are those of the pooled one (leaving out one configuration at a time).
    """

    each: FloatArray
    pooled: FloatArray
    jackknife: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Mean over configurations (T,)."""
        return np.asarray(self.each.mean(axis=1))

    def samples(self, metric: str) -> FloatArray:
        """One value a time and configuration (T, C), for ``mean`` or ``all`` (pooled)."""
        return self.jackknife if metric == "all" else self.each


def _reduced(moments: Sequence[PairMoments]) -> Correlations:
    joined = PairMoments.join(moments)
    count = len(joined)
    pooled = joined.pearson_pooled()[0]
    each = joined.pearson().T
    if count < 2:
        return Correlations(each, pooled, each)
    without = joined.pearson_pooled(1.0 - np.eye(count))  # (C, T)
    return Correlations(each, pooled, (count * pooled - (count - 1) * without).T)


def correlations(
    forecasts: Sequence[ModelForecast], point: Point, species: int = 0, own: bool = True
) -> Correlations:
    """Correlate forecasts with the truth.

    Parameters
    ----------
    forecasts : of the test configurations of ``point``, in order.
    species : 0 = A.
    own : whether the forecasts are for the times of ``point``; else rows are matched at equal
        place in the list of times, those of a model that was trained elsewhere.
    """
    moments = []
    for forecast, truth in zip(forecasts, point.tested, strict=True):
        measured = getattr(truth, forecast.target)
        mine = truth.types == species
        rows = range(len(truth.times))
        taken = [_row(forecast, truth, row, own) for row in rows]
        moments.append(PairMoments.of(forecast.values[taken][:, mine], measured[:, mine]))
    return _reduced(moments)


def _row(forecast: ModelForecast, truth: Configuration, row: int, own: bool) -> int:
    if not own:
        return min(row, len(forecast.times) - 1)
    return int(np.argmin(np.abs(forecast.times - truth.times[row])))


def ceilings(point: Point, species: int = 0) -> tuple[FloatArray, FloatArray] | None:
    """Noise ceiling of the propensity's correlation, within configurations and pooled: (T,) each.

    None where the halves of the ensembles are not known.
    """
    halves = [c.propensity_halves for c in point.tested]
    if any(h is None for h in halves):
        return None
    moments = PairMoments.join(
        [
            PairMoments.of(*np.asarray(h)[:, :, c.types == species])
            for h, c in zip(halves, point.tested, strict=True)
        ]
    )
    return ceiling_mean(moments), ceiling_pooled(moments)


def pair_correlations(
    forecasts: Sequence[ModelForecast], point: Point, pairs: JudgedPairs | None = None
) -> Correlations:
    """Correlate forecasts of pair-distance changes with the truth, A-A pairs closer than 1.35.

    Shiba et al., J. Chem. Phys. 158, 084503 (2023), eq. 15.
    """
    judged = pairs or JudgedPairs()
    moments = []
    for forecast, truth in zip(forecasts, point.tested, strict=True):
        (chosen,) = judged.among(truth).values()
        if truth.bonds is None or truth.bond_change is None:
            raise InputError(truth.name, "has no 'bond_change'")
        made = forecast_of(forecast, truth.bonds[:, chosen])
        taken = [_row(forecast, truth, row, True) for row in range(len(truth.times))]
        moments.append(PairMoments.of(made[taken], truth.bond_change[:, chosen]))
    return _reduced(moments)


def truth_of(target: str) -> Callable[[Configuration], FloatArray]:
    """Return what reads a label (T, N) of a configuration."""

    def read(configuration: Configuration) -> FloatArray:
        return np.asarray(getattr(configuration, target), dtype=np.float64)

    return read


def quotients(
    configurations: Sequence[Configuration], values: Sequence[FloatArray], cutoff: float = 2.0
) -> FloatArray:
    """Rayleigh quotient of fields on the graph of A particles: (T, C)."""
    pairs = zip(configurations, values, strict=True)
    return np.array([smoothness(c, v, cutoff=cutoff).rayleigh for c, v in pairs]).T


def deviations(
    configurations: Sequence[Configuration], values: Sequence[FloatArray], cutoff: float = 2.0
) -> list[FloatArray]:
    """Local smoothness lambda of A particles: (T, n) of each configuration."""
    pairs = zip(configurations, values, strict=True)
    return [smoothness(c, v, cutoff=cutoff).local for c, v in pairs]


def local_correlations(forecasts: Sequence[ModelForecast], point: Point) -> Correlations:
    """Correlate lambda of forecasts with that of the truth, particles without neighbours left out.

    A forecast that crosses 0 makes lambda diverge; the correlation is that of ranks then no more
    than of anything else, so it is taken as it stands.
    """
    truth = deviations(point.tested, [truth_of("propensity")(c) for c in point.tested])
    made = deviations(point.tested, [f.values.astype(np.float64) for f in forecasts])
    moments = []
    for a, b in zip(made, truth, strict=True):
        defined = np.isfinite(a).all(axis=0) & np.isfinite(b).all(axis=0)
        moments.append(PairMoments.of(a[:, defined], b[:, defined]))
    return _reduced(moments)
