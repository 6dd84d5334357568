"""Score forecasts against measured dynamics, streaming over configurations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import TARGETS
from glasscast.datasets.records import SINGLE_RUNS
from glasscast.datasets.stages import By
from glasscast.datasets.times import listed
from glasscast.errors import ShapeError
from glasscast.evaluation.bonds import BOND_TARGET, JudgedPairs, forecast_of
from glasscast.evaluation.ceiling import ceiling_mean, ceiling_of_runs, ceiling_pooled, error_floor
from glasscast.evaluation.correlation import PairMoments, bootstrap_interval, bootstrap_weights
from glasscast.evaluation.score_table import METRICS, Score, ScoreTable
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast

#: What is scored apart: (model, target, species or pair of species, time of the model).
Key = tuple[str, str, str, float]


@dataclass
class _Collected:
    """Moments of one key, one entry a configuration; halves or ceilings only where known."""

    names: list[str] = field(default_factory=list)
    moments: list[PairMoments] = field(default_factory=list)
    halves: list[PairMoments] = field(default_factory=list)
    ceilings: list[float] = field(default_factory=list)

    def means(self) -> NDArray[np.float64]:
        """Mean forecast of each configuration; NaN where a particle has none."""
        return PairMoments.join(self.moments).mean_x


class Evaluation:
    """Accumulates forecasts of one dataset; keeps a few numbers a configuration, not particles.

    Each species and time is scored on its own. A species whose forecasts are NaN in every
    configuration is not predicted by the model and gets no row. Any other NaN makes the score
    NaN: a hole in a forecast must not raise it. Forecasts of pair-distance changes are scored
    beside those of particles, or alone, where they are all that a model says.

    Labels of single runs are mostly noise, which lowers every correlation: their ceiling is the
    root of their reliability, and the share of the ceiling is the score corrected for it. Two
    halves of a chain are its two directions, of which no ceiling is made.

    Parameters
    ----------
    dataset : name for the table.
    reliability : of the propensity in a single run, by species and time, for labels of such.
    pairs : whose distance changes are scored.
    resamples : bootstrap resamples over configurations.
    level : coverage of the interval.
    seed : of the resamples, equal for all models so that they see the same draws.
    """

    def __init__(
        self,
        dataset: str = "",
        *,
        reliability: Mapping[tuple[int, float], float] | None = None,
        pairs: JudgedPairs | None = None,
        resamples: int = 2000,
        level: float = 0.95,
        seed: int = 0,
    ) -> None:
        self.reliability = {
            (species_name(species), time): share
            for (species, time), share in (reliability or {}).items()
        }
        self.pairs = pairs or JudgedPairs()
        self.dataset, self.resamples, self.level, self.seed = dataset, resamples, level, seed
        self._by: By = "time"
        self._collected: dict[Key, _Collected] = {}
        self._drawn: dict[int, FloatArray] = {}

    def add(self, forecast: ModelForecast, truth: Configuration) -> None:
        """Add one configuration's forecast and what was measured.

        Times are matched to one part in a thousand; a time of the model that was not measured
        is left out.

        Raises
        ------
        ShapeError : if the two are not the same configuration, the truth lacks the target or
            every time of the model, or the configuration was added before.
        """
        _refuse_strangers(forecast, truth)
        self._by = forecast.stages.by
        if forecast.predicts_particles:
            self._add_particles(forecast, truth)
        if forecast.bond_change is not None and truth.bond_change is not None:
            self._add_pairs(forecast, truth)

    def _add_particles(self, forecast: ModelForecast, truth: Configuration) -> None:
        measured = _measured(forecast, truth)
        halves = truth.propensity_halves if forecast.target == "propensity" else None
        masks = {species_name(species): truth.types == species for species in truth.species}
        rows = _common_rows(forecast, truth)
        self._collect(
            forecast, truth, forecast.target, masks, rows, forecast.values, measured, halves
        )

    def _add_pairs(self, forecast: ModelForecast, truth: Configuration) -> None:
        assert truth.bonds is not None
        assert truth.bond_change is not None
        masks = self.pairs.among(truth)
        rows = forecast.shared_rows(truth, BOND_TARGET)
        predicted = forecast_of(forecast, truth.bonds)
        halves = truth.bond_change_halves
        self._collect(
            forecast, truth, BOND_TARGET, masks, rows, predicted, truth.bond_change, halves
        )

    def _collect(
        self,
        forecast: ModelForecast,
        truth: Configuration,
        target: str,
        masks: Mapping[str, NDArray[np.bool_]],
        rows: Sequence[tuple[int, int]],
        predicted: NDArray[np.floating],
        measured: NDArray[np.floating],
        halves: NDArray[np.floating] | None,
    ) -> None:
        """Take moments of (T, N) or (T, E) values at some rows, group by group."""
        for name, chosen in masks.items():
            for row, true_row in rows:
                key = (forecast.model, target, name, float(forecast.times[row]))
                group = self._collected.setdefault(key, _Collected())
                if truth.name in group.names:
                    raise ShapeError(
                        f"{truth.name}: forecast of {forecast.model} was scored before; "
                        "a configuration counts once"
                    )
                group.names.append(truth.name)
                group.moments.append(
                    PairMoments.of(predicted[row, chosen], measured[true_row, chosen])
                )
                single = truth.metadata.origin.kind in SINGLE_RUNS
                if halves is not None and not single:
                    group.halves.append(PairMoments.of(*halves[:, true_row, chosen]))
                if single and target == "propensity" and truth.runs is not None:
                    runs = int(truth.runs[true_row])
                    group.ceilings.append(self._ceiling(name, float(truth.times[true_row]), runs))

    def _ceiling(self, species: str, time: float, runs: int) -> float:
        for (name, known), share in self.reliability.items():
            if name == species and np.isclose(known, time, rtol=1e-3, atol=0):
                return ceiling_of_runs(share, runs)
        return np.nan

    def table(self) -> ScoreTable:
        """Scores of all that was added, in order of model, target, species, time."""
        order = {key: i for i, key in enumerate(dict.fromkeys(k[:2] for k in self._collected))}
        predicted = {
            key[:3] for key, group in self._collected.items() if np.isfinite(group.means()).any()
        }
        # A model that predicts nothing of a target has failed; its NaN rows must stay visible.
        alive = {key[:2] for key in predicted}
        kept = [k for k in self._collected if k[:3] in predicted or k[:2] not in alive]
        falls = -1 if self._by == "scattering" else 1
        keys = sorted(kept, key=lambda k: (order[k[:2]], k[2], falls * k[3]))
        return ScoreTable(tuple(row for key in keys for row in self._score(key)))

    def _weights(self, configurations: int) -> FloatArray:
        """Draw the resamples of so many configurations once, for all species, times, models."""
        if configurations not in self._drawn:
            self._drawn[configurations] = bootstrap_weights(
                configurations, self.resamples, self.seed
            )
        return self._drawn[configurations]

    def _score(self, key: Key) -> Iterable[Score]:
        model, target, species, time = key
        group = self._collected[key]
        moments = PairMoments.join(group.moments)
        weights = self._weights(len(moments))
        complete = len(group.halves) == len(group.moments)
        best = _best(PairMoments.join(group.halves)) if complete else dict.fromkeys(METRICS, np.nan)
        if len(group.ceilings) == len(moments):
            mean = float(np.mean(group.ceilings))
            best |= {metric: mean for metric in METRICS if metric != "rmse"}
        for metric in METRICS:
            statistic = getattr(moments, metric)
            value = float(statistic()[0])
            low, high = bootstrap_interval(statistic(weights), len(moments), self.level)
            correlation = metric != "rmse" and best[metric] > 0
            yield Score(
                model=model,
                dataset=self.dataset,
                target=target,
                species=species,
                time=time,
                metric=metric,
                value=value,
                low=float(low),
                high=float(high),
                ceiling=best[metric],
                share=value / best[metric] if correlation else np.nan,
                n_configurations=len(moments),
                n_particles=int(moments.count.sum()),
                by=self._by,
            )


def evaluate(
    forecasts: Sequence[ModelForecast],
    truths: Sequence[Configuration],
    *,
    dataset: str = "",
    pairs: JudgedPairs | None = None,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> ScoreTable:
    """Score forecasts of any models against the configurations of the same names.

    Parameters
    ----------
    forecasts : any order, any number of models.
    truths : labelled configurations with unique names; those without a forecast are not used.
    dataset, pairs, resamples, level, seed : see :class:`Evaluation`, which does the same while
        holding one configuration at a time.

    Raises
    ------
    ShapeError : if a forecast has no truth, names repeat, or :meth:`Evaluation.add` refuses.
    """
    named = {truth.name: truth for truth in truths}
    if len(named) != len(truths):
        raise ShapeError("configurations to score against must have unique names")
    evaluation = Evaluation(dataset, pairs=pairs, resamples=resamples, level=level, seed=seed)
    for forecast in forecasts:
        name = forecast.configuration.name
        if name not in named:
            raise ShapeError(f"{name}: forecast of {forecast.model} has no configuration to match")
        evaluation.add(forecast, named[name])
    return evaluation.table()


def _refuse_strangers(forecast: ModelForecast, truth: Configuration) -> None:
    """Make sure that forecast and truth belong together."""
    if forecast.configuration.name != truth.name:
        raise ShapeError(
            f"forecast of '{forecast.configuration.name}' cannot be scored on '{truth.name}'"
        )
    if not np.array_equal(forecast.configuration.types, truth.types):
        raise ShapeError(f"{truth.name}: forecast and truth differ in their particles")


def _measured(forecast: ModelForecast, truth: Configuration) -> NDArray[np.float32]:
    """Return the measured target."""
    if forecast.target not in TARGETS:
        raise ShapeError(f"forecast target '{forecast.target}' is not one of {', '.join(TARGETS)}")
    measured: NDArray[np.float32] | None = getattr(truth, forecast.target)
    if measured is None:
        raise ShapeError(f"{truth.name}: has no '{forecast.target}' to score against")
    return measured


def _common_rows(forecast: ModelForecast, truth: Configuration) -> list[tuple[int, int]]:
    """Rows of the forecast and of the truth at the times both have."""
    rows = forecast.shared_rows(truth)
    if not rows:
        known = listed(truth.times)
        asked = listed(forecast.times)
        raise ShapeError(
            f"{truth.name}: forecast times {asked} share none with measured times {known}"
        )
    return rows


def _best(halves: PairMoments) -> dict[str, float]:
    """Score of an exact predictor in each metric."""
    return {
        "pearson_mean": float(ceiling_mean(halves)),
        "pearson_pooled": float(ceiling_pooled(halves)),
        "rmse": float(error_floor(halves)),
    }
