"""Figures of scores: against time, and against the number of descriptors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from glasscast.datasets.stages import quantity_of, row_text
from glasscast.evaluation.comparison import PUBLISHED, Comparison
from glasscast.evaluation.score_table import METRICS, Score, ScoreTable
from glasscast.liquid.interactions import species_name
from glasscast.models.selection import SelectionScores
from glasscast.report.illustration import Illustration, listed
from glasscast.report.style import (
    GREY,
    escape_mathtext,
    finish_row_axis,
    group_words,
    legend_below,
    new_figure,
    published_style,
    row_height,
    series_style,
    styled,
    target_label,
    target_words,
)

METRIC_LABELS = {
    "pearson_mean": "Pearson r, mean over configurations",
    "pearson_pooled": "Pearson r, all particles pooled",
    "rmse": "RMSE",
}
METRIC_TITLES = {
    "pearson_mean": "Correlation within configurations",
    "pearson_pooled": "Correlation over all particles",
    "rmse": "Error",
}
METRIC_CAPTIONS = {
    "pearson_mean": (
        "Pearson correlation of forecast and measurement over the particles of one species, or the "
        "pairs of two, computed in each configuration and averaged."
    ),
    "pearson_pooled": (
        "Pearson correlation over the particles of all configurations together. It also rewards "
        "knowing which configurations are fast as a whole."
    ),
    "rmse": "Root mean squared error over the particles of all configurations.",
}
_PUBLISHED = 6  # curves of the literature in a figure, the best
_MARKED = (
    " Dotted and grey: published, from training and test sets of their own; what differs stands "
    "below the table of models."
)
_NAMED = 3  # descriptors named in the figure of a selection


def score_figures(
    scores: ScoreTable, tau_alpha: float | None = None, compared: Comparison | None = None
) -> list[Illustration]:
    """Scores of every dataset and target in every metric, a figure each.

    Parameters
    ----------
    compared : whose published rows are drawn as well, marked.
    """
    groups = [
        scores.select(dataset=dataset, target=target)
        for dataset in scores.values_of("dataset")
        for target in scores.select(dataset=dataset).values_of("target")
    ]
    figures = []
    for number, rows in enumerate(groups, 1):
        for metric in [m for m in METRICS if m in rows.values_of("metric")]:
            published = [] if compared is None else published_curves(compared, rows, metric)
            figure = score_figure(rows, metric, tau_alpha, published)
            tail = f"_{number}" if len(groups) > 1 else ""
            figures.append(replace(figure, name=figure.name + tail))
    return figures


#: Name of a published model, and its scores by time.
Curve = tuple[str, dict[float, float]]


def published_curves(compared: Comparison, scores: ScoreTable, metric: str) -> list[Curve]:
    """Collect published scores of A particles at two times or more, the best at the last first."""
    target = scores.rows[0].target
    found: dict[str, dict[float, float]] = {}
    for row in compared.rows:
        value = getattr(row, metric, math.nan)
        if row.origin.startswith(PUBLISHED) and row.target == target and math.isfinite(value):
            found.setdefault(row.model, {})[row.time] = value
    several = [(model, values) for model, values in found.items() if len(values) > 1]
    return sorted(several, key=lambda curve: -curve[1][max(curve[1])])[:_PUBLISHED]


@styled
def score_figure(
    scores: ScoreTable,
    metric: str = "pearson_mean",
    tau_alpha: float | None = None,
    published: Sequence[Curve] = (),
) -> Illustration:
    """Score against time, a panel a species, a line a model, the noise ceiling above.

    With a single time, models are listed below each other instead of a line of one point.

    Parameters
    ----------
    scores : of one dataset and target.
    metric : ``pearson_mean``, ``pearson_pooled`` or ``rmse``.
    tau_alpha : alpha relaxation time, marked where known.
    published : of A particles, dotted and grey: numbers from other training and test data.
    """
    scores = scores.select(metric=metric)
    species = scores.values_of("species")
    models = scores.values_of("model")
    single = len(scores.values_of("time")) == 1
    height = 1.5 + 0.36 * len(models) if single else row_height(len(models) + 1)
    figure = new_figure(max(4.8, 3.6 * len(species) + 0.6), height)
    panels = figure.subplots(1, max(1, len(species)), sharey=True, sharex=True, squeeze=False)[0]
    for axes, letter in zip(panels, species, strict=False):
        rows = scores.select(species=letter)
        if single:
            _draw_models(axes, rows, models)
            axes.set_xlabel(metric_label(scores, metric))
            axes.set_title(f"{group_words(letter)}, {row_text(rows.by, rows.rows[0].time)}")
        else:
            _draw_times(axes, rows, models, tau_alpha)
            if letter == "A":
                _draw_published(axes, published)
            axes.set_title(group_words(letter))
    if not single and len(panels):
        panels[0].set_ylabel(metric_label(scores, metric))
        _limit(panels[0], scores, metric)
    legend_below(figure, panels[0])
    first = scores.rows[0]
    where = f" on {first.dataset}" if first.dataset else ""
    against = "by model" if single else f"against {quantity_of(first.by)}"
    return Illustration(
        name=f"scores_{metric}",
        title=f"{METRIC_TITLES[metric]}: {target_words(first.target)}{where}",
        caption=_score_caption(scores, metric, tau_alpha) + (_MARKED if published else ""),
        alternative=f"{metric_label(scores, metric)}, {against}, of {listed(models)}; "
        f"{panels_of(species)}. {_span(scores)}",
        figure=figure,
    )


def _draw_published(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw curves of the literature in grey, told apart by their markers."""
    for k, (model, values) in enumerate(curves):
        times = sorted(values)
        axes.plot(
            times,
            [values[time] for time in times],
            **published_style(k),
            label=f"{escape_mathtext(model)} (published)",
        )


