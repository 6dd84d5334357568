"""Score against the number of training configurations."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from glasscast.datasets.files import write_atomically
from glasscast.errors import SettingsError
from glasscast.evaluation.score_table import COLUMNS, LearningCurve
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.table_text import csv_text
from glasscast.models.settings import ModelSettings, NetworkSettings
from glasscast.progress import task
from glasscast.runtime import Workspace
from glasscast.workflows.experiments import BenchmarkExperiment, table_name
from glasscast.workflows.fits import SIZE_MARK, Fit, carry_out, read_forecasts


def sizes_of(experiment: BenchmarkExperiment, fits: list[Fit]) -> list[int]:
    """Training sizes in ascending order, the whole training set of the fits last.

    Raises
    ------
    SettingsError : if a size exceeds what a fit has to train on.
    """
    if experiment.training_sizes is None:
        return []
    whole = min(len(fit.train) for fit in fits)
    most = max(experiment.training_sizes)
    if most > whole:
        raise SettingsError(
            f"'training_sizes' asks for {most} configurations, but a fit has only {whole} to "
            "train on"
        )
    return sorted({*experiment.training_sizes, whole})


def smaller(fit: Fit, size: int, seed: int) -> Fit:
    """Train on ``size`` configurations only; smaller sets are contained in larger ones."""
    order = np.random.default_rng([seed, fit.number]).permutation(len(fit.train))
    chosen = set(order[:size].tolist())
    names = [name for k, name in enumerate(fit.train.names) if k in chosen]
    return replace(fit, train=fit.train.subset(names))


def forecast_sizes(
    experiment: BenchmarkExperiment, fits: list[Fit], out: Path, workspace: Workspace
) -> None:
    """Train and forecast every fit with every model and size that has no forecast yet.

    Deep models train as many steps as with all configurations, in more epochs; the phases of
    GlassMLP are left as they are.
    """
    sizes = sizes_of(experiment, fits)[:-1]  # the last are the benchmark's own
    for label, settings in experiment.models.items():
        with task(workspace.progress, f"sizes {label}", len(sizes) * len(fits)) as progress:
            for size in sizes:
                for fit in fits:
                    fewer = smaller(fit, size, experiment.seed)
                    same = _as_many_steps(settings, len(fit.train) / size)
                    name = _name(label, size)
                    carry_out(fewer, name, same, experiment.seed, out, workspace)
                    progress.advance(f"{size}")


def score_sizes(experiment: BenchmarkExperiment, fits: list[Fit], out: Path) -> LearningCurve:
    """Scores of each size, from the kept forecasts."""
    sizes = sizes_of(experiment, fits)
    curve: LearningCurve = {}
    for size in sizes:
        evaluation = Evaluation(
            table_name(fits[0].test),
            reliability=fits[0].test.reliability(),
            pairs=experiment.bonds,
            seed=experiment.seed,
        )
        for label in experiment.models:
            name = label if size == sizes[-1] else _name(label, size)
            for fit in fits:
                for forecast in read_forecasts(out, name, fit.test):
                    evaluation.add(replace(forecast, model=label), forecast.configuration)
        curve[size] = evaluation.table()
    return curve


def write_learning_curve(path: Path, curve: LearningCurve) -> None:
    """Write a CSV: the columns of the score table behind the training configurations."""
    first = "training_configurations"
    rows = ({first: size, **asdict(row)} for size, table in curve.items() for row in table)
    write_atomically(path, csv_text([first, *COLUMNS], rows).encode())


def _as_many_steps(settings: ModelSettings, ratio: float) -> ModelSettings:
    """Multiply the epochs, if the model has any, by how many fewer configurations there are."""
    if not isinstance(settings, NetworkSettings):
        return settings
    training = settings.training
    epochs = {"epochs": round(ratio * training.epochs)}
    return settings.model_copy(update={"training": training.model_copy(update=epochs)})


def _name(label: str, size: int) -> str:
    return f"{label}{SIZE_MARK}{size}"
