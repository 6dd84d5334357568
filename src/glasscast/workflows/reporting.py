"""Reports: what a benchmark compared, or what was forecast."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path
from typing import Any

from glasscast.evaluation.score_table import ScoreTable
from glasscast.models.files import model_folder, read_record
from glasscast.report.page import write_report
from glasscast.workflows.benchmark import BenchmarkResult
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.fits import parts_of, read_forecasts
from glasscast.workflows.predict import Predictions

_EXAMPLES = 4  # configurations drawn in figures: enough to see, few enough to load at once


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
    out : run folder of the benchmark.
    result : what it found.
    command : that makes the page again.

    Returns
    -------
    The HTML page.
    """
    parts = parts_of(experiment)
    best = best_model(result.scores)
    examples = [
        (forecast, forecast.configuration)
        for part in parts
        for forecast in islice(read_forecasts(out, best, part.test), _EXAMPLES)
    ][:_EXAMPLES]
    if experiment.test is not None:
        how = f"trained on {len(parts[0].train)} and scored on {len(parts[0].test)} configurations"
    else:
        how = f"cross-validated by configuration in {len(parts)} folds"
    sources = [data.datasets for data in (experiment.data, experiment.test) if data is not None]
    return write_report(
        out,
        title=title,
        scores=result.scores,
        examples=examples,
        settings=experiment.model_dump(mode="json"),
        summary=f"{', '.join(experiment.models)}: {how}. {_copies(experiment)}"
        f"Particle figures show {best}.",
        data={
            "data sets": [str(path) for path in dict.fromkeys(chain.from_iterable(sources))],
            "training configurations": len(parts[0].train),
            "scored configurations": sum(len(part.test) for part in parts),
        },
        learning_curve=result.learning_curve,
        tau_alpha=experiment.tau_alpha,
        smoothness=result.smoothness,
        comparison=result.comparison,
        susceptibility=result.susceptibility,
        command=command,
    )


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


def best_model(scores: ScoreTable) -> str:
    """Model with the best mean score over species and times."""
    rows = scores.select(metric="pearson_mean")
    totals: dict[str, list[float]] = {}
    for row in rows:
        totals.setdefault(row.model, []).append(row.value)
    return max(totals, key=lambda model: sum(totals[model]) / len(totals[model]))


def report_forecasts(out: Path, found: Predictions, model: Path | str) -> Path:
    """Write the page of forecasts; truth is shown where a configuration carries it.

    What was assumed of the snapshots stands among the limits.

    Returns
    -------
    The HTML page.
    """
    record: dict[str, Any] = read_record(model_folder(model))
    return write_report(
        out,
        title=f"Forecast by {record['model']}",
        examples=[(f, f.configuration) for f in found.forecasts[:_EXAMPLES]],
        settings={"model": record["model"], **record.get("hyperparameters", {})},
        summary=f"{len(found.forecasts)} snapshots; up to {_EXAMPLES} are drawn.",
        notes=found.remarks,
    )