def panels_of(species: Sequence[str]) -> str:
    """Say that there is a panel a species."""
    if len(species) == 1:
        return f"one panel, {group_words(species[0])}"
    return f"a panel each for {listed([group_words(name) for name in species])}"


def _span(scores: ScoreTable) -> str:
    """Say between which values the scores lie."""
    values = [row.value for row in scores if math.isfinite(row.value)]
    if not values:
        return "No score is defined."
    return f"Values lie between {min(values):.2f} and {max(values):.2f}."


def _score_caption(scores: ScoreTable, metric: str, tau_alpha: float | None) -> str:
    text = METRIC_CAPTIONS[metric]
    if any(row.trainings > 1 for row in scores):
        text += " Of several trainings the median, bars from the worst to the best."
    elif any(math.isfinite(row.low) for row in scores):
        text += " Bars: bootstrap intervals over configurations."
    if any(math.isfinite(row.ceiling) for row in scores):
        text += (
            " Dashed line: the score of a predictor that knows the exact isoconfigurational mean, "
            "which the measurement's own noise keeps from being perfect; the grey area is out of "
            "reach. Look at the distance to that line, not to 1."
            if metric != "rmse"
            else " Dashed line: the error of a predictor that knows the exact mean; it cannot be "
            "beaten on average."
        )
    if tau_alpha is not None and scores.by == "time" and len(scores.times()) > 1:
        text += " Dotted: the alpha relaxation time."
    return text


def metric_label(scores: ScoreTable, metric: str) -> str:
    """Axis label of a metric; an error carries the unit of the target."""
    if metric != "rmse" or not len(scores):
        return METRIC_LABELS[metric]
    return f"RMSE of {target_label(scores.rows[0].target)}"


