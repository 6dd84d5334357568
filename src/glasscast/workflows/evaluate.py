"""Score a trained model on labelled configurations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.ownership import owned
from glasscast.evaluation.coverage import Coverage, CoverageEvaluation, write_coverage
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.smoothness_scores import (
    SmoothnessEvaluation,
    SmoothnessScore,
    write_smoothness,
)
from glasscast.models.base import Model
from glasscast.models.registry import Device, load_model
from glasscast.runtime import Workspace
from glasscast.workflows.calibrate import forecasts_of
from glasscast.workflows.data_roles import judged, table_name
from glasscast.workflows.forecast_folder import name_of
from glasscast.workflows.others import forecasts_of_others


def evaluate(
    model: Model | Path | str,
    dataset: Dataset | Path | str,
    *,
    split: str | None = None,
    out: Path | str | None = None,
    forecasts: Path | str | Sequence[Path | str] = (),
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
    forecasts : of others, npz files or folders of them, whose scores are appended; see
        :mod:`glasscast.datasets.foreign_forecasts`.
    out : folder for ``scores.json``, ``.csv``, ``.md``, ``smoothness.json``, ``.csv`` and, where
        the model states uncertainties, ``uncertainty.json``, ``.csv``; nothing is written without
        it.

    Raises
    ------
    SettingsError : if something else than an earlier evaluation of the same lies in ``out``.
    InputError : if forecasts of others cannot be used, or are of some configurations only.
    """
    given = [forecasts] if isinstance(forecasts, str | Path) else forecasts
    others = [Path(path) for path in given]
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    data = data if split is None else data.split(split)
    fitted = load_model(model, workspace, device)
    if out is None:
        return score(fitted, data).table + score_others(others, data, fitted.name)
    out = Path(out)
    by = name_of(model, out)
    with owned(out, "evaluate", {"model": by, "dataset": data.name, "split": split}):
        found = score(fitted, data)
        table = found.table + score_others(others, data, fitted.name)
        for suffix in ("json", "csv", "md"):
            table.write(out / f"scores.{suffix}")
        write_smoothness(out, found.smoothness)
        write_coverage(out, found.coverage)
        return table


class Scores(NamedTuple):
    """Worth of a model on test data.

    Parameters
    ----------
    table : scores of each species and time.
    smoothness : of the forecasts beside the truth.
    coverage : of the uncertainties that the model states, on configurations that they were not
        learned from; empty if there is none.
    """

    table: ScoreTable
    smoothness: list[SmoothnessScore]
    coverage: list[Coverage]


def score(model: Model, test: Dataset) -> Scores:
    """Forecast each test configuration; score it, its smoothness, and how sure it claims to be.

    Single runs are left out beside ensembles; where there is nothing else the table says so.
    """
    test = judged(test)
    evaluation = Evaluation(table_name(test), reliability=test.reliability())
    smoothness = SmoothnessEvaluation()
    coverage = CoverageEvaluation()
    learned_from = () if model.uncertainty_ is None else model.uncertainty_.on
    for forecast in forecasts_of(model, test):
        configuration = forecast.configuration
        evaluation.add(forecast, configuration)
        smoothness.add(forecast, configuration)
        if configuration.name not in learned_from:
            coverage.add(forecast)
    return Scores(evaluation.table(), smoothness.scores(), coverage.rows())


def score_others(files: Sequence[Path], test: Dataset, model: str) -> ScoreTable:
    """Score the forecasts of others in some files, on the configurations that ours are scored on.

    Parameters
    ----------
    model : name of ours.

    Raises
    ------
    InputError, SettingsError : as :func:`glasscast.workflows.others.forecasts_of_others`.
    """
    test = judged(test)
    evaluation = Evaluation(table_name(test), reliability=test.reliability())
    for forecast in forecasts_of_others(files, test, [model]) if files else ():
        evaluation.add(forecast, forecast.configuration)
    return evaluation.table()
