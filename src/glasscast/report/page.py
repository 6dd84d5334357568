"""One HTML page that says what was done and how good it is; it needs no network.

All images, scripts and styles are inside the page. Its content security policy lets nothing be
fetched and no script run but those whose hash it lists, so that a name in somebody's data cannot
become code even if an escape were missed.
"""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from glasscast.datasets.files import write_atomically
from glasscast.evaluation.comparison import Comparison
from glasscast.evaluation.score_table import METRICS, ScoreTable
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation
from glasscast.evaluation.susceptibility import SusceptibilityScore
from glasscast.liquid.interactions import species_name
from glasscast.report import html
from glasscast.report.comparison_table import comparison_table
from glasscast.report.figures import (
    draw_examples,
    draw_learning_curve,
    draw_scores,
    draw_selection,
    draw_smoothness,
    draw_susceptibility,
    draw_transfer,
    nearest_time,
)
from glasscast.report.interactive import SCRIPT, view_choices, view_data
from glasscast.report.measured import Example, measured_values
from glasscast.report.score_figures import METRIC_LABELS, SelectionCurve
from glasscast.report.style import format_time
from glasscast.report.transfer_figure import TransferAxes
from glasscast.runtime import versions


def write_report(
    folder: Path,
    *,
    title: str,
    scores: ScoreTable | None = None,
    examples: Sequence[Example] = (),
    settings: Mapping[str, Any] | None = None,
    summary: str = "",
    data: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    tau_alpha: float | None = None,
    selection: Sequence[SelectionCurve] = (),
    transfer: TransferAxes | None = None,
    smoothness: SmoothnessEvaluation | None = None,
    learning_curve: Mapping[int, ScoreTable] | None = None,
    comparison: Comparison | None = None,
    susceptibility: Sequence[SusceptibilityScore] = (),
    command: str = "",
) -> Path:
    """Write ``report.html``, ``figures/*.png`` and ``*.pdf``, and the scores as files.

    Parameters
    ----------
    folder : created if need be; older files of the same names are replaced, each atomically.
    title : of the page.
    scores : of any number of models; none for a report of forecasts alone.
    examples : forecasts with the configurations they are compared to, which may be unlabelled.
        Figures show the model of the first; its first configuration is the one to turn around.
    settings : what the run was asked for, seeds included; JSON values.
    summary : what was done, in a sentence or two.
    data : what was used, name -> value; added to what the examples tell.
    notes : limits of this very run, added to the general ones.
    tau_alpha : alpha relaxation time in LJ units.
    selection : greedy selection curves.
    transfer : what was trained and tested where; its figures stand in for those against time.
    learning_curve : number of training configurations -> scores of all models.
    smoothness : of truth and forecasts; figures show the model of the first example.
    comparison : models side by side, with costs; the page's first table.
    susceptibility : of the same models.
    command : that makes the page again.

    Returns
    -------
    Path of the page.

    Raises
    ------
    InputError : if a file cannot be written.
    """
    scores = ScoreTable() if scores is None else scores
    figures = folder / "figures"
    drawn = (
        draw_scores(figures, scores, tau_alpha)
        if transfer is None
        else draw_transfer(figures, scores, transfer)
    )
    score_part = _scores(scores, [html.figure(f) for f in drawn])
    pictures = [html.figure(f) for f in draw_examples(figures, examples, tau_alpha)]
    learned = [
        html.figure(f) for f in draw_learning_curve(figures, learning_curve or {}, tau_alpha)
    ]
    chosen = [html.figure(f) for f in draw_selection(figures, selection)]
    smooth = SmoothnessEvaluation() if smoothness is None else smoothness
    shown = examples[0][0].model if examples else ""
    fields = [html.figure(f) for f in draw_smoothness(figures, smooth, shown)]
    compared = comparison_table(
        comparison or Comparison(()),
        tau_alpha,
        susceptibility[0].threshold if susceptibility else None,
    )
    collective = [html.figure(f) for f in draw_susceptibility(figures, susceptibility)]
    parts = [
        html.section("What was done", _done(summary, scores, examples)),
        html.section("Models side by side", compared),
        html.section("Data", html.facts(_state(examples) | dict(data or {}))),
        html.section("Scores", score_part),
        html.section("What more data would bring", *learned),
        html.section("Particle by particle", *pictures),
        html.section("Turn it around", _view(examples)),
        html.section("Smoothness", html.smoothness_table(smooth.scores()), *fields),
        html.section("Collective motion", *collective),
        html.section("What the forecast rests on", *chosen),
        html.section("Limits", html.bullets([*_limits(scores, examples), *notes])),
        html.section("Provenance", _provenance(settings or {}, command)),
    ]
    path = folder / "report.html"
    write_atomically(path, _page(title, _headline(scores, tau_alpha), parts, examples).encode())
    if len(scores):
        for suffix in (".csv", ".json", ".md", ".tex"):
            scores.write(folder / f"scores{suffix}")
    return path


