"""Figures of scores: against time, and against the number of descriptors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glasscast.evaluation.score_table import Score, ScoreTable
from glasscast.report.style import (
    GREY,
    TIME_LABEL,
    escape_mathtext,
    finish_log_axis,
    format_time,
    legend_below,
    new_figure,
    row_height,
    series_style,
    styled,
    target_label,
)

METRIC_LABELS = {
    "pearson_mean": "Pearson r, mean over configurations",
    "pearson_pooled": "Pearson r, all particles pooled",
    "rmse": "RMSE",
}


@styled
def score_figure(
    scores: ScoreTable, metric: str = "pearson_mean", *, tau_alpha: float | None = None
) -> Figure:
    """Score against time, a panel a species, a line a model, the noise ceiling above.

    With a single time, models are listed below each other instead of a line of one point.

    Parameters
    ----------
    scores : of one dataset and target.
    metric : ``pearson_mean``, ``pearson_pooled`` or ``rmse``.
    tau_alpha : alpha relaxation time, marked where known.
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
            axes.set_title(f"{letter} particles, t = {format_time(rows.rows[0].time)}")
        else:
            _draw_times(axes, rows, models, tau_alpha)
            axes.set_xlabel(TIME_LABEL)
            axes.set_title(f"{letter} particles")
    if not single and len(panels):
        panels[0].set_ylabel(metric_label(scores, metric))
        _limit(panels[0], scores, metric)
    legend_below(figure, panels[0])
    return figure


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
            label="noise floor" if is_floor else "noise ceiling",
            zorder=1,
        )
        axes.fill_between(known, best, 0.0 if is_floor else 1.0, color=GREY, alpha=0.13, lw=0)
    if tau_alpha is not None:
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
    finish_log_axis(axes, min([*times, tau_alpha or math.inf]), max([*times, tau_alpha or 0.0]))


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
    values = [v for row in scores for v in (row.value, row.low) if math.isfinite(v)]
    return min([0.0, *(v - 0.05 for v in values)]), 1.0


def error_bars(rows: Sequence[Score]) -> list[list[float]]:
    """Distances down and up to the interval's ends; a percentile interval may miss the value."""
    down = [max(0.0, row.value - row.low) if math.isfinite(row.low) else 0.0 for row in rows]
    up = [max(0.0, row.high - row.value) if math.isfinite(row.high) else 0.0 for row in rows]
    return [down, up]


@dataclass(frozen=True)
class SelectionCurve:
    """Score of the best few descriptors, chosen one after the other.

    Parameters
    ----------
    counts : numbers of descriptors, increasing from 1.
    scores : (len(counts),) the score with that many.
    label : what was selected for, e.g. "A, t = 4120".
    names : of the descriptors in the order they were chosen; the first few are named.
    low, high : interval of the scores, where known.
    full : score with all descriptors, where known.
    ceiling : noise ceiling, where known.
    """

    counts: Sequence[int]
    scores: Sequence[float]
    label: str = ""
    names: Sequence[str] = ()
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    full: float | None = None
    ceiling: float | None = None


@styled
def selection_figure(curves: Sequence[SelectionCurve], *, named: int = 3) -> Figure:
    """Score against the number of descriptors, log axis, the first choices named.

    References
    ----------
    Figure 2 of Boattini et al., Phys. Rev. Lett. 127, 088007 (2021).
    """
    figure = new_figure(5.2, 3.6)
    axes = figure.subplots()
    axes.set_xscale("log")
    for k, curve in enumerate(curves):
        style = series_style(k)
        color = style["color"]
        axes.plot(
            curve.counts,
            curve.scores,
            markersize=3.5,
            label=escape_mathtext(curve.label) or None,
            **style,
        )
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.counts, curve.low, curve.high, color=color, alpha=0.18, lw=0)
        if curve.full is not None:
            axes.axhline(curve.full, color=color, lw=0.9, ls="-.", label="all descriptors")
        if curve.ceiling is not None:
            axes.axhline(curve.ceiling, color=GREY, lw=1.2, ls="--", label="noise ceiling")
    if len(curves) == 1 and curves[0].names:
        chosen = curves[0].names[:named]
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
    scores = np.concatenate([np.asarray(curve.scores, dtype=float) for curve in curves])
    axes.set_ylim(min(0.0, float(np.nanmin(scores)) - 0.05), 1.0)
    axes.set_xlabel("number of descriptors")
    axes.set_ylabel("Pearson r")
    legend_below(figure, axes)
    return figure
