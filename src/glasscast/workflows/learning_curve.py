"""Score against the number of training configurations."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from glasscast.datasets.files import write_atomically
from glasscast.errors import SettingsError
from glasscast.evaluation.score_table import COLUMNS, ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.table_text import csv_text
from glasscast.models.settings import ModelSettings, NetworkSettings
from glasscast.progress import task
from glasscast.runtime import Workspace
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.fits import SIZE_MARK, Part, forecast_part, read_forecasts

#: Number of training configurations -> scores of all models.
LearningCurve = dict[int, ScoreTable]


def sizes_of(experiment: BenchmarkExperiment, parts: list[Part]) -> list[int]:
    """Training sizes in ascending order, the whole training set of the parts last.

    Raises
    ------
    SettingsError : if a size exceeds what a part has to train on.
    """
    if experiment.training_sizes is None:
        return []
    whole = min(len(part.train) for part in parts)
    most = max(experiment.training_sizes)
    if most > whole:
        raise SettingsError(
            f"'training_sizes' asks for {most} configurations, but a part has only {whole} to "
            "train on"
        )
    return sorted({*experiment.training_sizes, whole})


def smaller(part: Part, size: int, seed: int) -> Part:
    """Train on ``size`` configurations only; smaller sets are contained in larger ones."""
    order = np.random.default_rng([seed, part.number]).permutation(len(part.train))
    chosen = set(order[:size].tolist())
    names = [name for k, name in enumerate(part.train.names) if k in chosen]
    return replace(part, train=part.train.subset(names))


def forecast_sizes(
    experiment: BenchmarkExperiment, parts: list[Part], out: Path, workspace: Workspace
) -> None:
    """Train and forecast every part with every model and size that has no forecast yet.

    Deep models train as many steps as with all configurations, in more epochs; the stages of
    GlassMLP are left as they are.
    """
    sizes = sizes_of(experiment, parts)[:-1]  # the last are the benchmark's own
    for label, settings in experiment.models.items():
        with task(workspace.progress, f"sizes {label}", len(sizes) * len(parts)) as progress:
            for size in sizes:
                for part in parts:
                    fewer = smaller(part, size, experiment.seed)
                    same = _as_many_steps(settings, len(part.train) / size)
                    name = _name(label, size)
                    forecast_part(name, same, fewer, experiment.seed, out, workspace)
                    progress.advance(f"{size}")


def score_sizes(experiment: BenchmarkExperiment, parts: list[Part], out: Path) -> LearningCurve:
    """Scores of each size, from the kept forecasts."""
    sizes = sizes_of(experiment, parts)
    curve: LearningCurve = {}
    for size in sizes:
        evaluation = Evaluation(parts[0].test.name, seed=experiment.seed)
        for label in experiment.models:
            name = label if size == sizes[-1] else _name(label, size)
            for part in parts:
                for forecast in read_forecasts(out, name, part.test):
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
