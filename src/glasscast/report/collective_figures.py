"""Figures of collective motion: smoothness of the field of mobility, and susceptibility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from glasscast.datasets.stages import By, in_time, row_text, rows_text
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation, SmoothnessSeries
from glasscast.evaluation.susceptibility import SusceptibilityScore
from glasscast.liquid.box import FloatArray
from glasscast.report.illustration import Illustration, listed
from glasscast.report.measured import MOST_TIMES, robust_limits
from glasscast.report.score_figures import panels_of
from glasscast.report.style import (
    GREY,
    PALETTE,
    ROW_LABELS,
    escape_mathtext,
    finish_row_axis,
    format_time,
    legend_below,
    new_figure,
    row_height,
    series_style,
    styled,
)

_DECADES = 1e-4  # of susceptibility shown below the peak; further down a few particles decide


def smoothness_figures(smoothness: SmoothnessEvaluation, model: str) -> list[Illustration]:
    """Global and local smoothness of one model's forecasts beside the truth, if known."""
    series = {time: found for (name, time), found in smoothness.series.items() if name == model}
    if not series:
        return []
    by = smoothness.by
    return [rayleigh_figure(series, model, by), local_smoothness_figure(series, model, by)]


@styled
def rayleigh_figure(
    series: Mapping[float, SmoothnessSeries], model: str, by: By = "time"
) -> Illustration:
    """Violins of the Rayleigh quotient over configurations, true and predicted at each time.

    Parameters
    ----------
    series : time, or value of a stage, -> what was found.
    model : that made the forecasts.
    by : what these are values of.

    References
    ----------
    Figures 2(a) and 8 of Jiang et al., J. Chem. Phys. 159 (14) (2023).
    """
    times = in_time(by, series)
    figure = new_figure(max(4.6, 0.8 * len(times) + 1.6), 3.2)
    axes = figure.subplots()
    true = [np.array(series[t].rayleigh_true) for t in times]
    predicted = [np.array(series[t].rayleigh_predicted) for t in times]
    _violins(axes, true, -0.2, GREY)
    _violins(axes, predicted, 0.2, PALETTE[0])
    axes.set_xticks(range(len(times)), [format_time(t) for t in times])
    axes.set_xlim(-0.6, len(times) - 0.4)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(ROW_LABELS[by])
    axes.set_ylabel("Rayleigh quotient")
    handles = [
        Patch(color=color, alpha=0.5, label=name)
        for color, name in ((GREY, "true"), (PALETTE[0], "predicted"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    means = [float(np.mean(values)) for values in (*true, *predicted)]
    return Illustration(
        name="rayleigh",
        title=f"Rayleigh quotient: {model}",
        caption="Each violin is over configurations. High: neighbours move differently, as in "
        "their cages; low: mobile and immobile regions. A forecast is a conditional mean, so it "
        "may be smoother than the truth.",
        alternative=f"Violins of the Rayleigh quotient, true and predicted side by side, at "
        f"{rows_text(by, times)}. Means lie between {min(means):.3f} and "
        f"{max(means):.3f}.",
        figure=figure,
    )


def _violins(axes: Axes, columns: list[FloatArray], shift: float, color: str) -> None:
    """One violin a time where values vary, and a dot at each mean."""
    for place, values in enumerate(columns):
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        if np.ptp(values) > 1e-12 * abs(values.mean()):
            drawn = axes.violinplot(
                values, [place + shift], widths=0.36, showextrema=False, showmeans=False
            )
            for body in drawn["bodies"]:  # type: ignore[attr-defined]
                body.set_facecolor(color)
                body.set_alpha(0.5)
        axes.plot([place + shift], [values.mean()], marker="o", markersize=3.5, color=color)


@styled
def local_smoothness_figure(
    series: Mapping[float, SmoothnessSeries], model: str, by: By = "time"
) -> Illustration:
    """Distribution of local smoothness, true and predicted, a panel a time.

    Parameters
    ----------
    series, model, by : as of :func:`rayleigh_figure`.

    References
    ----------
    Figures 2(b) and 10 of Jiang et al., J. Chem. Phys. 159 (14) (2023).
    """
    known = in_time(by, series)
    places = np.linspace(0, len(known) - 1, min(len(known), MOST_TIMES)).round().astype(int)
    times = [known[k] for k in sorted(set(places.tolist()))]
    figure = new_figure(max(4.6, 2.5 * len(times) + 0.8), 3.0)
    panels = figure.subplots(1, len(times), squeeze=False)[0]
    for axes, time in zip(panels, times, strict=True):
        found = series[time]
        true = np.concatenate(found.local_true)
        predicted = np.concatenate(found.local_predicted)
        bins = np.linspace(*robust_limits(true, 0.1), 50)
        for values, style, color, name in (
            (true, "stepfilled", GREY, "true"),
            (predicted, "step", PALETTE[0], "predicted"),
        ):
            axes.hist(
                values[np.isfinite(values)],
                bins,
                density=True,
                histtype=style,
                color=color,
                alpha=0.5 if style == "stepfilled" else 1.0,
                label=name,
            )
        axes.set_title(f"{row_text(by, time)}, r = {np.mean(found.local_pearson):.3f}")
        axes.set_xlabel("local smoothness λ")
    panels[0].set_ylabel("probability density")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return Illustration(
        name="local_smoothness",
        title=f"Local smoothness: {model}",
        caption="How far each A particle deviates from its neighbours, relative to them; r is the "
        "correlation of predicted and true values.",
        alternative="Probability density of the local smoothness of A particles, filled for the "
        "truth, a line for the forecast; a panel each for "
        f"{rows_text(by, times)}.",
        figure=figure,
    )


def susceptibility_figures(
    scores: Sequence[SusceptibilityScore], by: By = "time"
) -> list[Illustration]:
    """Susceptibility against time, where there are times to draw it against."""
    known = [r for r in scores if r.time > 0 and (r.true >= 0 or r.predicted >= 0)]
    positive = any(value > 0 for r in known for value in (r.true, r.predicted))
    several = len({row.time for row in known}) > 1
    return [susceptibility_figure(known, by)] if several and positive else []


@styled
def susceptibility_figure(scores: Sequence[SusceptibilityScore], by: By = "time") -> Illustration:
    """Susceptibility against time, a panel a species, a line a model, the truth dashed.

    Both axes are logarithmic: what is zero, or less than the axis shows, is a triangle at its end.

    Parameters
    ----------
    scores : of any number of models on the same configurations; positive times, and a positive
        value among them.

    References
    ----------
    The figure of GlassBench: Jung et al., Nat. Rev. Phys. (2025), arXiv:2311.14752.
    """
    species = sorted({row.species for row in scores})
    models = list(dict.fromkeys(row.model for row in scores))
    figure = new_figure(max(4.8, 3.6 * len(species) + 0.6), row_height(len(models) + 1))
    panels = figure.subplots(1, len(species), sharey=True, sharex=True, squeeze=False)[0]
    peak = max(value for row in scores for value in (row.true, row.predicted) if value > 0)
    least = _DECADES * peak
    for axes, letter in zip(panels, species, strict=True):
        here = [row for row in scores if row.species == letter]
        true = {row.time: row.true for row in here}
        times = sorted(true)
        style = {"color": GREY, "ls": "--", "label": "measured"}
        _line_from(axes, times, [true[t] for t in times], least, style)
        for k, model in enumerate(models):
            mine = sorted((row for row in here if row.model == model), key=lambda row: row.time)
            style = {**series_style(k), "label": escape_mathtext(model)}
            values = [row.predicted for row in mine]
            _line_from(axes, [row.time for row in mine], values, least, style)
        axes.set_title(f"{letter} particles")
    known = [row.time for row in scores]
    for axes in panels:
        finish_row_axis(axes, by, min(known), max(known))
    panels[0].set_yscale("log")
    panels[0].set_ylim(least, 2 * peak)
    panels[0].set_ylabel("susceptibility $\\chi_4$")
    legend_below(figure, panels[0])
    return Illustration(
        name="susceptibility",
        title="Do whole configurations differ as they should?",
        caption="Variance between configurations of the number of particles whose propensity "
        f"exceeds {scores[0].threshold:g} σ, per particle. Look at the peak: a model below the "
        "dashed line makes configurations more alike than they are. A variance between "
        f"{scores[0].n_configurations} configurations is uncertain; intervals are in the table. "
        "A triangle at the lower edge is a zero, or less than the axis shows.",
        alternative="Susceptibility against time, both on log axes, dashed for the measurement, a "
        f"line each for {listed(models)}; {panels_of(species)}.",
        figure=figure,
    )


def _line_from(
    axes: Axes, times: Sequence[float], values: Sequence[float], least: float, style: dict[str, Any]
) -> None:
    """Draw values on a logarithmic axis that begins at the least; triangles there for smaller."""
    shown = np.maximum(values, least)  # NaN stays NaN
    axes.plot(times, shown, **style)
    small = np.asarray(values) < least
    if small.any():
        color = axes.lines[-1].get_color()
        axes.plot(np.asarray(times)[small], shown[small], "v", color=color, fillstyle="none")
