"""Scores against time: figures 1 and 3, and supplementary figure 4, of Boattini et al."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import legend, marks_legend, others, panels
from glasscast.recipes.material import Material
from glasscast.recipes.regimes import rows_within, time_curves
from glasscast.recipes.sheet import Sheet
from glasscast.report.style import styled

#: Geo-GNN's Table I at the relaxation time.
_PRINTED = {"LR(2)": 0.623, "GNN": 0.639}


@styled
def draw_orders(material: Material, sheet: Sheet) -> Figure:
    """Figures 1a and 1b."""
    species = int(float(sheet.entry.parameters["species"]))
    names = sheet.entry.panels["main"]
    figure, (axes,) = panels(1, height=3.1)
    found = time_curves(material, sheet, axes, "main", {n: n for n in names}, species=species)
    if species == 0:
        for name, value in _PRINTED.items():
            others(sheet, axes, "main", name, [1.0], [value], names.index(name), "printed")
    marks_legend(axes, sheet)
    legend(figure, [axes])
    late = rows_within(material.point, (0.05, np.inf))
    rows = late if len(late) else np.arange(len(material.point.times))
    mean = {name: values[rows].mean(axis=0) for name, values in found.items()}
    words = "mean over times from 0.05 relaxation times on"
    sheet.judge(1, mean["LR(1)"] - mean["LR(0)"] - 0.02, f"r of order 1 less 0, less 0.02, {words}")
    small = float((mean["LR(2)"] - mean["LR(1)"]).mean())
    first = float((mean["LR(1)"] - mean["LR(0)"]).mean())
    sheet.decide(
        2, 0 < small < first, f"r of order 2 less 1: {small:.4f}; of 1 less 0: {first:.4f}"
    )
    if species == 0:
        none = float((mean["LR(3)"] - mean["LR(2)"]).mean())
        sheet.decide(3, none < 0.005, f"r of order 3 less 2: {none:.4f}")
        near = float((mean["LR(0)"] - mean["SVM"]).mean())
        sheet.decide(4, abs(near) < 0.05, f"r of LR(0) less SVM: {near:.3f}")
        apart = found["LR(2)"] - found["GNN"]
        largest = float(np.abs(apart.mean(axis=1)[rows]).max())
        sheet.decide(
            5, largest < 0.05, f"largest |r of LR(2) less GNN| of these times: {largest:.3f}"
        )
    return figure


@styled
def draw_kinds(material: Material, sheet: Sheet) -> Figure:
    """Figure 1c."""
    figure, (axes,) = panels(1, height=3.2)
    names = sheet.entry.panels["main"]
    found = time_curves(material, sheet, axes, "main", {n: n for n in names})
    legend(figure, [axes])
    _judge_radial(material, sheet, found["LR(0) radial"] - found["LR(0) angular"], (1, 2))
    rows = rows_within(material.point, (0.05, np.inf))
    apart = (found["LR(2) angular"] - found["LR(2) radial"])[rows].mean(axis=0)
    sheet.judge(3, apart, "r at order 2, angular less radial, from 0.05 relaxation times on")
    return figure


def _judge_radial(
    material: Material, sheet: Sheet, lead: FloatArray, numbers: tuple[int, int] | tuple[int]
) -> None:
    point = material.point
    early, late = (rows_within(point, span) for span in ((0.01, 0.3), (0.7, np.inf)))
    if len(numbers) == 1:
        values = lead[late].mean(axis=0) if len(late) else np.empty(0)
        sheet.judge(numbers[0], values, "r at order 0, radial less angular, late")
        return
    rows = rows_within(point, (0.01, np.inf))
    sheet.judge(numbers[0], lead[rows].mean(axis=0), "r at order 0, radial less angular, mean")
    if len(early) and len(late):
        more = lead[late].mean(axis=0) - lead[early].mean(axis=0)
        sheet.judge(numbers[1], more, "the same, late less early")
    else:
        sheet.leave(numbers[1], "it takes early and late times")


@styled
def draw_hard_orders(material: Material, sheet: Sheet) -> Figure:
    """Figures 3a and 3b."""
    species = int(float(sheet.entry.parameters["species"]))
    models = {name: f"HS {name}" for name in sheet.entry.panels["main"]}
    figure, (axes,) = panels(1, height=3.0)
    found = time_curves(material, sheet, axes, "main", models, species=species)
    legend(figure, [axes])
    point = material.point
    first = 1
    if "UML" in found:
        first = 3
        lead = np.minimum(found["LR(1)"], found["LR(2)"]) - found["UML"]
        sheet.judge(1, lead.mean(axis=0), "the lesser r of LR(1) and LR(2) less UML, mean")
        nearest = point.times[int(np.argmin(lead.mean(axis=1)))] / point.tau_alpha
        sheet.decide(2, 0.3 < nearest < 3, f"the gap is least at {nearest:.2g} relaxation times")
    rows = rows_within(point, (0.05, np.inf))
    mean = {name: values[rows].mean(axis=0) for name, values in found.items()}
    gain = float((mean["LR(1)"] - mean["LR(0)"]).mean())
    more = float((mean["LR(2)"] - mean["LR(1)"]).mean())
    sheet.decide(
        first, more < 0.005, f"r of order 2 less 1: {more:.4f}; of order 1 less 0: {gain:.4f}"
    )
    best = max(float(v.mean()) for v in mean.values())
    sheet.decide(
        first + 1,
        best > 0.65,
        f"best r of hard spheres, mean over times: {best:.3f}; "
        "Kob-Andersen by Geo-GNN's Table I: 0.623",
    )
    peak = point.times[int(np.argmax(found["LR(2)"].mean(axis=1)))] / point.tau_alpha
    sheet.decide(first + 2, 1.5 < peak < 10, f"LR(2) peaks at {peak:.2g} relaxation times")
    return figure


@styled
def draw_hard_kinds(material: Material, sheet: Sheet) -> Figure:
    """Supplementary figure 4."""
    names = sheet.entry.panels["main"]
    figure, (axes,) = panels(1, height=3.0)
    found = time_curves(material, sheet, axes, "main", {n: f"HS {n}" for n in names})
    legend(figure, [axes])
    _judge_radial(material, sheet, found["LR(0) radial"] - found["LR(0) angular"], (1,))
    return figure
