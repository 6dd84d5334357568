"""Curves of scores: ours with intervals and ceiling, printed and public ones marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from glasscast.evaluation.published import all_published
from glasscast.liquid.box import FloatArray
from glasscast.recipes.material import Point
from glasscast.recipes.scoring import ceilings
from glasscast.recipes.sheet import Sheet, Source, half_width
from glasscast.report.style import GREY, new_figure, series_style

#: Widths in inches: of a column, and of a page.
COLUMN, PAGE = 3.4, 7.0
CEILING = "noise ceiling"
#: Of legends whose labels are stages.
STAGE = r"$F_s(q, t)$ (time)"
#: How numbers of other origin are marked.
_MARKS: dict[Source, dict[str, Any]] = {
    "printed": {"marker": "*", "ms": 8, "mfc": "none", "ls": "none", "mew": 0.9},
    "public": {"marker": "x", "ms": 5.5, "ls": "none", "mew": 1.2},
}


def panels(
    count: int, columns: int = 3, height: float = 2.6, shared: bool = True
) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels: one as wide as a column, several as wide as a page."""
    columns = min(columns, count)
    rows = -(-count // columns)
    width = COLUMN if columns == 1 else PAGE
    figure = new_figure(width, height * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=shared)
    axes = list(grid.ravel())
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, axes[:count]


def curve(
    sheet: Sheet,
    axes: Axes,
    panel: str,
    series: str,
    x: ArrayLike,
    values: FloatArray,
    style: int,
) -> None:
    """Draw and note a series: mean over configurations with Student's 95 % interval.

    Parameters
    ----------
    x : (T,)
    values : (T, C) one a configuration, or (T,) where there is no interval.
    style : number of the colour and marker.
    """
    x = np.asarray(x, dtype=np.float64)
    mean = values if values.ndim == 1 else values.mean(axis=1)
    reach = np.full(len(mean), np.nan)
    if values.ndim == 2:
        reach = np.array([half_width(row) for row in values])
    bars = np.where(np.isfinite(reach), reach, 0.0)
    looks = series_style(style) | {"markersize": 4, "lw": 1.3}
    axes.errorbar(x, mean, yerr=bars if bars.any() else None, label=series, elinewidth=0.8, **looks)
    sheet.add(panel, series, x=x, y=mean, low=mean - reach, high=mean + reach)


def repeated_curve(
    sheet: Sheet,
    axes: Axes,
    panel: str,
    series: str,
    x: ArrayLike,
    repeats: Sequence[FloatArray],
    style: int,
) -> None:
    """Draw and note the median of several trainings, from the worst to the best.

    Parameters
    ----------
    x : (T,)
    repeats : (T, C) of each training; a single one is drawn as by :func:`curve`.
    """
    if len(repeats) == 1:
        curve(sheet, axes, panel, series, x, repeats[0], style)
        return
    means = np.sort([values.mean(axis=1) for values in repeats], axis=0)
    middle = np.median(means, axis=0)
    looks = series_style(style) | {"markersize": 4, "lw": 1.3}
    axes.errorbar(x, middle, yerr=[middle - means[0], means[-1] - middle], label=series, **looks)
    sheet.add(panel, series, x=x, y=middle, low=means[0], high=means[-1])
    sheet.remark(f"Median, worst and best of {len(repeats)} trainings.")


def others(
    sheet: Sheet,
    axes: Axes,
    panel: str,
    series: str,
    x: ArrayLike,
    y: ArrayLike,
    style: int,
    source: Source,
) -> None:
    """Draw and note numbers that were printed, or given out by the authors, marked as such."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(x):
        axes.plot(x, y, color=series_style(style)["color"], zorder=2, **_MARKS[source])
        sheet.add(panel, series, source=source, x=x, y=y)


def ceiling(
    sheet: Sheet, axes: Axes, panel: str, x: ArrayLike, point: Point, pooled: bool = False
) -> None:
    """Draw the noise ceiling of species A, where it is known, and note it."""
    known = ceilings(point)
    if known is None:
        sheet.ceiling = "not known: the data hold no halves of the ensembles"
        return
    x, y = np.asarray(x), known[1 if pooled else 0]
    axes.plot(x, y, color=GREY, ls="--", lw=1.0, label=CEILING, zorder=1)
    sheet.add(panel, CEILING, x=x, y=y)
    told = ", ".join(f"{v:.3f} at t = {t:g}" for t, v in zip(point.times, y, strict=True))
    sheet.ceiling = f"a perfect forecast of species A would reach {told}"


def marks_legend(axes: Axes, sheet: Sheet) -> None:
    """Say in the legend what the marks of printed and public numbers mean."""
    used = {s.source for s in sheet.series}
    words: dict[Source, str] = {"printed": "printed", "public": "public, T of the paper"}
    for source, text in words.items():
        if source in used:
            axes.plot([], [], color=GREY, label=text, **_MARKS[source])


def legend(figure: Figure, axes: Sequence[Axes], title: str | None = None) -> None:
    """One legend of all panels below them, each label once."""
    found: dict[str, Any] = {}
    for each in axes:
        handles, labels = each.get_legend_handles_labels()
        found |= {label: handle for handle, label in zip(handles, labels, strict=True)}
    wide = figure.get_figwidth() > COLUMN + 1
    figure.legend(
        list(found.values()),
        list(found),
        loc="outside lower center",
        ncols=4 if wide else 2,
        title=title,
        title_fontsize=7.5,
        fontsize=7.5,
        columnspacing=1.0,
        handlelength=1.8,
    )


def by_time(axes: Axes, label: str = r"$t$ (LJ units)", relaxation: float | None = None) -> None:
    """Logarithmic axis of time, the relaxation time marked."""
    axes.set_xscale("log")
    axes.set_xlabel(label)
    if relaxation is not None and np.isfinite(relaxation):
        axes.axvline(relaxation, color=GREY, lw=0.8, ls=":", zorder=0)


def by_stage(axes: Axes) -> None:
    """Axis of stages: F_s falls from left to right."""
    axes.set_xlabel(r"$F_s(q, t)$, falling with time")
    axes.set_xlim(1.0, 0.0)
    axes.axvline(np.exp(-1), color=GREY, lw=0.8, ls="--", zorder=0)


def correlation_axis(axes: Axes, label: str = "Pearson r", low: float = 0.0) -> None:
    """Axis of a correlation."""
    axes.set_ylabel(label)
    axes.set_ylim(low, 1.0)


def printed_scores(model: str, metric: str = "pcc_md_A") -> tuple[FloatArray, FloatArray]:
    """Scores that Geo-GNN's tables print for a model: stages S (n,), values (n,)."""
    rows = [
        (_stage(score.time), score.value)
        for score in all_published()
        if score.dataset == "Bapst-KA3D" and score.metric == metric and score.model == model
    ]
    table = np.array(sorted(rows, reverse=True), dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _stage(text: str) -> float:
    value = text.removeprefix("S=")
    return float(np.exp(-1)) if value == "1/e" else float(value)


def public_scores(temperature: float, metric: str, model: str) -> tuple[FloatArray, FloatArray]:
    """Scores on GlassBench of a model at a temperature: times (n,), values (n,)."""
    rows = [
        (float(score.time), score.value)
        for score in all_published()
        if score.dataset == "GlassBench-KA3D"
        and abs(score.temperature - temperature) < 1e-6
        and score.metric == metric
        and score.model == model
    ]
    table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


#: Relaxation times of GlassBench by temperature.
RELAXATION: Mapping[float, float] = {0.44: 4120.0, 0.50: 217.0, 0.56: 52.0, 0.64: 16.5}
