"""Compare models on equal terms: the same configurations, folds and seeds for each."""

from __future__ import annotations

from pathlib import Path

from glasscast.config import BenchmarkExperiment
from glasscast.evaluation.comparison import compare
from glasscast.evaluation.published import PublishedScore, published_scores
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation, write_smoothness
from glasscast.progress import task
from glasscast.structure.workspace import Workspace
from glasscast.workflows.learning_curve import (
    forecast_sizes,
    score_sizes,
    sizes_of,
    write_learning_curve,
)
from glasscast.workflows.parts import Part, cost_of, forecast_part, parts_of, read_forecasts
from glasscast.workflows.runs import RunFolder


def benchmark(
    experiment: BenchmarkExperiment, out: Path, workspace: Workspace | None = None
) -> ScoreTable:
    """Train and forecast every part with every model, then score each model as a whole.

    Forecasts are kept, one file a configuration; what is on disk is not made again, so a killed
    benchmark goes on where it stopped.

    Parameters
    ----------
    experiment : what to compare.
    out : run folder; gets ``forecasts/LABEL/``, ``scores.json``, ``.csv``, ``.md``, ``.tex``, and
        ``comparison.csv``, ``.md``, ``.tex`` with costs and published scores, and
        ``smoothness.json``, ``.csv``; with ``training_sizes`` also ``learning_curve.csv``.

    Returns
    -------
    Scores of all models.
    """
    workspace = workspace or Workspace()
    literature = published_of(experiment)
    run = RunFolder(out, experiment)
    parts = parts_of(experiment)
    sizes_of(experiment, parts)  # refuse impossible sizes before any work
    with run.logging():
        for label, settings in experiment.models.items():
            with task(workspace.progress, f"benchmark {label}", len(parts)) as progress:
                for part in parts:
                    forecast_part(label, settings, part, experiment.seed, out, workspace)
                    progress.advance(label)
        forecast_sizes(experiment, parts, out, workspace)
        table = _score(experiment, parts, out)
        write_smoothness(out, compare_smoothness(experiment, parts, out).scores())
        curve = score_sizes(experiment, parts, out)
        if curve:
            write_learning_curve(out / "learning_curve.csv", curve)
        for suffix in ("json", "csv", "md", "tex"):
            table.write(out / f"scores.{suffix}")
        costs = {label: cost_of(out, label, parts) for label in experiment.models}
        comparison = compare(table, costs, literature)
        for suffix in ("csv", "md", "tex"):
            comparison.write(out / f"comparison.{suffix}")
        run.finish({"seed": experiment.seed, "parts": [part.test.names for part in parts]})
    return table


def published_of(experiment: BenchmarkExperiment) -> list[PublishedScore]:
    """Scores of the literature that the experiment asks for.

    Raises
    ------
    SettingsError : if there are none for that data set and temperature.
    """
    if experiment.published is None:
        return []
    return published_scores(experiment.published.dataset, experiment.published.temperature)


def _score(experiment: BenchmarkExperiment, parts: list[Part], out: Path) -> ScoreTable:
    name = parts[0].test.name
    evaluation = Evaluation(name, seed=experiment.seed)
    for label in experiment.models:
        for part in parts:
            for forecast in read_forecasts(out, label, part.test):
                evaluation.add(forecast, forecast.configuration)
    return evaluation.table()


def compare_smoothness(
    experiment: BenchmarkExperiment, parts: list[Part], out: Path
) -> SmoothnessEvaluation:
    """Smoothness of the kept forecasts beside the truth."""
    evaluation = SmoothnessEvaluation()
    for label in experiment.models:
        for part in parts:
            for forecast in read_forecasts(out, label, part.test):
                evaluation.add(forecast, forecast.configuration)
    return evaluation
