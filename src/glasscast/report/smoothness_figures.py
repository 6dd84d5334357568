"""Figures of smoothness: Rayleigh quotients over time, and local smoothness."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from glasscast.evaluation.correlation import FloatArray
from glasscast.evaluation.smoothness_scores import SmoothnessSeries
from glasscast.report.measured import MOST_TIMES, robust_limits
from glasscast.report.style import GREY, PALETTE, TIME_LABEL, format_time, new_figure, styled


@styled
def rayleigh_figure(series: Mapping[float, SmoothnessSeries]) -> Figure:
    """Violins of the Rayleigh quotient over configurations, true and predicted at each time.

    Parameters
    ----------
    series : time -> what was found.

    References
    ----------
    Figures 2(a) and 8 of Jiang et al., J. Chem. Phys. 159 (14) (2023).
    """
    times = sorted(series)
    figure = new_figure(max(4.6, 0.8 * len(times) + 1.6), 3.2)
    axes = figure.subplots()
    true = [np.array(series[t].rayleigh_true) for t in times]
    predicted = [np.array(series[t].rayleigh_predicted) for t in times]
    _violins(axes, true, -0.2, GREY)
    _violins(axes, predicted, 0.2, PALETTE[0])
    axes.set_xticks(range(len(times)), [format_time(t) for t in times])
    axes.set_xlim(-0.6, len(times) - 0.4)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(TIME_LABEL)
    axes.set_ylabel("Rayleigh quotient")
    handles = [
        Patch(color=color, alpha=0.5, label=name)
        for color, name in ((GREY, "true"), (PALETTE[0], "predicted"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


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
def local_smoothness_figure(series: Mapping[float, SmoothnessSeries]) -> Figure:
    """Distribution of local smoothness, true and predicted, a panel a time.

    References
    ----------
    Figures 2(b) and 10 of Jiang et al., J. Chem. Phys. 159 (14) (2023).
    """
    known = sorted(series)
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
        axes.set_title(f"t = {format_time(time)}, r = {np.mean(found.local_pearson):.3f}")
        axes.set_xlabel("local smoothness λ")
    panels[0].set_ylabel("probability density")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
