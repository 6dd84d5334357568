"""How smooth the forecasts of models are beside the truth, over the configurations of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.files import write_atomically, write_json
from glasscast.datasets.stages import By
from glasscast.evaluation.smoothness import compare_smoothness
from glasscast.evaluation.table_text import csv_text, unknown
from glasscast.liquid.box import FloatArray
from glasscast.models.forecast import ModelForecast

#: Local values kept for the distribution, of the first configurations of each model and time.
_KEPT = 20_000


@dataclass(frozen=True)
class SmoothnessScore:
    """Smoothness of one model's forecasts at one time; NaN where undefined.

    Parameters
    ----------
    model, target : what was compared.
    time : in LJ units.
    local_pearson : correlation of predicted and true local smoothness, mean over configurations.
    rayleigh_true, rayleigh_predicted : Rayleigh quotients, means over configurations.
    n_configurations : averaged over.
    """

    model: str
    target: str
    time: float
    local_pearson: float
    rayleigh_true: float
    rayleigh_predicted: float
    n_configurations: int


@dataclass
class SmoothnessSeries:
    """What was found for one model at one time, an entry a configuration.

    Parameters
    ----------
    rayleigh_true, rayleigh_predicted, local_pearson : one number a configuration.
    local_true, local_predicted : local smoothness of particles, of the first configurations.
    """

    rayleigh_true: list[float] = field(default_factory=list)
    rayleigh_predicted: list[float] = field(default_factory=list)
    local_pearson: list[float] = field(default_factory=list)
    local_true: list[FloatArray] = field(default_factory=list)
    local_predicted: list[FloatArray] = field(default_factory=list)


class SmoothnessEvaluation:
    """Accumulates forecasts; species A on the graph of cutoff 2, as Jiang et al. (2023) do.

    Forecasts of other targets than propensity, without a value for every A particle, or without
    any A particle, say nothing about smoothness and are passed over.
    """

    def __init__(self) -> None:
        self.by: By = "time"
        self.series: dict[tuple[str, float], SmoothnessSeries] = {}

    def add(self, forecast: ModelForecast, truth: Configuration) -> None:
        """Add one configuration's forecast, at the times that were also measured."""
        mine = truth.types == 0
        if forecast.target != "propensity" or truth.propensity is None or not mine.any():
            return
        shared = [row for row, _ in forecast.shared_rows(truth)]
        rows = [row for row in shared if np.isfinite(forecast.values[row, mine]).all()]
        if not rows:
            return
        shown = ModelForecast(
            configuration=truth,
            model=forecast.model,
            times=forecast.times[rows],
            stages=forecast.stages.taken(rows),
            values=forecast.values[rows],
        )
        self.by = forecast.stages.by
        found = compare_smoothness(shown, truth)
        for row, time in enumerate(found.times):
            series = self.series.setdefault((forecast.model, float(time)), SmoothnessSeries())
            series.rayleigh_true.append(float(found.true.rayleigh[row]))
            series.rayleigh_predicted.append(float(found.predicted.rayleigh[row]))
            series.local_pearson.append(float(found.local_pearson[row]))
            if sum(map(len, series.local_true)) < _KEPT:
                series.local_true.append(found.true.local[row])
                series.local_predicted.append(found.predicted.local[row])

    def scores(self) -> list[SmoothnessScore]:
        """Means over configurations, models in the order they were added, then times."""
        order = {model: k for k, model in enumerate(dict.fromkeys(m for m, _ in self.series))}
        return [
            SmoothnessScore(
                model=model,
                target="propensity",
                time=time,
                local_pearson=float(np.mean(series.local_pearson)),
                rayleigh_true=float(np.mean(series.rayleigh_true)),
                rayleigh_predicted=float(np.mean(series.rayleigh_predicted)),
                n_configurations=len(series.rayleigh_true),
            )
            for (model, time), series in sorted(
                self.series.items(), key=lambda item: (order[item[0][0]], item[0][1])
            )
        ]


def write_smoothness(folder: Path, scores: Sequence[SmoothnessScore]) -> None:
    """Write ``smoothness.csv`` and ``.json`` atomically; nothing where there are no scores.

    Raises
    ------
    InputError : if a file cannot be written.
    """
    if not scores:
        return
    rows = [asdict(score) for score in scores]
    text = csv_text([f.name for f in fields(SmoothnessScore)], rows)
    write_atomically(folder / "smoothness.csv", text.encode())
    known = [{k: None if unknown(v) else v for k, v in row.items()} for row in rows]
    write_json(folder / "smoothness.json", known)
