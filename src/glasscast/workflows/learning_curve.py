"""Score against the number of training configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from glasscast.datasets.files import write_atomically
from glasscast.errors import SettingsError
from glasscast.evaluation.score_table import COLUMNS, LearningCurve
from glasscast.evaluation.table_text import csv_text
from glasscast.models.settings import ModelSettings, NetworkSettings
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.fits import Fit
from glasscast.workflows.variants import Trainings, Variant


def sizes_of(experiment: BenchmarkExperiment, fits: Sequence[Fit]) -> list[int]:
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


def variants_of_sizes(
    experiment: BenchmarkExperiment, fits: Sequence[Fit]
) -> dict[int, list[Variant]]:
    """Each model with each number of training configurations; the last are the models themselves.

    Deep models train as many steps as with all configurations, in more epochs; the phases of
    GlassMLP are left as they are.
    """
    sizes, whole = sizes_of(experiment, fits), len(fits[0].train)
    found = {
        size: [
            Variant(label, _as_many_steps(settings, whole / size), f"{size}", size)
            for label, settings in experiment.models.items()
        ]
        for size in sizes[:-1]
    }
    return found | {
        size: [Variant(label, settings) for label, settings in experiment.models.items()]
        for size in sizes[-1:]
    }


def score_sizes(variants: Mapping[int, Sequence[Variant]], trainings: Trainings) -> LearningCurve:
    """Scores of each size, from the kept forecasts."""
    return {size: trainings.combined(found) for size, found in variants.items()}


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
