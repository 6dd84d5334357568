"""Forecasts beside what was measured: the material of figures, pages and files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import By
from glasscast.errors import GlasscastError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.definition import diameters
from glasscast.models.forecast import ModelForecast

#: Panels a figure has at most; more times are thinned out evenly.
MOST_TIMES = 4


def measured_values(forecast: ModelForecast, time: float) -> FloatArray | None:
    """Return what was measured of a forecast's target at a time: (N,), or None if not known."""
    configuration = forecast.configuration
    measured = getattr(configuration, forecast.target)
    row = configuration.stages.row_of(time)
    if measured is None or row is None or configuration.stages.by != forecast.stages.by:
        return None
    return np.asarray(measured[row], dtype=np.float64)


def is_measured(forecast: ModelForecast) -> bool:
    """Whether the target was measured at any time of the forecast."""
    return any(measured_values(forecast, time) is not None for time in forecast.times)


def shown_times(forecast: ModelForecast, most: int = MOST_TIMES) -> list[int]:
    """Rows of at most ``most`` times, evenly spread, first and last included."""
    count = len(forecast.times)
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def nearest_time(
    times: Sequence[float] | FloatArray, tau_alpha: float | None, by: By = "time"
) -> float:
    """Time closest to tau_alpha on a log scale; the last where that is not known.

    Parameters
    ----------
    by : what the times are values of; where they are stages, the one that means tau_alpha is
        known: F_s = 1/e.
    """
    wanted = {"time": tau_alpha, "scattering": np.exp(-1), "tau_alpha": 1.0}.get(by)
    positive = [float(t) for t in times if t > 0]
    if wanted is None or not positive:
        return float(times[-1])
    return min(positive, key=lambda t: abs(np.log(t / wanted)))


def predicted_species(forecasts: Sequence[ModelForecast]) -> list[int]:
    """Species with any forecast, ascending."""
    found = set()
    for forecast in forecasts:
        has = np.isfinite(forecast.values).any(axis=0)
        found |= set(np.unique(forecast.configuration.types[has]).tolist())
    return sorted(found)


def paired_values(
    forecasts: Sequence[ModelForecast], row: int, kind: int
) -> tuple[FloatArray, FloatArray]:
    """Collect true and predicted values of a species at one time, where they were measured."""
    time = forecasts[0].times[row]
    x, y = [np.empty(0)], [np.empty(0)]
    for forecast in forecasts:
        true = measured_values(forecast, time)
        if true is not None:
            chosen = (forecast.configuration.types == kind) & np.isfinite(forecast.values[row])
            x.append(true[chosen])
            y.append(np.asarray(forecast.values[row, chosen], dtype=np.float64))
    return np.concatenate(x), np.concatenate(y)


def all_values(forecasts: Sequence[ModelForecast], row: int, kind: int) -> FloatArray:
    """Return the finite values that were forecast of a species at one time, measured or not."""
    found = [f.values[row, f.configuration.types == kind] for f in forecasts]
    values = np.concatenate(found).astype(np.float64)
    return values[np.isfinite(values)]


def robust_limits(values: FloatArray, percent: float) -> tuple[float, float]:
    """Percentiles from both ends, a little apart even for equal values."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, [percent, 100 - percent])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def rank_within_species(values: FloatArray, types: NDArray[np.int8]) -> FloatArray:
    """Rank of each particle within its species, from 0 (least) to 1; NaN stays NaN."""
    ranks = np.full(values.shape, np.nan)
    for species in np.unique(types):
        chosen = np.flatnonzero((types == species) & np.isfinite(values))
        if len(chosen):
            order = np.argsort(np.argsort(values[chosen], kind="stable"), kind="stable")
            ranks[chosen] = order / max(1, len(chosen) - 1)
    return ranks


def drawn_diameters(configuration: Configuration) -> FloatArray:
    """Size to draw each particle with: (N,), of its liquid; where that is not known, 1."""
    try:
        return diameters(configuration.types, str(configuration.metadata.state_point.liquid))
    except GlasscastError:
        return np.ones(configuration.size)
