"""Stages of relaxation: which times are early and late, and curves of many models against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray
from glasscast.models.forecast import ModelForecast
from glasscast.recipes.curves import (
    by_stage,
    ceiling,
    correlation_axis,
    curve,
    legend,
    marks_legend,
    others,
    panels,
    printed_scores,
)
from glasscast.recipes.material import Material, Moment, Point
from glasscast.recipes.scoring import Correlations, correlations
from glasscast.recipes.sheet import Sheet

#: F_s of the stages that the papers call early, that they call late, and of all their stages.
EARLY, LATE, ALL = (0.85, 0.55), (0.40, 0.0), (0.85, 0.0)
#: The three stages of most figures.
THREE: Mapping[str, float] = {"S = 0.8": 0.8, "S = 1/e": float(np.exp(-1)), "S = 0.1": 0.1}
Rows = NDArray[np.int64]
Scorer = Callable[[Sequence[ModelForecast], Point], Correlations]


def rows_between(point: Point, span: tuple[float, float]) -> Rows:
    """Rows of the times whose F_s lies in a span, highest first."""
    high, low = span
    return np.flatnonzero((point.scattering <= high) & (point.scattering >= low))


def three_stages(sheet: Sheet, point: Point) -> dict[str, Moment]:
    """Find the times that stand for S = 0.8, 1/e and 0.1; a remark says which they are."""
    found = {}
    for label, value in THREE.items():
        moment = point.stage(value, label)
        if moment is not None:
            found[label] = moment
    told = ", ".join(
        f"t = {m.time:g} (F_s = {point.scattering[m.row]:.2f}) for {label}"
        for label, m in found.items()
    )
    if not found:
        raise InputError(point.name, "reaches none of the stages S = 0.8, 1/e, 0.1")
    sheet.remark(f"Stages: {told}.")
    return found


def lack_stages(sheet: Sheet, found: Mapping[str, Moment]) -> None:
    """Name the panels of stages that the data do not reach."""
    for panel, series in sheet.entry.panels.items():
        if panel in THREE and panel not in found:
            for each in series:
                sheet.lacks(panel, each, "no time of the data is near this stage")


def gap(above: Correlations, below: Correlations, rows: Rows) -> FloatArray:
    """Difference of two models, mean over some times: one a test configuration (C,)."""
    if len(rows) == 0:
        return np.empty(0)
    return np.asarray((above.each[rows] - below.each[rows]).mean(axis=0))


def stage_curves(
    material: Material,
    sheet: Sheet,
    models: Mapping[str, str],
    printed: Mapping[str, tuple[str, str]],
    score: Scorer = correlations,
    label: str = "Pearson r, species A",
    with_ceiling: bool = True,
) -> tuple[Figure, dict[str, Correlations]]:
    """Draw scores of several models against the stage.

    Parameters
    ----------
    models : series -> training.
    printed : series -> model and metric of the printed scores.
    score : of forecasts against the truth.

    Returns
    -------
    The figure and the scores of each series.
    """
    point = material.point
    figure, (axes,) = panels(1, height=3.0)
    found = {}
    for k, (series, training) in enumerate(models.items()):
        found[series] = score(material.forecasts(training), point)
        curve(sheet, axes, "main", series, point.scattering, found[series].each, k)
        if series in printed:
            others(sheet, axes, "main", series, *printed_scores(*printed[series]), k, "printed")
    if with_ceiling:
        ceiling(sheet, axes, "main", point.scattering, point)
    marks_legend(axes, sheet)
    by_stage(axes)
    low = min(0.0, *(float(np.nanmin(c.each)) - 0.05 for c in found.values()))
    correlation_axis(axes, label, low)
    legend(figure, [axes])
    times = ", ".join(
        f"{s:.2f} at t = {t:g}" for s, t in zip(point.scattering, point.times, strict=True)
    )
    sheet.remark(f"F_s of the data: {times}.")
    return figure, found
