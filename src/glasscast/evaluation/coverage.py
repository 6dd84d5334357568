"""Do stated uncertainties say what they mean: how many errors lie within them, and which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from glasscast.datasets.files import write_atomically, write_json
from glasscast.evaluation.table_text import csv_text, unknown
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast

_PARTS = 5
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
        fifth of the particles by their stated uncertainty, the surest first.
    deviation : mean stated standard deviation of each fifth, in units of the target.
    rank_correlation : Spearman's, of stated standard deviation and size of the error, within each
        configuration; mean over them.
    n_configurations, n_particles : what it rests on.
    """

    model: str
    species: str
    time: float
    within_68: tuple[float, ...]
    within_95: tuple[float, ...]
    deviation: tuple[float, ...]
    rank_correlation: float
    n_configurations: int
    n_particles: int

    def record(self) -> dict[str, Any]:
        """Return JSON values; null for what is not defined."""
        return {key: _known(value) for key, value in asdict(self).items()}


class CoverageEvaluation:
    """Accumulates forecasts with uncertainties; keeps two numbers a particle and time."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, float], list[FloatArray]] = {}

    def add(self, forecast: ModelForecast) -> None:
        """Add a forecast of a labelled configuration; one without uncertainty says nothing."""
        if forecast.uncertainty is None:
            return
        errors = np.abs(forecast.errors())
        for kind in forecast.configuration.species:
            mine = forecast.configuration.types == kind
            for row, time in enumerate(forecast.times):
                pair = np.stack([forecast.uncertainty[row, mine], errors[row, mine]])
                pair = pair[:, np.isfinite(pair).all(axis=0)]
                if pair.size:
                    key = (forecast.model, kind, float(time))
                    self._found.setdefault(key, []).append(pair)

    def rows(self) -> list[Coverage]:
        """Say for each model, species and time what was found."""
        return [_coverage(key, pairs) for key, pairs in sorted(self._found.items())]


def _coverage(key: tuple[str, int, float], of_each: Sequence[FloatArray]) -> Coverage:
    model, kind, time = key
    pairs = np.concatenate(of_each, axis=1)
    deviation, error = pairs[:, np.argsort(pairs[0], kind="stable")]
    parts = np.array_split(np.arange(len(deviation)), _PARTS)

    def each(values: FloatArray) -> tuple[float, ...]:
        return tuple(float(values[part].mean()) if len(part) else np.nan for part in parts)

    ranks = [_rank_correlation(*pair) for pair in of_each]
    known = [rank for rank in ranks if np.isfinite(rank)]
    return Coverage(
        model=model,
        species=species_name(kind),
        time=time,
        within_68=each(error <= deviation),
        within_95=each(error <= TWO_SIGMA * deviation),
        deviation=each(deviation),
        rank_correlation=float(np.mean(known)) if known else np.nan,
        n_configurations=len(of_each),
        n_particles=len(error),
    )


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
