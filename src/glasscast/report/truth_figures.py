"""Figures of the measured mobility and of the graph of particles, without any model."""

from __future__ import annotations

import numpy as np

from glasscast.evaluation.true_fields import GraphSizes, TrueSmoothness
from glasscast.report.illustration import Illustration, listed
from glasscast.report.style import (
    GREY,
    TIME_LABEL,
    finish_log_axis,
    format_time,
    legend_below,
    new_figure,
    row_height,
    series_style,
    styled,
)

_LINES = 4  # times whose local smoothness is drawn, evenly chosen


@styled
def true_smoothness_figure(found: TrueSmoothness) -> Illustration:
    """Rayleigh quotient against time; local smoothness against propensity, a line a time.

    References
    ----------
    Jiang, Tian, Li and Hu, J. Chem. Phys. 159 (2023), figures 3 and 4.
    """
    last = len(found.times) - 1
    rows = sorted({round(k) for k in np.linspace(0, last, min(_LINES, last + 1))})
    figure = new_figure(7.6, row_height(len(rows)))
    left, right = figure.subplots(1, 2)
    left.errorbar(found.times, found.rayleigh, found.error, **series_style(0), capsize=2)
    left.set_xlabel(TIME_LABEL)
    left.set_ylabel("Rayleigh quotient")
    if found.times[0] > 0 and last:
        finish_log_axis(left, found.times[0], found.times[-1])
    for k, row in enumerate(rows):
        label = f"t = {format_time(found.times[row])}, r = {found.correlation[row]:.2f}"
        right.plot(found.propensity[row], found.local[row], label=label, **series_style(k))
    right.axhline(0.0, color=GREY, lw=0.8, ls=":")
    right.set_xlabel("propensity (σ)")
    right.set_ylabel("local smoothness λ")
    legend_below(figure, right)
    return Illustration(
        name="true_smoothness",
        title="Do neighbours move alike?",
        caption="A particles on the graph of cutoff 2. Left: Rayleigh quotient of the measured "
        "propensity, low where neighbours move alike; bars are standard errors over "
        "configurations. Right: how far particles deviate from their neighbours, for tenths of the "
        "particles by propensity; r is the correlation of the two over particles. Labels of few "
        "trajectories are rough by their noise alone.",
        alternative="Rayleigh quotient against time, and local smoothness against propensity for "
        f"t = {listed([format_time(found.times[row]) for row in rows])}.",
        figure=figure,
    )


@styled
def graph_figure(found: GraphSizes) -> Illustration:
    """Edges and triplets of a particle against the threshold."""
    figure = new_figure(4.8, row_height(2))
    axes = figure.subplots()
    for k, (name, counts) in enumerate((("edges", found.edges), ("triplets", found.triplets))):
        shown = counts > 0
        axes.plot(found.thresholds[shown], counts[shown], label=name, **series_style(k))
    axes.set_yscale("log")
    axes.set_xlabel("threshold (σ)")
    axes.set_ylabel("number a particle")
    legend_below(figure, axes)
    return Illustration(
        name="graph_sizes",
        title="What a threshold costs",
        caption="Directed edges and triplets (ordered pairs of neighbours) a particle, if pairs "
        f"below a threshold are joined; a configuration has {found.particles:.0f} particles.",
        alternative="Edges and triplets a particle against the threshold, the latter ten and more "
        "times as many.",
        figure=figure,
    )