def _page(title: str, headline: str, parts: Sequence[str], examples: Sequence[Example]) -> str:
    """Put the page together; plotly is included once, and only where there is a view."""
    scripts = []
    if examples:
        from plotly.offline import get_plotlyjs

        scripts = [get_plotlyjs(), SCRIPT]
    return html.page(title, headline, parts, scripts)


def _headline(scores: ScoreTable, tau_alpha: float | None) -> str:
    """Best correlation within configurations, of the first species, near tau_alpha."""
    rows = scores.select(metric="pearson_mean")
    if not len(rows):
        return ""
    first = rows.rows[0]
    rows = rows.select(species=first.species, dataset=first.dataset, target=first.target)
    time = nearest_time(sorted(rows.values_of("time")), tau_alpha)
    known = [row for row in rows.select(time=time) if math.isfinite(row.value)]
    if not known:
        return ""
    best = max(known, key=lambda row: row.value)
    text = (
        f"At t = {format_time(time)}, {best.model} predicts the {_words(best.target)} of "
        f"{best.species} particles with a correlation of {best.value:.2f}"
    )
    if math.isfinite(best.low):
        text += f" ({best.low:.2f} to {best.high:.2f})"
    if math.isfinite(best.share):
        text += f", {best.share:.0%} of the {best.ceiling:.2f} that noise leaves possible"
    return text + "."


def _done(summary: str, scores: ScoreTable, examples: Sequence[Example]) -> str:
    text = html.paragraph(summary) if summary else ""
    if examples:
        forecast = examples[0][0]
        times = ", ".join(format_time(t) for t in forecast.times)
        text += html.paragraph(
            f"From one snapshot, the {_words(forecast.target)} of every particle was forecast for "
            f"t = {times} (LJ units)."
        )
    if len(scores):
        most = max(row.n_configurations for row in scores)
        text += html.paragraph(
            f"Forecasts of {', '.join(scores.values_of('model'))} were compared with "
            f"the mean over isoconfigurational trajectories of {most} "
            f"configuration{'s' if most > 1 else ''}."
        )
    return text


def _state(examples: Sequence[Example]) -> dict[str, Any]:
    """State point of the first example, as far as its metadata tell."""
    if not examples:
        return {}
    configuration = examples[0][1]
    counts = [
        f"{int((configuration.types == kind).sum())} {species_name(kind)}"
        for kind in configuration.species
    ]
    meta = configuration.metadata
    power = "⁻²" if configuration.dimension == 2 else "⁻³"
    rows: dict[str, Any] = {
        "liquid": meta.get("liquid"),
        "temperature (ε/k)": meta.get("temperature"),
        f"number density (σ{power})": configuration.density,
        f"pressure (ε σ{power})": meta.get("pressure"),
        "particles": f"{configuration.size} ({', '.join(counts)})",
        "box (σ)": " × ".join(f"{side:.5g}" for side in configuration.box),
        "trajectories a configuration": meta.get("trajectories"),
        "configurations shown": _names([c.name for _, c in examples]),
        "source": meta.get("source"),
    }
    return {name: value for name, value in rows.items() if value is not None}


