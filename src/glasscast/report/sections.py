"""The sections of reports on forecasts and scores, each from its own data."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import By, row_text, rows_text
from glasscast.evaluation.bonds import BOND_TARGET, joint_distribution
from glasscast.evaluation.comparison import Comparison
from glasscast.evaluation.published import PublishedScore
from glasscast.evaluation.score_table import (
    METRICS,
    LearningCurve,
    ScoreTable,
    SweptScores,
    best_model,
)
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation
from glasscast.evaluation.susceptibility import SusceptibilityScore
from glasscast.models.forecast import ModelForecast
from glasscast.report import html, tables
from glasscast.report.bond_figures import bond_map_figure, joint_figure
from glasscast.report.collective_figures import smoothness_figures, susceptibility_figures
from glasscast.report.comparison_figures import learning_curve_figure, sweep_figure
from glasscast.report.history_figures import history_figure
from glasscast.report.illustration import Illustration
from glasscast.report.interactive import view_data, view_kinds
from glasscast.report.measured import is_measured, nearest_time
from glasscast.report.page import Content, Folded, Section
from glasscast.report.particle_figures import particle_figures
from glasscast.report.score_figures import METRIC_LABELS
from glasscast.report.style import format_time, group_words, target_words
from glasscast.runtime import versions
from glasscast.training.history import Epoch


def headline(scores: ScoreTable, tau_alpha: float | None = None) -> str:
    """Say how good the best model is for its first species, near tau_alpha; '' if it is unknown."""
    rows = scores.select(metric="pearson_mean")
    if not len(rows):
        return ""
    rows = rows.select(model=best_model(scores))
    first = rows.rows[0]
    rows = rows.select(species=first.species, dataset=first.dataset, target=first.target)
    time = nearest_time(rows.times(), tau_alpha, rows.by)
    (best,) = rows.select(time=time)
    if not math.isfinite(best.value):
        return ""
    where = f" on {best.dataset}" if len(scores.values_of("dataset")) > 1 else ""
    text = (
        f"At {row_text(best.by, time)}, {best.model} predicts the {target_words(best.target)} of "
        f"{group_words(best.species)}{where} with a correlation of {best.value:.2f}"
    )
    if math.isfinite(best.low):
        text += f" ({best.low:.2f} to {best.high:.2f})"
    if math.isfinite(best.share):
        text += f", {best.share:.0%} of the {best.ceiling:.2f} that noise leaves possible"
    return text + "."


def summary_section(
    summary: str, scores: ScoreTable | None = None, forecasts: Sequence[ModelForecast] = ()
) -> Section:
    """Say what was done.

    Parameters
    ----------
    summary : in a sentence or two.
    scores : of all models.
    forecasts : that are shown.
    """
    contents = [html.paragraph(summary)]
    if forecasts:
        stages = forecasts[0].stages
        unit = " (LJ units)" if stages.by == "time" else ""
        contents.append(
            html.paragraph(
                f"From one snapshot, the {target_words(forecasts[0].target)} of every particle was "
                f"forecast for {rows_text(stages.by, stages.values)}{unit}."
            )
        )
    if scores:
        most = max(row.n_configurations for row in scores)
        contents.append(
            html.paragraph(
                f"Forecasts of {', '.join(scores.values_of('model'))} were compared with the mean "
                f"over isoconfigurational trajectories of {most} "
                f"configuration{'s' if most > 1 else ''}."
            )
        )
    return Section("What was done", contents)


def comparison_section(
    comparison: Comparison, tau_alpha: float | None = None, threshold: float | None = None
) -> Section:
    """Show models side by side at the time nearest to tau_alpha, and what they cost.

    Parameters
    ----------
    threshold : of the susceptibilities, in sigma; they are explained where it is known.
    """
    times = comparison.times
    contents: list[Content] = []
    if times:
        time = nearest_time(times, tau_alpha, comparison.by)
        shown = tables.comparison_table(comparison, time)
        contents += [html.paragraph(_comparison_words(threshold)), shown]
    if len(times) > 1:
        contents.append(Folded("At all times", [tables.comparison_table(comparison)]))
    contents.append(tables.sources(comparison))
    costs = tables.cost_table(comparison)
    if costs:
        contents += [html.heading("What they cost"), costs]
    return Section("Models side by side", contents)


def _comparison_words(threshold: float | None) -> str:
    text = (
        "Bold: best of this run. Smoothness r: correlation of predicted and true local smoothness "
        "of A particles. "
    )
    if threshold is not None:
        text += (
            "χ₄ ratio: how much the number of particles with a propensity above "
            f"{threshold:g} σ varies between configurations, forecast over truth. 1 is right, less "
            "means forecasts too much alike, a dash that it is not defined. "
        )
    return text + "All digits are in comparison.csv."


def published_transfer_section(published: Sequence[PublishedScore]) -> Section:
    """Show what others reached between the same temperatures; nothing if nothing is known."""
    if not published:
        return Section("Published transfers", [])
    text = (
        "Pearson r of all A particles pooled, as published: from training and test sets of their "
        "own. Context, not opponents on equal terms."
    )
    return Section("Published transfers", [html.paragraph(text), tables.transfer_table(published)])


def data_section(used: Mapping[str, Any], forecasts: Sequence[ModelForecast] = ()) -> Section:
    """Show what was used, name -> value, below what the configurations shown tell of it."""
    return Section("Data", [html.facts(_state_point(forecasts) | dict(used))])


def _state_point(forecasts: Sequence[ModelForecast]) -> dict[str, Any]:
    """State point of the first configuration, as far as its metadata tell."""
    if not forecasts:
        return {}
    configuration = forecasts[0].configuration
    counts = [
        f"{int((configuration.types == kind).sum())} {configuration.species_names[kind]}"
        for kind in configuration.species
    ]
    point, told = configuration.state_point, configuration.metadata
    power = "⁻²" if configuration.dimension == 2 else "⁻³"
    rows: dict[str, Any] = {
        "liquid": point.liquid_name,
        "temperature (ε/k)": point.temperature,
        f"number density (σ{power})": configuration.density,
        f"pressure (ε σ{power})": point.pressure,
        "particles": f"{configuration.size} ({', '.join(counts)})",
        "box (σ)": " × ".join(f"{side:.5g}" for side in configuration.box),
        "trajectories a configuration": _runs(configuration),
        "configurations shown": _names([f.configuration.name for f in forecasts]),
        "source": ", ".join(told.source) or None,
    }
    return {name: value for name, value in rows.items() if value is not None}


def _runs(configuration: Configuration) -> str | None:
    """Trajectories behind the labels, the fewest and the most where rows differ."""
    if configuration.runs is None or not configuration.runs.any():
        return None
    behind = configuration.runs[configuration.runs > 0]
    return " to ".join(str(n) for n in dict.fromkeys((int(behind.min()), int(behind.max()))))


def _names(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) <= 6:
        return ", ".join(unique)
    return f"{len(unique)}, from {unique[0]} to {unique[-1]}"


def score_section(scores: ScoreTable, figures: Sequence[Illustration]) -> Section:
    """Show figures, then a table a metric; all but the first of each folded away."""
    contents: list[Content] = [*figures[:1]]
    if figures[1:]:
        contents.append(Folded("More figures", figures[1:]))
    for dataset in scores.values_of("dataset"):
        for target in scores.select(dataset=dataset).values_of("target"):
            rows = scores.select(dataset=dataset, target=target)
            where = f" on {dataset}" if dataset else ""
            contents.append(html.heading(target_words(target).capitalize() + where))
            for metric in [m for m in METRICS if m in rows.values_of("metric")]:
                table = tables.score_table(rows.select(metric=metric))
                contents.append(Folded(METRIC_LABELS[metric], [table], metric == METRICS[0]))
    return Section("Scores", contents)


def learning_curve_section(curve: LearningCurve, tau_alpha: float | None = None) -> Section:
    """Show what more data would bring, at the time nearest to tau_alpha."""
    together = ScoreTable(tuple(row for table in curve.values() for row in table))
    times, by = together.times(), together.by
    figures = [learning_curve_figure(curve, nearest_time(times, tau_alpha, by))] if times else []
    return Section("What more data would bring", figures)


def sweep_section(scores: SweptScores, setting: str) -> Section:
    """Show what one setting decides, a figure a time; all but the first folded away."""
    times = ScoreTable(tuple(row for table in scores.values() for row in table)).times()
    figures = [
        replace(figure, name=f"{figure.name}_{number}")
        for number, figure in enumerate((sweep_figure(scores, setting, t) for t in times), 1)
    ]
    contents: list[Content] = [*figures[:1]]
    if figures[1:]:
        contents.append(Folded("At later times", figures[1:]))
    return Section("What one setting decides", contents)


def particle_section(forecasts: Sequence[ModelForecast], tau_alpha: float | None = None) -> Section:
    """Show what one model says of some snapshots, particle by particle."""
    shown = [forecast for forecast in forecasts if forecast.predicts_particles]
    return Section("Particle by particle", particle_figures(shown, tau_alpha))


def bond_section(forecasts: Sequence[ModelForecast], tau_alpha: float | None = None) -> Section:
    """Show what one model says of pairs of neighbours, if anything, beside what was measured."""
    figures: list[Content] = []
    forecasts = [forecast for forecast in forecasts if forecast.bond_change is not None]
    for forecast in forecasts:
        known = [forecast.times[row] for row, _ in _bond_rows(forecast)]
        if known:
            figures.append(bond_map_figure(forecast, nearest_time(known, tau_alpha)))
    joint = joint_distribution([forecast.configuration for forecast in forecasts])
    if joint is not None:
        figures.append(joint_figure(joint))
    return Section("Pair by pair", figures)


def _bond_rows(forecast: ModelForecast) -> list[tuple[int, int]]:
    """Rows of forecast and configuration at which pairs were measured."""
    if forecast.configuration.bond_change is None:
        return []
    return forecast.shared_rows(forecast.configuration, BOND_TARGET)


def history_section(histories: Mapping[str, Sequence[Epoch]]) -> Section:
    """Show how the trainings went, by the label of the model; all but the first folded away."""
    figures = []
    for number, (label, history) in enumerate(histories.items(), 1):
        figure = history_figure(history, label)
        figures.append(replace(figure, name=f"{figure.name}_{number}"))
    contents: list[Content] = [*figures[:1]]
    if figures[1:]:
        contents.append(Folded("Of the other models", figures[1:]))
    return Section("How they learned", contents)


def view_section(forecasts: Sequence[ModelForecast]) -> Section:
    """Show the first snapshot to turn around: controls, the plot, and the data that fill it."""
    forecasts = [forecast for forecast in forecasts if forecast.predicts_particles]
    if not forecasts:
        return Section("Turn it around", [])
    from plotly.offline import get_plotlyjs  # slow to import, and megabytes of text

    scripts = [get_plotlyjs(), html.asset("view.js")]
    return Section("Turn it around", [_view(forecasts[0])], scripts)


def _view(forecast: ModelForecast) -> Markup:
    return html.render(
        "view.html",
        {
            "about": f"{forecast.model}, {forecast.configuration.name}.",
            "target": target_words(forecast.target),
            "quantity": forecast.stages.quantity,
            "times": [format_time(t) for t in forecast.times],
            "kinds": view_kinds(forecast),
            "species": [
                forecast.configuration.species_names[kind]
                for kind in forecast.configuration.species
            ],
            "data": htmlsafe_json_dumps(
                view_data(forecast), separators=(",", ":"), allow_nan=False
            ),
        },
    )


def smoothness_section(smoothness: SmoothnessEvaluation, model: str) -> Section:
    """Show how smooth the forecasts of all models are beside the truth, with figures of one."""
    scores = smoothness.scores()
    if not scores:
        return Section("Smoothness", [])
    note = html.paragraph(
        "A particles on the graph of cutoff 2. Large: correlation of predicted and true local "
        "smoothness, mean over configurations. Small: Rayleigh quotient, predicted (true)."
    )
    table = tables.smoothness_table(scores, smoothness.by)
    return Section("Smoothness", [note, table, *smoothness_figures(smoothness, model)])


def susceptibility_section(scores: Sequence[SusceptibilityScore], by: By = "time") -> Section:
    """Show how much whole configurations differ, as forecast and as measured.

    Parameters
    ----------
    by : what the times of the scores are values of.
    """
    return Section("Collective motion", susceptibility_figures(scores, by))


def limit_section(
    scores: ScoreTable | None = None,
    forecasts: Sequence[ModelForecast] = (),
    notes: Sequence[str] = (),
) -> Section:
    """Say what these numbers cannot tell, as far as it can be seen from them.

    Parameters
    ----------
    notes : limits of this very run, added to the general ones.
    """
    limits = [
        "A forecast is the mean over trajectories that start from the same positions, not the "
        "path of one trajectory.",
        "A model is worth what is shown here only near the state point it was trained at.",
    ]
    if scores:
        limits += _score_limits(scores)
    elif forecasts and not any(map(is_measured, forecasts)):
        limits.append("Nothing was measured here: this report cannot say how good the forecast is.")
    return Section("Limits", [html.bullets([*limits, *notes])])


def _score_limits(scores: ScoreTable) -> list[str]:
    limits = []
    fewest = min(row.n_configurations for row in scores)
    if fewest == 1:
        limits.append("Scores rest on a single configuration: there is no error bar.")
    elif fewest < 10:
        limits.append(
            f"Scores rest on {fewest} configurations; bootstrap intervals from so few are too "
            "narrow."
        )
    if any(math.isnan(row.ceiling) for row in scores):
        limits.append(
            "Some scores have no noise ceiling, because the two halves of the ensemble are not "
            "known for them; how much of the rest could be explained is open."
        )
    if any(not math.isnan(row.ceiling) for row in scores):
        limits.append(
            "The noise ceiling is an estimate that takes trajectories as independent; a score "
            "may exceed it by chance."
        )
    return limits


def provenance_section(settings: Mapping[str, Any], command: str = "") -> Section:
    """Say with what this was made.

    Parameters
    ----------
    settings : what the run was asked for, seeds included; JSON values.
    command : that makes the page again.
    """
    made = html.facts(
        {
            **({"command": command} if command else {}),
            "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "system": f"{sys.platform} {platform.machine()}",
            **versions(),
        }
    )
    text = json.dumps(settings, indent=2, default=str, ensure_ascii=False)
    asked = [html.heading("Settings"), Markup("<pre>{}</pre>").format(text)] if settings else []
    return Section("Provenance", [made, *asked])
