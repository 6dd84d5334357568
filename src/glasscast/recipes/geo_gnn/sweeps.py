"""What settings matter: supplementary figures 1 to 4 of the Geo-GNN paper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from glasscast.recipes.curves import (
    correlation_axis,
    curve,
    legend,
    marks_legend,
    others,
    panels,
)
from glasscast.recipes.geo_gnn.scores import each_time
from glasscast.recipes.material import Material, Moment
from glasscast.recipes.scoring import (
    Correlations,
    correlations,
)
from glasscast.recipes.sheet import Sheet
from glasscast.recipes.stages import (
    ALL,
    EARLY,
    LATE,
    THREE,
    gap,
    rows_between,
    stage_curves,
    three_stages,
)
from glasscast.report.style import styled


def _sweep(
    material: Material, sheet: Sheet, trainings: Mapping[float, str], label: str, log: bool
) -> tuple[Figure, dict[float, Correlations], dict[str, Moment]]:
    """Draw scores at three stages against a setting."""
    point = material.point
    stages = three_stages(sheet, point)
    for series in THREE:
        if series not in stages:
            sheet.lacks("main", series, "no time of the data is near this stage")
    found = {x: correlations(material.forecasts(name), point) for x, name in trainings.items()}
    figure, (axes,) = panels(1, height=2.9)
    for k, (series, moment) in enumerate(stages.items()):
        values = np.array([found[x].each[moment.row] for x in found])
        curve(sheet, axes, "main", series, list(found), values, k)
    if log:
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(found), [f"{x:g}" for x in found])
        axes.minorticks_off()
    axes.set_xlabel(label)
    correlation_axis(axes, "Pearson r, species A")
    return figure, found, stages


def _finish_sweep(figure: Figure, sheet: Sheet) -> Figure:
    axes = figure.axes[0]
    marks_legend(axes, sheet)
    legend(figure, [axes])
    return figure


@styled
def draw_thresholds(material: Material, sheet: Sheet) -> Figure:
    """Supplementary figure 1."""
    trainings = {x: f"Geo-GNN threshold {x}" for x in (1.0, 1.25, 1.5, 2.0)}
    figure, found, stages = _sweep(material, sheet, trainings, "edge threshold (σ)", False)
    printed = {"S = 0.8": 0.798, "S = 1/e": 0.774, "S = 0.1": 0.755}
    for k, series in enumerate(stages):
        others(sheet, figure.axes[0], "main", series, [2.0], [printed[series]], k, "printed")
    change = {
        label: found[2.0].each[m.row] - found[1.25].each[m.row] for label, m in stages.items()
    }
    largest = max(float(np.abs(c.mean())) for c in change.values())
    sheet.decide(
        1, largest < 0.03, f"largest |r at 2.0 less r at 1.25| of the stages: {largest:.3f}"
    )
    if "S = 0.8" in change and "S = 0.1" in change:
        weaker = np.abs(change["S = 0.8"]) - np.abs(change["S = 0.1"])
        sheet.judge(2, weaker, "|r at 2.0 less r at 1.25|, S = 0.8 less S = 0.1")
        sheet.judge(3, change["S = 0.8"], "r at 2.0 less r at 1.25, S = 0.8")
    else:
        sheet.leave(2, "it takes S = 0.8 and S = 0.1")
        sheet.leave(3, "it takes S = 0.8")
    rows = [m.row for m in stages.values()]
    others_best = np.max([found[x].each[rows].mean(axis=0) for x in (1.0, 1.25, 1.5)], axis=0)
    sheet.judge(4, found[2.0].each[rows].mean(axis=0) - others_best, "r at 2.0 less best of others")
    return _finish_sweep(figure, sheet)


def _judge_flat(
    sheet: Sheet, number: int, found: Mapping[float, Correlations], stages: Mapping[str, Moment]
) -> None:
    rows = [m.row for m in stages.values()]
    means = np.array([score.mean[rows] for score in found.values()])
    span = float(np.ptp(means, axis=0).max())
    sheet.decide(number, span < 0.03, f"largest span of r over the settings at a stage: {span:.3f}")


@styled
def draw_width_sweep(material: Material, sheet: Sheet) -> Figure:
    """Supplementary figure 2."""
    trainings = {16.0: "Geo-GNN width 16", 32.0: "Geo-GNN threshold 1.5", 64.0: "Geo-GNN width 64"}
    figure, found, stages = _sweep(material, sheet, trainings, "width", True)
    _judge_flat(sheet, 1, found, stages)
    rows = [m.row for m in stages.values()]
    lost = float((found[32].mean[rows] - found[16].mean[rows]).mean())
    sheet.decide(2, lost < 0.01, f"r of width 32 less that of 16, mean over the stages: {lost:.3f}")
    return _finish_sweep(figure, sheet)


@styled
def draw_radial_sweep(material: Material, sheet: Sheet) -> Figure:
    """Supplementary figure 3."""
    trainings = {
        1.0: "Geo-GNN radial 1",
        16.0: "Geo-GNN radial 16",
        64.0: "Geo-GNN threshold 1.5",
        128.0: "Geo-GNN radial 128",
    }
    figure, found, stages = _sweep(material, sheet, trainings, "radial functions", True)
    _judge_flat(sheet, 1, found, stages)
    rows = [m.row for m in stages.values()]
    lost = float((found[64].mean[rows] - found[1].mean[rows]).mean())
    sheet.decide(
        2,
        abs(lost) < 0.02,
        f"r of 64 functions less the bare distance, mean over stages: {lost:.3f}",
    )
    return _finish_sweep(figure, sheet)


@styled
def draw_angle_encoders(material: Material, sheet: Sheet) -> Figure:
    """Supplementary figure 4."""
    models = {"harmonics": "Geo-GNN threshold 1.5", "linear": "Geo-GNN linear angle"}
    figure, found = stage_curves(material, sheet, models, {})
    point = material.point
    rows, early, late = (rows_between(point, span) for span in (ALL, EARLY, LATE))
    a, b = found["harmonics"], found["linear"]
    sheet.judge_all(1, each_time(point, a, b, rows), "r of harmonics less linear")
    sheet.judge(
        2, gap(a, b, early) - gap(a, b, late), "r of harmonics less linear, early less late"
    )
    return figure
