"""Score a trained model on labelled configurations."""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.smoothness_scores import write_smoothness
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.workflows.train import score


def evaluate_model(
    model: Path | str,
    dataset: Dataset,
    out: Path | None = None,
    workspace: Workspace | None = None,
) -> ScoreTable:
    """Forecast every configuration of a dataset and score each species and time.

    Parameters
    ----------
    model : folder of a model or of a training run, or the name of a ready model.
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
