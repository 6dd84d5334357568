"""Compare models on equal terms: the same configurations, folds and seeds for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from glasscast.evaluation.bonds import BOND_TARGET
from glasscast.evaluation.comparison import Comparison, compare
from glasscast.evaluation.coverage import Coverage, write_coverage
from glasscast.evaluation.published import PublishedScore, published_scores
from glasscast.evaluation.repeats import combine_repeats, write_repeats
from glasscast.evaluation.score_table import LearningCurve, ScoreTable, SweptScores, best_model
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation, write_smoothness
from glasscast.evaluation.susceptibility import SusceptibilityEvaluation, SusceptibilityScore
from glasscast.models.forecast import ModelForecast
from glasscast.report.page import Page
from glasscast.report.score_figures import score_figures
from glasscast.report.sections import (
    bond_section,
    comparison_section,
    data_section,
    headline,
    history_section,
    learning_curve_section,
    limit_section,
    particle_section,
    provenance_section,
    score_section,
    smoothness_section,
    summary_section,
    susceptibility_section,
    sweep_section,
    view_section,
)
from glasscast.report.worth_section import coverage_section
from glasscast.runtime import Workspace
from glasscast.training.history import Epoch
from glasscast.workflows.calibrate import checked_coverage
from glasscast.workflows.experiment_folder import ExperimentFolder, place, refuse_absent_files
from glasscast.workflows.experiments import BenchmarkExperiment, resolved
from glasscast.workflows.fits import Fit, fits_of, history_of
from glasscast.workflows.learning_curve import (
    score_sizes,
    variants_of_sizes,
    write_learning_curve,
)
from glasscast.workflows.others import ORIGIN
from glasscast.workflows.sweep import score_sweep, swept, write_sweep
from glasscast.workflows.variants import Trainings

#: Configurations drawn in figures: enough to see, few enough to load at once.
_DRAWN = 4


@dataclass(frozen=True)
class BenchmarkResult:
    """Everything that a benchmark found; its files and its report say the same."""

    scores: ScoreTable
    comparison: Comparison
    smoothness: SmoothnessEvaluation
    susceptibility: list[SusceptibilityScore]
    coverage: list[Coverage] = field(default_factory=list)
    learning_curve: LearningCurve = field(default_factory=dict)
    swept: SweptScores = field(default_factory=dict)


def benchmark(
    experiment: BenchmarkExperiment | Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    report: bool = True,
    title: str = "",
    command: str = "",
    workspace: Workspace | None = None,
) -> BenchmarkResult:
    """Train and forecast every fit with every model, then score each model as a whole.

    Forecasts are kept, one file a configuration; what is on disk is not made again, so a killed
    benchmark goes on where it stopped.

    Parameters
    ----------
    experiment : what to compare: settings, keys and values, or a YAML file.
    out : folder of the experiment; gets ``forecasts/LABEL/``, ``scores.json``, ``.csv``, ``.md``,
        ``.tex``, and ``comparison.csv``, ``.md``, ``.tex`` with susceptibilities, costs and
        published scores, ``smoothness.json``, ``.csv``, and ``uncertainty.json``, ``.csv``: what
        uncertainties would cover that are learned from other test configurations, of the first
        seed and of the mean over several; with
        ``training_sizes`` also ``learning_curve.csv``, with ``sweep`` ``sweep.csv``, with
        ``seeds`` ``seeds.csv``, and ``report.html``. Without it nothing is kept.
    overrides : ``key=value`` with dotted keys, on top of a file.
    report : whether to write the page.
    title, command : of the page, and what makes it again.

    Returns
    -------
    What was found of all models.

    Raises
    ------
    SettingsError : if the folder holds another experiment, or folds or sizes are impossible.
    InputError : if a file that the settings name is absent.
    """
    settings = resolved(BenchmarkExperiment, experiment, overrides)
    if not title:
        title = Path(experiment).stem if isinstance(experiment, Path | str) else "benchmark"
    with place(out, "benchmark") as folder:
        result = _benchmark(settings, folder, workspace or Workspace())
        if report and out is not None:
            report_benchmark(folder, settings, result, title=title, command=command)
    return result


def _benchmark(experiment: BenchmarkExperiment, out: Path, workspace: Workspace) -> BenchmarkResult:
    literature = published_of(experiment)
    fits = fits_of(experiment)
    trainings = Trainings(experiment, fits, out)
    sizes, values = variants_of_sizes(experiment, fits), swept(experiment)
    models = [*experiment.models.values()]
    if experiment.pretraining is not None:
        models.append(experiment.pretraining.model)
    refuse_absent_files(*models)
    folder = ExperimentFolder(out, experiment)
    with folder.logging():
        for variants in (trainings.as_they_are(), *values.values(), *list(sizes.values())[:-1]):
            trainings.carry_out(variants, workspace)
        repeats = trainings.scores(trainings.as_they_are())
        scores = combine_repeats(list(repeats.values())) + trainings.scores_of_others()
        result = _evaluate(trainings, scores, literature)
        result = replace(
            result,
            learning_curve=score_sizes(sizes, trainings),
            swept=score_sweep(values, trainings),
        )
        if experiment.seeds is not None:
            write_repeats(out / "seeds.csv", repeats)
        _write(result, experiment, out)
        folder.finish({"seed": experiment.seed, "fits": [fit.test.names for fit in fits]})
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
    trainings: Trainings, scores: ScoreTable, literature: list[PublishedScore]
) -> BenchmarkResult:
    """Judge the kept forecasts of the first seed as fields, one configuration at a time."""
    experiment = trainings.experiment
    smoothness = SmoothnessEvaluation()
    susceptibility = SusceptibilityEvaluation(experiment.chi4_threshold, seed=experiment.seed)
    for variant in trainings.as_they_are():
        for fit in trainings.fits:
            for forecast in trainings.forecasts(variant, trainings.seeds[0], fit.test):
                for each in (smoothness, susceptibility):
                    each.add(forecast, forecast.configuration)
    chi4 = susceptibility.scores()
    costs = {variant.label: trainings.cost(variant) for variant in trainings.as_they_are()}
    compared = compare(
        scores,
        costs,
        literature,
        smoothness=smoothness.scores(),
        susceptibility=chi4,
        others=dict.fromkeys(_named_by_others(scores, experiment), ORIGIN),
    )
    return BenchmarkResult(scores, compared, smoothness, chi4, _coverage(trainings))


def _coverage(trainings: Trainings) -> list[Coverage]:
    """Say how true uncertainties are of the first seed, and of the mean over several."""
    rows: list[Coverage] = []
    for variant in trainings.as_they_are():
        tests = [fit.test for fit in trainings.fits]
        first = trainings.seeds[0]
        rows += checked_coverage(
            chain.from_iterable(trainings.forecasts(variant, first, test) for test in tests)
        )
        if len(trainings.seeds) > 1:
            rows += checked_coverage(
                chain.from_iterable(trainings.means(variant, test) for test in tests)
            )
    return rows


def _write(result: BenchmarkResult, experiment: BenchmarkExperiment, out: Path) -> None:
    """Write the tables as files, each whole or not at all."""
    write_smoothness(out, result.smoothness.scores())
    write_coverage(out, result.coverage)
    if result.learning_curve:
        write_learning_curve(out / "learning_curve.csv", result.learning_curve)
    if experiment.sweep is not None:
        write_sweep(out / "sweep.csv", experiment.sweep.setting, result.swept)
    for suffix in ("json", "csv", "md", "tex"):
        result.scores.write(out / f"scores.{suffix}")
    for suffix in ("csv", "md", "tex"):
        result.comparison.write(out / f"comparison.{suffix}")


def report_benchmark(
    out: Path,
    experiment: BenchmarkExperiment,
    result: BenchmarkResult,
    *,
    title: str,
    command: str = "",
) -> Path:
    """Write the page of a finished benchmark; particle figures show the best model.

    Parameters
    ----------
    out : folder of the benchmark.
    result : what it found.
    command : that makes the page again.

    Returns
    -------
    The HTML page.
    """
    fits = fits_of(experiment)
    trainings = Trainings(experiment, fits, out)
    scores, tau_alpha = result.scores, experiment.tau_alpha
    best = best_model(ScoreTable(tuple(row for row in scores if row.model in experiment.models)))
    shown = [forecast for fit in fits for forecast in _first(trainings, best, fit, _DRAWN)][:_DRAWN]
    if experiment.test is not None:
        how = f"trained on {len(fits[0].train)} and scored on {len(fits[0].test)} configurations"
    else:
        how = f"cross-validated by configuration in {len(fits)} folds"
    summary = (
        f"{', '.join(experiment.models)}: {how}. "
        f"{_copies(experiment)}{_single_runs(experiment)}{_repeats(experiment)}"
        f"{_others(scores, experiment)}"
        f"Particle figures show {best}."
    )
    read = (experiment.data, experiment.copies, experiment.single_runs, experiment.test)
    sources = [data.datasets for data in read if data is not None]
    used = {
        "data sets": [path.name for path in dict.fromkeys(chain.from_iterable(sources))],
        "training configurations": len(fits[0].train),
        "scored configurations": sum(len(fit.test) for fit in fits),
    }

    page = Page(
        title,
        [
            summary_section(summary, scores, shown),
            comparison_section(result.comparison, tau_alpha, _threshold(result)),
            data_section(used, shown),
            score_section(scores, score_figures(scores, tau_alpha, result.comparison)),
            learning_curve_section(result.learning_curve, tau_alpha),
            sweep_section(result.swept, experiment.sweep.setting if experiment.sweep else ""),
            particle_section(shown, tau_alpha),
            bond_section(_bond_forecasts(scores, trainings), tau_alpha),
            view_section(shown),
            history_section(_histories(trainings)),
            smoothness_section(result.smoothness, best),
            susceptibility_section(result.susceptibility, scores.by),
            coverage_section(result.coverage, tau_alpha),
            limit_section(scores, shown),
            provenance_section(experiment.without_folders().model_dump(mode="json"), command),
        ],
        headline(scores, tau_alpha),
    )
    return page.write(out)


def _first(trainings: Trainings, label: str, fit: Fit, count: int) -> list[ModelForecast]:
    """First forecasts of a model on a fit, of the first seed."""
    (variant,) = (v for v in trainings.as_they_are() if v.label == label)
    return list(islice(trainings.forecasts(variant, trainings.seeds[0], fit.test), count))


def _bond_forecasts(scores: ScoreTable, trainings: Trainings) -> list[ModelForecast]:
    """First forecast of pairs by the best model that makes any; empty without one."""
    rows = scores.select(target=BOND_TARGET)
    return _first(trainings, best_model(rows), trainings.fits[0], 1) if len(rows) else []


def _histories(trainings: Trainings) -> dict[str, list[Epoch]]:
    """History of the first training of each model that has one."""
    found = {}
    for variant in trainings.as_they_are():
        first = trainings.of(variant, trainings.seeds[0])[0]
        found[variant.label] = history_of(trainings.out, first.name, trainings.fits[0])
    return {label: history for label, history in found.items() if history}


def _repeats(experiment: BenchmarkExperiment) -> str:
    """Say how often models were trained; '' if once."""
    if experiment.seeds is None:
        return ""
    return (
        f"Each model was trained with {len(experiment.seeds)} seeds: scores are those of the "
        "median training; smoothness, collective motion and pictures of particles are those of "
        "the first. "
    )


def _named_by_others(scores: ScoreTable, experiment: BenchmarkExperiment) -> list[str]:
    """Models that are not of the experiment: those whose forecasts others made."""
    return [model for model in scores.values_of("model") if model not in experiment.models]


def _others(scores: ScoreTable, experiment: BenchmarkExperiment) -> str:
    """Say which forecasts of others were scored; '' if none."""
    named = _named_by_others(scores, experiment)
    return f"Forecasts of others, {', '.join(named)}, were scored as well. " if named else ""


def _threshold(result: BenchmarkResult) -> float | None:
    """Propensity beyond which particles were counted; None where none were."""
    return result.susceptibility[0].threshold if result.susceptibility else None


def _copies(experiment: BenchmarkExperiment) -> str:
    """Say which models used thermal copies; '' if none did."""
    if experiment.copies is None:
        return ""
    trained = experiment.copies.models
    text = "Thermal copies were trained on"
    if trained is not None:
        text += f" by {', '.join(trained)}"
    if experiment.copies.averaged:
        text += f" and averaged over by {', '.join(experiment.copies.averaged)}"
    return f"{text}. "


def _single_runs(experiment: BenchmarkExperiment) -> str:
    """Say which models used single runs, and how; '' if none did."""
    runs = experiment.single_runs
    if runs is None:
        return ""
    every = experiment.models if runs.models is None else runs.models
    used = {
        "beside them": [label for label in every if label not in runs.alone],
        "in their place": runs.alone,
    }
    how = [f"{where} by {', '.join(labels)}" for where, labels in used.items() if labels]
    text = "Single runs of the training configurations were trained on"
    return f"{text} {' and '.join(how)}. " if how else ""
