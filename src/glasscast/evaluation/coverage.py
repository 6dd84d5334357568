"""Do stated uncertainties say what they mean: how many errors lie within them, and which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfinv
from scipy.stats import rankdata

from glasscast.datasets.files import write_atomically, write_json
from glasscast.evaluation.table_text import csv_text, unknown
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast

_PARTS = 5
_LEVELS = 100  # quantiles that stand for a distribution
#: Standard deviations within which 95 % of a normal distribution lie.
TWO_SIGMA = 1.959963984540054


@dataclass(frozen=True)
class Coverage:
    """How one model's stated uncertainties did for a species and time. NaN where not defined.

    Parameters
    ----------
    model, species : names.
    time : in LJ units.
    within_68, within_95 : share of the errors within 1 and 1.96 standard deviations, for each
        fifth of the particles of a configuration by their stated uncertainty, the surest first.
        Levels learned from the others are low for a configuration whose errors are large: fifths
        of all configurations together would gather it among the surest.
    deviation : mean stated standard deviation of each fifth, in units of the target.
    rank_correlation : Spearman's, of stated standard deviation and size of the error, within each
        configuration; mean over them.
    rank_expected : what it would be if errors were normal with just the stated deviations, which
        the size of an error tells little of: 0.11 where these vary by a tenth.
    noise_share : share of the mean squared error that is noise of the labels; what is left is the
        error about the exact mean over trajectories.
    n_configurations, n_particles : what it rests on.
    """

    model: str
    species: str
    time: float
    within_68: tuple[float, ...]
    within_95: tuple[float, ...]
    deviation: tuple[float, ...]
    rank_correlation: float
    rank_expected: float
    noise_share: float
    n_configurations: int
    n_particles: int

    def record(self) -> dict[str, Any]:
        """Return JSON values; null for what is not defined."""
        return {key: _known(value) for key, value in asdict(self).items()}


class CoverageEvaluation:
    """Accumulates forecasts with uncertainties; keeps three numbers a particle and time."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, float], list[FloatArray]] = {}

    def add(self, forecast: ModelForecast) -> None:
        """Add a forecast of a labelled configuration; one without uncertainty says nothing."""
        if forecast.uncertainty is None:
            return
        errors, noise = np.abs(forecast.errors()), forecast.label_variances()
        for kind in forecast.configuration.species:
            mine = forecast.configuration.types == kind
            for row, time in enumerate(forecast.times):
                stated = forecast.uncertainty[row, mine]
                found = np.stack([stated, errors[row, mine], noise[row, mine]])
                found = found[:, np.isfinite(found[:2]).all(axis=0)]
                if found.size:
                    key = (forecast.model, kind, float(time))
                    self._found.setdefault(key, []).append(found)

    def rows(self) -> list[Coverage]:
        """Say for each model, species and time what was found."""
        return [_coverage(key, of_each) for key, of_each in sorted(self._found.items())]


def _coverage(key: tuple[str, int, float], of_each: Sequence[FloatArray]) -> Coverage:
    model, kind, time = key
    deviation, error, noise = np.concatenate(of_each, axis=1)
    part = np.concatenate([_parts(of[0]) for of in of_each])

    def each(values: FloatArray) -> tuple[float, ...]:
        return tuple(_mean(values[part == k]) for k in range(_PARTS))

    measured = np.isfinite(noise)
    squares = float(np.mean(error[measured] ** 2)) if measured.any() else 0.0
    return Coverage(
        model=model,
        species=species_name(kind),
        time=time,
        within_68=each(error <= deviation),
        within_95=each(error <= TWO_SIGMA * deviation),
        deviation=each(deviation),
        rank_correlation=_mean([_rank_correlation(of[0], of[1]) for of in of_each]),
        rank_expected=_mean([_expected(of[0]) for of in of_each]),
        noise_share=float(np.mean(noise[measured])) / squares if squares else np.nan,
        n_configurations=len(of_each),
        n_particles=len(error),
    )


def _parts(deviation: FloatArray) -> NDArray[np.int64]:
    """Which part each particle of a configuration belongs to, the surest to the first."""
    order = np.argsort(np.argsort(deviation, kind="stable"), kind="stable")
    return order * _PARTS // len(deviation)


def _mean(values: Sequence[float] | FloatArray) -> float:
    """Mean of those that are defined."""
    known = np.asarray(values)[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _expected(deviation: FloatArray) -> float:
    """Rank correlation of standard deviations and sizes of errors normal with just these."""
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    widths = np.repeat(np.quantile(deviation, levels), _LEVELS)
    sizes = np.tile(np.sqrt(2) * erfinv(levels), _LEVELS)
    return _rank_correlation(widths, widths * sizes)


def _rank_correlation(a: FloatArray, b: FloatArray) -> float:
    ranks = rankdata(a), rankdata(b)
    varied = all(np.ptp(r) > 0 for r in ranks)
    return float(np.corrcoef(*ranks)[0, 1]) if varied else float("nan")


def write_coverage(folder: Path, rows: Sequence[Coverage]) -> None:
    """Write ``uncertainty.csv``, a line a fifth, and ``.json``; nothing where there are no rows.

    Raises
    ------
    InputError : if a file cannot be written.
    """
    if not rows:
        return
    lines = [line for row in rows for line in _lines(row)]
    write_atomically(folder / "uncertainty.csv", csv_text(list(lines[0]), lines).encode())
    write_json(folder / "uncertainty.json", [row.record() for row in rows])


def _lines(row: Coverage) -> list[Mapping[str, Any]]:
    per_part = ("within_68", "within_95", "deviation")
    common = {f.name: getattr(row, f.name) for f in fields(row) if f.name not in per_part}
    return [
        {**common, "fifth": part + 1, **{key: getattr(row, key)[part] for key in per_part}}
        for part in range(_PARTS)
    ]


def _known(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_known(item) for item in value]
    if unknown(value):
        return None
    return float(f"{value:.6g}") if isinstance(value, float) else value
