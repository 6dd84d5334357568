"""Figures of single runs: their overlap and susceptibility, and the directions of one particle."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from glasscast.evaluation.runs import RunStatistics
from glasscast.liquid.box import FloatArray
from glasscast.report.illustration import Illustration, listed
from glasscast.report.style import (
    GREY,
    PALETTE,
    TIME_LABEL,
    finish_log_axis,
    format_time,
    new_figure,
    series_style,
    styled,
)

_SPHERES = 4  # times whose directions are drawn, evenly chosen


@styled
def overlap_figure(found: RunStatistics) -> Illustration:
    """Overlap and its susceptibility against time.

    References
    ----------
    Lačević et al., J. Chem. Phys. 119, 7372 (2003).
    """
    figure = new_figure(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    left.plot(found.times, found.overlap, **series_style(0))
    left.set_ylabel("overlap Q of A")
    left.set_ylim(-0.02, 1.02)
    right.plot(found.times, found.susceptibility, **series_style(1))
    right.set_ylabel("χ₄ of A, over runs")
    for axes in (left, right):
        axes.set_xlabel(TIME_LABEL)
        finish_log_axis(axes, found.times[0], found.times[-1])
    return Illustration(
        name="overlap",
        title="Overlap and its susceptibility",
        caption=f"Left: share of A particles within {found.threshold:g} σ of where they were. "
        "Right: its variance over runs and configurations, times the number of particles; it "
        "peaks where particles that move together are most.",
        alternative=f"Overlap against time, from {found.overlap[0]:.2f} to "
        f"{found.overlap[-1]:.2f}, and its susceptibility.",
        figure=figure,
    )


@styled
def direction_figure(found: RunStatistics) -> Illustration:
    """Directions of one particle over the runs, a panel a time; the cosine between two runs.

    References
    ----------
    Jiang et al., arXiv:2407.06111 (2024), figure 9a.
    """
    last = len(found.times) - 1
    rows = sorted({round(k) for k in np.linspace(0, last, min(_SPHERES, last + 1))})
    figure = new_figure(9.6, 2.6)
    *spheres, density = figure.subplots(1, len(rows) + 1, width_ratios=[*([1.0] * len(rows)), 1.4])
    middles = (found.edges[1:] + found.edges[:-1]) / 2
    for k, (axes, row) in enumerate(zip(spheres, rows, strict=True)):
        time = format_time(found.times[row])
        _draw_directions(axes, found.particle.directions[row])
        axes.set_title(f"t = {time}", fontsize=9)
        style = series_style(k) | {"marker": "none", "label": f"t = {time}"}
        density.plot(middles, found.histogram[row], **style)
    density.set_xlabel("cosine between two runs")
    density.set_ylabel("density")
    density.set_ylim(bottom=0.0)
    density.legend(fontsize=7)
    if found.particle.directions.shape[-1] == 3:  # independent directions: flat in 3D
        density.axhline(0.5, color=GREY, lw=0.8, ls=":")
    times = [format_time(found.times[row]) for row in rows]
    return Illustration(
        name="directions",
        title="Directions of one particle",
        caption=f"Directions in which particle {found.particle.index} of "
        f"{found.particle.configuration} has moved, a dot a run, projected along the last axis "
        "(filled: towards the viewer); the arrow is their mean. It is the A particle whose runs "
        "agree best at the middle time. Right: cosine between the displacements of a particle in "
        "two runs, over all A particles; dotted: independent directions.",
        alternative=f"Directions of one particle at t = {listed(times)}, and the distribution of "
        "the cosine between two runs.",
        figure=figure,
    )


def _draw_directions(axes: Axes, unit: FloatArray) -> None:
    """Draw (R, d) directions within a circle."""
    unit = unit[np.isfinite(unit).all(axis=1)]
    axes.add_patch(Circle((0, 0), 1, fill=False, color=GREY, lw=0.8))
    up = unit[:, 2] >= 0 if unit.shape[1] == 3 else np.ones(len(unit), dtype=bool)
    for chosen, face in ((up, PALETTE[0]), (~up, "none")):
        axes.plot(*unit[chosen][:, :2].T, "o", ms=4, mfc=face, mec=PALETTE[0], mew=0.8)
    if len(unit):
        mean = unit.mean(axis=0)
        arrow = {"arrowstyle": "->", "color": PALETTE[1], "lw": 1.5}
        axes.annotate("", (mean[0], mean[1]), (0, 0), arrowprops=arrow)
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(-1.15, 1.15)
    axes.set_aspect("equal")
    axes.set_axis_off()
