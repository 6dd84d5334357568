"""Forecasts beside what was measured: the material of figures and pages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.models.forecast import ModelForecast

FloatArray = NDArray[np.float64]
#: A forecast and the configuration whose measured values, if any, it is shown with.
Example = tuple[ModelForecast, Configuration]
#: Panels a figure has at most; more times are thinned out evenly.
MOST_TIMES = 4


def measured_values(
    forecast: ModelForecast, truth: Configuration, time: float
) -> FloatArray | None:
    """Return the measured target at a time of the forecast, (N,), or None if not known."""
    measured = getattr(truth, forecast.target)
    rows = np.flatnonzero(np.isclose(truth.times, time, rtol=1e-3, atol=0))
    if measured is None or len(rows) == 0:
        return None
    return np.asarray(measured[rows[0]], dtype=np.float64)


def shown_times(forecast: ModelForecast, most: int = MOST_TIMES) -> list[int]:
    """Rows of at most ``most`` times, evenly spread, first and last included."""
    count = len(forecast.times)
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def predicted_species(examples: Sequence[Example]) -> list[int]:
    """Species with any forecast, ascending."""
    found = set()
    for forecast, _ in examples:
        has = np.isfinite(forecast.values).any(axis=0)
        found |= set(np.unique(forecast.configuration.types[has]).tolist())
    return sorted(found)


def paired_values(
    examples: Sequence[Example], row: int, kind: int
) -> tuple[FloatArray, FloatArray]:
    """Collect true and predicted values of a species at one time, over the labelled examples."""
    time = examples[0][0].times[row]
    x, y = [np.empty(0)], [np.empty(0)]
    for forecast, truth in examples:
        true = measured_values(forecast, truth, time)
        if true is not None:
            chosen = (truth.types == kind) & np.isfinite(forecast.values[row])
            x.append(true[chosen])
            y.append(np.asarray(forecast.values[row, chosen], dtype=np.float64))
    return np.concatenate(x), np.concatenate(y)


def all_forecasts(examples: Sequence[Example], row: int, kind: int) -> FloatArray:
    """Return the finite forecasts of a species at one time, labelled or not."""
    parts = [f.values[row, f.configuration.types == kind] for f, _ in examples]
    values = np.concatenate(parts).astype(np.float64)
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