def _draw_times(
    axes: Axes, rows: ScoreTable, models: Sequence[str], tau_alpha: float | None
) -> None:
    """Draw one species: the ceiling, then each model with error bars."""
    times = sorted({row.time for row in rows if row.time > 0})
    ceiling = rows.ceilings()
    if ceiling:
        known = sorted(t for t in ceiling if t > 0)
        best = [ceiling[t] for t in known]
        is_floor = rows.rows[0].metric == "rmse"
        axes.plot(
            known,
            best,
            color=GREY,
            ls="--",
            lw=1.2,
            marker="_" if len(known) == 1 else "",  # a line of one point would not be seen
            ms=18,
            label="noise floor" if is_floor else "noise ceiling",
            zorder=1,
        )
        axes.fill_between(known, best, 0.0 if is_floor else 1.0, color=GREY, alpha=0.13, lw=0)
    if tau_alpha is not None and rows.by == "time":
        axes.axvline(tau_alpha, color=GREY, lw=0.8, ls=":", zorder=0)
        axes.annotate(
            r"$\tau_\alpha$",
            (tau_alpha, 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(3, 0),
            textcoords="offset points",
            color=GREY,
        )
    for k, model in enumerate(models):
        chosen = sorted(rows.select(model=model), key=lambda row: row.time)
        chosen = [row for row in chosen if row.time > 0]
        # Side by side by a few percent, at most 15, so that error bars can be told apart.
        middle = (len(models) - 1) / 2
        dodge = min(1.035, 1.15 ** (1 / max(1.0, middle))) ** (k - middle)
        axes.errorbar(
            [row.time * dodge for row in chosen],
            [row.value for row in chosen],
            yerr=error_bars(chosen),
            **series_style(k),
            elinewidth=1.0,
            label=escape_mathtext(model),
            zorder=3,
        )
    known = [*times, tau_alpha] if tau_alpha is not None and rows.by == "time" else times
    finish_row_axis(axes, rows.by, min(known), max(known))


def _draw_models(axes: Axes, rows: ScoreTable, models: Sequence[str]) -> None:
    """Draw one species at a single time: a line of the page for each model."""
    for k, model in enumerate(models):
        for row in rows.select(model=model):
            axes.errorbar(
                [row.value],
                [k],
                xerr=error_bars([row]),
                **series_style(k) | {"ls": "none", "markersize": 7},
            )
            unit = f"{row.value:.3f}" if math.isfinite(row.value) else "not defined"
            axes.annotate(
                unit,
                (row.value if math.isfinite(row.value) else 0.0, k),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=GREY,
            )
    for best in rows.ceilings().values():
        is_floor = rows.rows[0].metric == "rmse"
        label = "noise floor" if is_floor else "noise ceiling"
        axes.axvline(best, color=GREY, ls="--", lw=1.2, label=label)
        axes.axvspan(best, 0.0 if is_floor else 1.0, color=GREY, alpha=0.13, lw=0)
    axes.set_yticks(range(len(models)), [escape_mathtext(model) for model in models])
    axes.set_ylim(len(models) - 0.5, -0.65)
    if rows.rows[0].metric == "rmse":
        axes.set_xlim(left=0.0)
    else:
        axes.set_xlim(correlation_limits(rows))


def _limit(axes: Axes, scores: ScoreTable, metric: str) -> None:
    """Show correlations from 0 (or the lowest) to 1, errors from 0."""
    if metric == "rmse":
        axes.set_ylim(bottom=0.0)
    else:
        axes.set_ylim(correlation_limits(scores))


def correlation_limits(scores: ScoreTable) -> tuple[float, float]:
    """Axis limits from 0, or a little below the lowest value, to 1."""
    lowest = (v for row in scores for v in (row.value, row.low, row.worst))
    values = [v for v in lowest if math.isfinite(v)]
    return min([0.0, *(v - 0.05 for v in values)]), 1.0


def error_bars(rows: Sequence[Score]) -> list[list[float]]:
    """Distances down and up to the ends of the interval, or to the extremes of several trainings.

    A percentile interval may miss the value.
    """
    ends = [sorted((r.worst, r.best)) if r.trainings > 1 else (r.low, r.high) for r in rows]
    pairs = list(zip(rows, ends, strict=True))
    down = [_distance(row.value - low) for row, (low, _) in pairs]
    up = [_distance(high - row.value) for row, (_, high) in pairs]
    return [down, up]


def _distance(value: float) -> float:
    """Length of a bar, none where it is not known."""
    return max(0.0, value) if math.isfinite(value) else 0.0


@styled
def selection_figure(curves: Sequence[SelectionScores]) -> Illustration:
    """Score against the number of descriptors, log axis, the first choices named.

    References
    ----------
    Figure 2 of Boattini et al., Phys. Rev. Lett. 127, 088007 (2021).
    """
    figure = new_figure(5.2, 3.6)
    axes = figure.subplots()
    axes.set_xscale("log")
    for k, curve in enumerate(curves):
        label = f"{species_name(curve.species)}, t = {curve.time:g}"
        axes.plot(curve.counts, curve.test, markersize=3.5, label=label, **series_style(k))
    if len(curves) == 1 and curves[0].names:
        chosen = curves[0].names[:_NAMED]
        text = "\n".join(f"{i}. {escape_mathtext(name)}" for i, name in enumerate(chosen, 1))
        axes.text(
            0.97,
            0.05,
            "first chosen:\n" + text,
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=8,
            color=GREY,
        )
    scores = np.concatenate([curve.test for curve in curves])
    axes.set_ylim(min(0.0, float(np.nanmin(scores)) - 0.05), 1.0)
    axes.set_xlabel("number of descriptors")
    axes.set_ylabel("Pearson r")
    legend_below(figure, axes)
    most = max(int(curve.counts[-1]) for curve in curves)
    return Illustration(
        name="selection",
        title="Score against number of descriptors",
        caption="Descriptors were added one at a time, each time the one that raised the score "
        "most. Look for where the curve levels off: that many descriptors carry what the model "
        "knows.",
        alternative=f"Pearson r against the number of descriptors, 1 to {most} on a log axis, "
        f"{len(curves)} curves; the last values are "
        f"{listed([f'{curve.test[-1]:.2f}' for curve in curves])}.",
        figure=figure,
    )
