"""Score a trained model on labelled configurations."""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.smoothness_scores import (
    SmoothnessEvaluation,
    SmoothnessScore,
    write_smoothness,
)
from glasscast.models.base import Model
from glasscast.models.registry import load_model
from glasscast.progress import track
from glasscast.runtime import Workspace


def evaluate(
    model: Path | str,
    dataset: Dataset,
    out: Path | None = None,
    workspace: Workspace | None = None,
) -> ScoreTable:
    """Forecast every configuration of a dataset and score each species and time.

    Parameters
    ----------
    model : folder of a model or of its training, or the name of a ready model.
    dataset : labelled; configurations the model was trained on are the caller's concern.
    out : folder for ``scores.json``, ``.csv``, ``.md`` and ``smoothness.json``, ``.csv``; nothing
        is written without it.
    """
    table, smoothness = score(load_model(model, workspace), dataset)
    if out is not None:
        for suffix in ("json", "csv", "md"):
            table.write(out / f"scores.{suffix}")
        write_smoothness(out, smoothness)
    return table


def score(model: Model, test: Dataset) -> tuple[ScoreTable, list[SmoothnessScore]]:
    """Forecast each test configuration; score it, and compare how smooth it is."""
    evaluation, smoothness = Evaluation(test.name), SmoothnessEvaluation()
    for configuration in track(model.workspace.progress, f"score {model.name}", test, len(test)):
        forecast = model.predict(configuration)
        evaluation.add(forecast, configuration)
        smoothness.add(forecast, configuration)
    return evaluation.table(), smoothness.scores()
