"""What a benchmark trains: models as they are and changed, once a seed and, if asked, once a time.

A folder of forecasts is named after the model and what tells the training from others of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glasscast.datasets.dataset import Dataset
from glasscast.evaluation.comparison import Cost
from glasscast.evaluation.repeats import combine_repeats
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.models.forecast import ModelForecast
from glasscast.models.settings import ModelSettings
from glasscast.progress import task
from glasscast.runtime import Workspace
from glasscast.workflows.data_roles import table_name
from glasscast.workflows.experiments import MARK, BenchmarkExperiment
from glasscast.workflows.fits import Fit, carry_out, cost_of, read_forecasts
from glasscast.workflows.others import forecasts_of_others
from glasscast.workflows.pretraining import started


@dataclass(frozen=True)
class Variant:
    """A model of a benchmark, as it is or changed.

    Parameters
    ----------
    label : of the model in the experiment.
    settings : that it is trained with.
    mark : what has been changed, for names of folders; '' if nothing.
    size : training configurations; None: all.
    """

    label: str
    settings: ModelSettings
    mark: str = ""
    size: int | None = None


@dataclass(frozen=True)
class Training:
    """One training of a variant on each fit.

    Parameters
    ----------
    time : the only one that it learns; None: all.
    name : of its folder of forecasts.
    """

    variant: Variant
    seed: int
    time: float | None
    name: str


class Trainings:
    """All that a benchmark trains, and reads back.

    Parameters
    ----------
    experiment : what was asked for.
    fits : of the experiment.
    out : folder of the experiment.
    """

    def __init__(self, experiment: BenchmarkExperiment, fits: Sequence[Fit], out: Path) -> None:
        self.experiment, self.fits, self.out = experiment, fits, out
        self.seeds = experiment.seeds or (experiment.seed,)
        test = fits[0].test
        self._table, self._reliability = table_name(test), test.reliability()

    def as_they_are(self) -> list[Variant]:
        """Return the models of the experiment, unchanged."""
        sizes = self.experiment.trained_on
        models = self.experiment.models.items()
        return [Variant(label, settings, size=sizes.get(label)) for label, settings in models]

    def of(self, variant: Variant, seed: int) -> list[Training]:
        """List the trainings of a variant with one seed: one, or one a time."""
        marks = [variant.label, variant.mark]
        if self.experiment.seeds is not None:
            marks.append(f"seed-{seed}")
        name = MARK.join(filter(None, marks))
        if not self.experiment.takes_times_apart(variant.label):
            return [Training(variant, seed, None, name)]
        times = self.fits[0].train.times
        return [Training(variant, seed, t, f"{name}{MARK}t-{t:g}") for t in times]

    def carry_out(self, variants: Sequence[Variant], workspace: Workspace) -> None:
        """Train and forecast what has no forecast yet, model after model."""
        for label in dict.fromkeys(variant.label for variant in variants):
            trainings = [
                training
                for variant in variants
                if variant.label == label
                for seed in self.seeds
                for training in self.of(variant, seed)
            ]
            count = len(trainings) * len(self.fits)
            with task(workspace.progress, f"benchmark {label}", count) as progress:
                for training in trainings:
                    for fit in self.fits:
                        self._carry_out(training, fit, workspace)
                        progress.advance(training.name)

    def _carry_out(self, training: Training, fit: Fit, workspace: Workspace) -> None:
        variant, watch = training.variant, self.experiment.watch_test
        if variant.size is not None:
            fit = smaller(fit, variant.size, self.experiment.seed)
        settings = started(
            self.experiment,
            variant.label,
            variant.settings,
            training.seed,
            fit,
            self.out,
            workspace,
        )
        fit = fit if training.time is None else fit.at_time(training.time)
        carry_out(fit, training.name, settings, training.seed, self.out, workspace, watch)

    def forecasts(self, variant: Variant, seed: int, test: Dataset) -> Iterator[ModelForecast]:
        """Read the kept forecasts of a variant, all times as one, labelled as its model.

        Raises
        ------
        InputError : if one is missing or damaged.
        """
        names = [training.name for training in self.of(variant, seed)]
        parts = [read_forecasts(self.out, name, test) for name in names]
        for of_times in zip(*parts, strict=True):
            yield replace(join_times(of_times), model=variant.label)

    def others(self) -> Iterator[ModelForecast]:
        """Read the forecasts of others that the experiment names, of all scored configurations."""
        given = self.experiment.forecasts
        if given is not None:
            for fit in self.fits:
                yield from forecasts_of_others(given.files, fit.test, self.experiment.models)

    def scores_of_others(self) -> ScoreTable:
        """Scores of the forecasts of others."""
        evaluation = self._evaluation()
        for forecast in self.others():
            evaluation.add(forecast, forecast.configuration)
        return evaluation.table()

    def means(self, variant: Variant, test: Dataset) -> Iterator[ModelForecast]:
        """Read the means over all seeds of the kept forecasts of a variant, with their spreads."""
        each = [self.forecasts(variant, seed, test) for seed in self.seeds]
        for of_seeds in zip(*each, strict=True):
            values = np.array([forecast.values for forecast in of_seeds], dtype=np.float64)
            yield replace(
                of_seeds[0],
                model=f"{variant.label}, mean of {len(self.seeds)}",
                values=values.mean(axis=0).astype(np.float32),
                spread=values.std(axis=0, ddof=1).astype(np.float32),
                bonds=None,
                bond_change=None,
            )

    def scores(self, variants: Sequence[Variant]) -> dict[int, ScoreTable]:
        """Scores of some variants, no two of the same model, for each seed."""
        return {seed: self._scores(variants, seed) for seed in self.seeds}

    def _scores(self, variants: Sequence[Variant], seed: int) -> ScoreTable:
        evaluation = self._evaluation()
        for variant in variants:
            for fit in self.fits:
                for forecast in self.forecasts(variant, seed, fit.test):
                    evaluation.add(forecast, forecast.configuration)
        return evaluation.table()

    def _evaluation(self) -> Evaluation:
        return Evaluation(
            self._table,
            reliability=self._reliability,
            pairs=self.experiment.bonds,
            seed=self.experiment.seed,
        )

    def combined(self, variants: Sequence[Variant]) -> ScoreTable:
        """Scores of some variants: of the median training, where there are several seeds."""
        return combine_repeats(list(self.scores(variants).values()))

    def cost(self, variant: Variant) -> Cost:
        """Cost of one training of a variant, all times together, mean over seeds."""
        found = []
        for seed in self.seeds:
            costs = [cost_of(self.out, t.name, self.fits) for t in self.of(variant, seed)]
            numbers = np.array(
                [[c.parameters, c.fit_seconds, c.predict_seconds, c.peak_mb] for c in costs]
            )
            found.append([*numbers[:, :3].sum(axis=0), numbers[:, 3].max()])
        return Cost(*np.mean(found, axis=0).tolist())


def smaller(fit: Fit, size: int, seed: int) -> Fit:
    """Train on ``size`` configurations only; smaller sets are contained in larger ones.

    Raises
    ------
    InputError : if there are not so many.
    """
    return replace(fit, train=fit.train.drawn(size, [seed, fit.number]))


def join_times(parts: Sequence[ModelForecast]) -> ModelForecast:
    """Make one forecast of those of several networks at times of their own."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    values = tuple(value for part in parts for value in part.stages.values)
    changes = [part.bond_change for part in parts if part.bond_change is not None]
    return replace(
        first,
        times=np.array(values),
        stages=first.stages.model_copy(update={"values": values}),
        values=np.concatenate([part.values for part in parts]),
        bond_change=np.concatenate(changes) if changes else None,
    )