def _names(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) <= 6:
        return ", ".join(unique)
    return f"{len(unique)}, from {unique[0]} to {unique[-1]}"


def _scores(scores: ScoreTable, pictures: Sequence[str]) -> str:
    """Show figures, then a table a metric; all but the first metric folded away."""
    parts = list(pictures[:1])
    if pictures[1:]:
        parts.append(f"<details><summary>More figures</summary>{''.join(pictures[1:])}</details>")
    for dataset in scores.values_of("dataset"):
        for target in scores.select(dataset=dataset).values_of("target"):
            rows = scores.select(dataset=dataset, target=target)
            where = f" on {dataset}" if dataset else ""
            parts.append(f"<h3>{escape(_words(target).capitalize() + where)}</h3>")
            for metric in [m for m in METRICS if m in rows.values_of("metric")]:
                table = html.score_table(rows.select(metric=metric))
                name = escape(METRIC_LABELS[metric])
                opened = " open" if metric == METRICS[0] else ""
                parts.append(f"<details{opened}><summary>{name}</summary>{table}</details>")
    return "".join(parts)


def _view(examples: Sequence[Example]) -> str:
    """Show controls, the empty plot, and the data that the script fills it with."""
    if not examples:
        return ""
    forecast, truth = examples[0]
    times, kinds = view_choices(forecast, truth)
    last = len(times) - 1
    options = "".join(
        f'<option value="{row}"{" selected" if row == last else ""}>{escape(time)}</option>'
        for row, time in enumerate(times)
    )
    names = ["all", *(species_name(kind) for kind in forecast.configuration.species)]
    species = "".join(f"<option>{name}</option>" for name in names)
    kind_options = "".join(f"<option>{kind}</option>" for kind in kinds)
    return (
        html.paragraph(
            f"{forecast.model}, {truth.name}. Colour is the rank of the {_words(forecast.target)} "
            "within the species (grey: no value); hover for values. Lower the slider to see "
            "only the fastest."
        )
        + f'<div class="controls"><label>t = <select id="view-time">{options}</select></label>'
        f'<label>show <select id="view-kind">{kind_options}</select></label>'
        f'<label>species <select id="view-species">{species}</select></label>'
        '<label>fastest <input id="view-share" type="range" min="1" max="100" value="100"> '
        '<span id="view-share-label">100 %</span></label></div>'
        '<div id="view"></div><noscript>The interactive view needs JavaScript.</noscript>'
        f'<script type="application/json" id="view-data">{view_data(forecast, truth)}</script>'
    )


def _limits(scores: ScoreTable, examples: Sequence[Example]) -> list[str]:
    """Say what these numbers cannot tell, as far as it can be seen from them."""
    limits = [
        "A forecast is the mean over trajectories that start from the same positions, not the "
        "path of one trajectory.",
        "A model is worth what is shown here only near the state point it was trained at.",
    ]
    if len(scores):
        fewest = min(row.n_configurations for row in scores)
        if fewest == 1:
            limits.append("Scores rest on a single configuration: there is no error bar.")
        elif fewest < 10:
            limits.append(
                f"Scores rest on {fewest} configurations; bootstrap intervals from so few are "
                "too narrow."
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
    unlabelled = examples and all(
        measured_values(f, c, t) is None for f, c in examples for t in f.times
    )
    if unlabelled and not len(scores):
        limits.append("Nothing was measured here: this report cannot say how good the forecast is.")
    return limits


def _provenance(settings: Mapping[str, Any], command: str) -> str:
    table = html.facts(
        {
            **({"command": command} if command else {}),
            "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "system": f"{sys.platform} {platform.machine()}",
            **versions(),
        }
    )
    if not settings:
        return table
    text = json.dumps(settings, indent=2, default=str, ensure_ascii=False)
    return f"{table}<h3>Settings</h3><pre>{escape(text)}</pre>"


def _words(target: str) -> str:
    return target.replace("_", " ")
