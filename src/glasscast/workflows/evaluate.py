"""Score a trained model on labelled configurations."""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.ownership import owned
from glasscast.datasets.state_points import StatePoint
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.smoothness_scores import (
    SmoothnessEvaluation,
    SmoothnessScore,
    write_smoothness,
)
from glasscast.models.base import Model
from glasscast.models.registry import Device, load_model
from glasscast.progress import track
from glasscast.runtime import Workspace
from glasscast.simulation.registry import load_engine
from glasscast.workflows.complete import complete, examine
from glasscast.workflows.experiments import judged, table_name
from glasscast.workflows.forecast_folder import name_of


def evaluate(
    model: Model | Path | str,
    dataset: Dataset | Path | str,
    *,
    split: str | None = None,
    out: Path | str | None = None,
    device: Device | None = None,
    workspace: Workspace | None = None,
) -> ScoreTable:
    """Forecast every configuration of a dataset and score each species and time.

    Parameters
    ----------
    model : fitted, folder of a model or of its training, or the name of a ready model.
    dataset : or its folder; labelled. Equilibrium positions that the model reads and a
        configuration lacks are found. What the model was trained on is the caller's concern.
    split : only this one of the dataset's.
    out : folder for ``scores.json``, ``.csv``, ``.md`` and ``smoothness.json``, ``.csv``; nothing
        is written without it.

    Raises
    ------
    SettingsError : if something else than an earlier evaluation of the same lies in ``out``.
    """
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    data = data if split is None else data.split(split)
    fitted = load_model(model, workspace, device)
    if out is None:
        return score(fitted, data)[0]
    out = Path(out)
    by = name_of(model, out)
    with owned(out, "evaluate", {"model": by, "dataset": data.name, "split": split}):
        table, smoothness = score(fitted, data)
        for suffix in ("json", "csv", "md"):
            table.write(out / f"scores.{suffix}")
        write_smoothness(out, smoothness)
        return table


def score(model: Model, test: Dataset) -> tuple[ScoreTable, list[SmoothnessScore]]:
    """Forecast each test configuration; score it, and compare how smooth it is.

    Single runs are left out beside ensembles; where there is nothing else the table says so.
    """
    test = judged(test)
    evaluation = Evaluation(table_name(test), reliability=test.reliability())
    smoothness = SmoothnessEvaluation()
    engine = load_engine(None)
    for configuration in track(model.workspace.progress, f"score {model.name}", test, len(test)):
        needs = examine(model, configuration, StatePoint.stated())
        snapshot = complete(configuration, needs, engine)
        forecast = model.predict(snapshot)
        evaluation.add(forecast, configuration)
        smoothness.add(forecast, configuration)
    return evaluation.table(), smoothness.scores()
