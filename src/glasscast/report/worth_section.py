"""What a forecast is worth: alarm, uncertainty, state point and scores of its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from glasscast.datasets.state_points import StatePoint
from glasscast.evaluation.coverage import Coverage
from glasscast.evaluation.score_table import ScoreTable
from glasscast.liquid.box import FloatArray
from glasscast.models.forecast import ModelForecast
from glasscast.report import html, tables
from glasscast.report.measured import nearest_time, predicted_species
from glasscast.report.page import Content, Folded, Section
from glasscast.report.style import format_time, target_words

_SHOWN = 20  # snapshots whose alarms are listed
#: Alarms of snapshots by name: a line for each quantity.
Alarms = Mapping[str, Sequence[str]]


def worth_section(
    forecasts: Sequence[ModelForecast],
    *,
    alarms: Alarms | None,
    points: Sequence[StatePoint],
    scores: ScoreTable,
) -> Section:
    """Say how far forecasts can be trusted.

    Parameters
    ----------
    forecasts : whose uncertainties are shown; at least one.
    alarms : of all snapshots that are unlike the training; None where it is not known what the
        model was trained on.
    points : that the model was trained on.
    scores : of the model on test data, ``pearson_mean`` alone; empty where none are known.
    """
    where = "; ".join(map(str, points)) or "not recorded"
    contents: list[Content] = [
        _alarm(alarms),
        html.facts({"model trained at": where}),
        html.heading("How sure it is"),
        *_uncertainty(forecasts),
        html.heading("How well it did on test data"),
        *_scores(scores),
    ]
    return Section("What it is worth", contents)


def coverage_section(rows: Sequence[Coverage], tau_alpha: float | None = None) -> Section:
    """Say how true uncertainties are that are learned from some forecasts, on the others.

    Parameters
    ----------
    rows : of models, species and times; the time nearest to tau_alpha is shown.
    """
    if not rows:
        return Section("How sure forecasts can be", [])
    text = (
        "A standard deviation of each forecast, learned from the other test configurations. Share "
        "of errors within 1 and 1.96 of them, over all particles, and the lowest to the highest of "
        "fifths by stated width (68 and 95 % would be right); rank correlation of width and error, "
        "below it what it would be of normal errors with just these widths; share of the squared "
        "error that is noise of the labels."
    )
    contents: list[Content] = [html.paragraph(text)]
    times = sorted({row.time for row in rows})
    first = nearest_time(times, tau_alpha)
    for time in [first, *(t for t in times if t != first)]:
        here = [row for row in rows if row.time == time]
        lines = [(f"{row.model}, {row.species}", _covered(row)) for row in here]
        heads = ("model, species", "within 1", "within 1.96", "rank correlation", "noise")
        table = tables.plain_table(heads, lines)
        title = f"t = {format_time(time)}"
        contents.append(Folded(title, [table], opened=time == first))
    return Section("How sure forecasts can be", contents)


def _covered(row: Coverage) -> list[tuple[str, str]]:
    cells = []
    for shares in (row.within_68, row.within_95):
        low, high = np.nanmin(shares), np.nanmax(shares)
        cells.append((f"{np.nanmean(shares):.0%}", f"{low:.0%} – {high:.0%}"))
    noise = "–" if np.isnan(row.noise_share) else f"{row.noise_share:.0%}"
    return [*cells, (f"{row.rank_correlation:.2f}", f"{row.rank_expected:.2f}"), (noise, "")]


def _alarm(alarms: Alarms | None) -> Markup:
    if alarms is None:
        return html.paragraph(
            "Whether the snapshots are like those of the training cannot be told beyond the state "
            "point: the model does not record it."
        )
    if not alarms:
        return html.paragraph(
            "No alarm: energy, pressure, stress, bond order and surroundings are as in the "
            "training, wherever they are known."
        )
    lines = [f"{name}: {line}" for name, said in list(alarms.items())[:_SHOWN] for line in said]
    more = len(alarms) - _SHOWN
    if more > 0:
        lines.append(f"and {more} more snapshots")
    return Markup('<div class="alarm"><p><strong>{}</strong></p>{}</div>').format(
        "Unlike the training: these forecasts are extrapolations, and neither uncertainty nor "
        "scores below hold for them.",
        html.bullets(lines),
    )


def _uncertainty(forecasts: Sequence[ModelForecast]) -> list[Content]:
    known = [(f, f.uncertainty) for f in forecasts if f.uncertainty is not None]
    if not known:
        return [html.paragraph("The model does not know: nothing was held out to learn it from.")]
    text = (
        "Median over particles of the standard deviation of each forecast, then the range of nine "
        "in ten, of what would be measured about it. 68 % of measurements should lie within one."
    )
    first = known[0][0]
    lines = []
    for kind in predicted_species([f for f, _ in known]):
        of_kind = [u[:, f.configuration.types == kind] for f, u in known]
        found = np.concatenate(of_kind, axis=1)
        lines.append((first.configuration.species_names[kind], [_range(row) for row in found]))
    heads = [target_words(first.target), *(f"t = {format_time(t)}" for t in first.times)]
    return [html.paragraph(text), tables.plain_table(heads, lines)]


def _range(values: FloatArray) -> tuple[str, str]:
    """Median, and what lies between the twentieths at both ends."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "–", ""
    low, middle, high = np.quantile(finite, [0.05, 0.5, 0.95])
    return f"{middle:.2g}", f"{low:.2g} – {high:.2g}"


def _scores(scores: ScoreTable) -> list[Content]:
    """Show the scores of each test set; all but the first are folded away."""
    if not len(scores):
        return [html.paragraph("No score is recorded with this model: evaluate it on test data.")]
    text = html.paragraph(
        "Correlation of forecast and measurement over the particles of a configuration, mean over "
        "configurations, beside what noise leaves possible."
    )
    names = scores.values_of("dataset")
    shown = [tables.score_table(scores.select(dataset=name)) for name in names]
    folded = [Folded(f"On {n}", [t]) for n, t in zip(names[1:], shown[1:], strict=True)]
    return [text, html.paragraph(f"On {names[0]}:"), shown[0], *folded]
