"""Compare models on equal terms: the same configurations, folds and seeds for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from glasscast.evaluation.comparison import Comparison, compare
from glasscast.evaluation.published import PublishedScore, published_scores
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.scores import Evaluation
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation, write_smoothness
from glasscast.evaluation.susceptibility import SusceptibilityEvaluation, SusceptibilityScore
from glasscast.progress import task
from glasscast.runtime import Workspace
from glasscast.workflows.experiment_folder import RunFolder, refuse_absent_files
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.fits import Part, cost_of, forecast_part, parts_of, read_forecasts
from glasscast.workflows.learning_curve import (
    LearningCurve,
    forecast_sizes,
    score_sizes,
    sizes_of,
    write_learning_curve,
)


@dataclass(frozen=True)
class BenchmarkResult:
    """Everything that a benchmark found; its files and its report say the same."""

    scores: ScoreTable
    comparison: Comparison
    smoothness: SmoothnessEvaluation
    susceptibility: list[SusceptibilityScore]
    learning_curve: LearningCurve


def benchmark(
    experiment: BenchmarkExperiment, out: Path, workspace: Workspace | None = None
) -> BenchmarkResult:
    """Train and forecast every part with every model, then score each model as a whole.

    Forecasts are kept, one file a configuration; what is on disk is not made again, so a killed
    benchmark goes on where it stopped.

    Parameters
    ----------
    experiment : what to compare.
    out : run folder; gets ``forecasts/LABEL/``, ``scores.json``, ``.csv``, ``.md``, ``.tex``, and
        ``comparison.csv``, ``.md``, ``.tex`` with susceptibilities, costs and published scores,
        and ``smoothness.json``, ``.csv``; with ``training_sizes`` also ``learning_curve.csv``.

    Returns
    -------
    What was found of all models.

    Raises
    ------
    SettingsError : if the run folder holds another experiment, or folds or sizes are impossible.
    InputError : if a file that the settings name is absent.
    """
    workspace = workspace or Workspace()
    literature = published_of(experiment)
    parts = parts_of(experiment)
    sizes_of(experiment, parts)  # refuse impossible sizes before any work
    refuse_absent_files(*experiment.models.values())
    run = RunFolder(out, experiment)
    with run.logging():
        for label, settings in experiment.models.items():
            with task(workspace.progress, f"benchmark {label}", len(parts)) as progress:
                for part in parts:
                    forecast_part(label, settings, part, experiment.seed, out, workspace)
                    progress.advance(label)
        forecast_sizes(experiment, parts, out, workspace)
        result = _evaluate(experiment, parts, out, literature)
        _write(result, out)
        run.finish({"seed": experiment.seed, "parts": [part.test.names for part in parts]})
    return result


def published_of(experiment: BenchmarkExperiment) -> list[PublishedScore]:
    """Scores of the literature that the experiment asks for.

    Raises
    ------
    SettingsError : if there are none for that data set and temperature.
    """
    if experiment.published is None:
        return []
    return published_scores(experiment.published.dataset, experiment.published.temperature)


def _evaluate(
    experiment: BenchmarkExperiment, parts: list[Part], out: Path, literature: list[PublishedScore]
) -> BenchmarkResult:
    """Judge the kept forecasts, one configuration at a time."""
    evaluation = Evaluation(parts[0].test.name, seed=experiment.seed)
    smoothness = SmoothnessEvaluation()
    susceptibility = SusceptibilityEvaluation(experiment.chi4_threshold, seed=experiment.seed)
    for label in experiment.models:
        for part in parts:
            for forecast in read_forecasts(out, label, part.test):
                for each in (evaluation, smoothness, susceptibility):
                    each.add(forecast, forecast.configuration)
    scores, chi4 = evaluation.table(), susceptibility.scores()
    costs = {label: cost_of(out, label, parts) for label in experiment.models}
    return BenchmarkResult(
        scores=scores,
        comparison=compare(
            scores, costs, literature, smoothness=smoothness.scores(), susceptibility=chi4
        ),
        smoothness=smoothness,
        susceptibility=chi4,
        learning_curve=score_sizes(experiment, parts, out),
    )


def _write(result: BenchmarkResult, out: Path) -> None:
    """Write the tables as files, each whole or not at all."""
    write_smoothness(out, result.smoothness.scores())
    if result.learning_curve:
        write_learning_curve(out / "learning_curve.csv", result.learning_curve)
    for suffix in ("json", "csv", "md", "tex"):
        result.scores.write(out / f"scores.{suffix}")
    for suffix in ("csv", "md", "tex"):
        result.comparison.write(out / f"comparison.{suffix}")
