"""Directions of motion: figure 9 of the EIGNN paper."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from glasscast.datasets.files import read_npz
from glasscast.errors import InputError
from glasscast.evaluation.directions import alignment
from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import panels
from glasscast.recipes.maps import arrows, frame, slab
from glasscast.recipes.material import Material
from glasscast.recipes.sheet import Sheet
from glasscast.report.style import GREY, PALETTE, styled

_TIMES = (1.3, 130.0, 4120.0, 41200.0)
_RELAXATION = 4120.0


@styled
def draw_directions(material: Material, sheet: Sheet) -> Figure:
    """Figure 9a: single runs come with the library, since data sets hold means of runs."""
    if not material.point.is_sample:
        raise InputError(
            material.point.name,
            "data sets hold means over runs; the single runs at hand are of the sample alone",
        )
    runs = _single_runs()
    if runs is None:
        raise InputError(
            "single-runs.npz",
            "does not come with this installation",
            "make it with scripts/single_runs.py",
        )
    times, moved, tau = runs["times"], runs["displacements"], float(runs["tau_alpha"][0])
    unit = moved / np.linalg.norm(moved, axis=-1, keepdims=True)  # (R, T, n, 3)
    strength = np.linalg.norm(unit.mean(axis=0), axis=-1)  # (T, n)
    chance = 1 / np.sqrt(len(moved))
    rows = {}
    for time in _TIMES:
        row = _row(times, time, tau)
        if abs(np.log(times[row] / (time / _RELAXATION * tau))) > np.log(3):
            sheet.lacks(f"t = {time:g}", "runs", "no such time among the runs")
        else:
            rows[time] = row
    shown = int(np.argmax(strength[_row(times, 130.0, tau)]))
    figure, axes = panels(len(rows), columns=4, height=2.6 if len(rows) < 4 else 2.1)
    for each, (time, row) in zip(axes, rows.items(), strict=True):
        panel = f"t = {time:g}"
        each.set_title(f"{panel} (t = {times[row]:g})", fontsize=8)
        _sphere(sheet, each, panel, unit[:, row, shown])
    sheet.remark(
        f"Directions of one A particle in {len(moved)} runs, projected along z; filled dots point "
        f"up. Shown is the most directed of {moved.shape[2]} particles at the time of t = 130."
    )
    for number, wanted_times, sign in ((1, (1.3, 130.0), 1), (2, (4120.0,), -1)):
        have = [t for t in wanted_times if t in rows]
        if not have:
            sheet.leave(number, "no such time among the runs")
            continue
        values = strength[[rows[t] for t in have]].mean(axis=0)
        by_chance = f"twice {chance:.3f}, as by chance"
        words = f"|mean unit vector| less {by_chance}"
        if sign < 0:
            words = f"{by_chance}, less |mean unit vector|"
        lead = sign * (values - 2 * chance)
        sheet.judge(number, lead, words, of="particles of one configuration")
    return figure


def _single_runs() -> dict[str, NDArray[Any]] | None:
    with as_file(files("glasscast.recipes") / "catalogue" / "single-runs.npz") as path:
        if not path.is_file():
            return None
        return read_npz(path, required=("times", "displacements", "tau_alpha"))


def _row(times: FloatArray, time: float, tau_alpha: float) -> int:
    return int(np.argmin(np.abs(np.log(times / (time / _RELAXATION * tau_alpha)))))


def _sphere(sheet: Sheet, axes: Axes, panel: str, unit: FloatArray) -> None:
    axes.add_patch(Circle((0, 0), 1, fill=False, color=GREY, lw=0.8))
    up = unit[:, 2] >= 0
    for chosen, face in ((up, PALETTE[0]), (~up, "none")):
        axes.plot(*unit[chosen][:, :2].T, "o", ms=4, mfc=face, mec=PALETTE[0], mew=0.8)
    mean = unit.mean(axis=0)
    axes.annotate(
        "", mean[:2], (0, 0), arrowprops={"arrowstyle": "->", "color": PALETTE[1], "lw": 1.5}
    )
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(-1.15, 1.15)
    axes.set_aspect("equal")
    axes.set_axis_off()
    sheet.add(panel, "runs", x=unit[:, 0], y=unit[:, 1], colour=unit[:, 2])


@styled
def draw_arrows(material: Material, sheet: Sheet) -> Figure:
    """Figure 9b."""
    point = material.point
    shown = point.tested[0]
    inside = slab(shown, 3.9, 5.1, sheet)
    fields: dict[str, FloatArray] = {}
    for time in (1.3, 130.0):
        moment = point.at(time, _RELAXATION)
        panel = f"t = {time:g}"
        if moment is None or shown.tendency is None:
            sheet.lacks(panel, "arrows", "no time of the data is near this one")
            continue
        fields[panel] = shown.tendency[moment.row].astype(np.float64)
        sheet.remark(f"{panel}: {moment.words}.")
    for structure in ("inherent", "cage"):
        if getattr(shown, structure) is None:
            sheet.lacks(structure, "arrows", f"the data hold no {structure} positions")
            continue
        fields[structure] = shown.displacement_to(structure)
    figure, axes = panels(len(fields), columns=2 if len(fields) == 4 else 3, height=2.7)
    for each, (panel, vectors) in zip(axes, fields.items(), strict=True):
        arrows(sheet, each, panel, "arrows", shown, inside, vectors)
        frame(each, shown)
        each.set_title(panel if panel.startswith("t") else f"to {panel} position")
    _judge_directions(material, sheet)
    return figure


def _judge_directions(material: Material, sheet: Sheet) -> None:
    point = material.point
    moment = point.at(130.0, _RELAXATION)
    held = [s for s in ("inherent", "cage") if getattr(point.tested[0], s) is not None]
    if moment is None or point.tested[0].tendency is None or not held:
        sheet.leave(1, "it takes mean displacements near t = 130 and equilibrium positions")
        return
    parts = {
        f"{s}, less 0.5": np.array(
            [np.nanmean(alignment(c, s)[moment.row, c.types == 0]) for c in point.everything]
        )
        - 0.5
        for s in held
    }
    sheet.judge_all(1, parts, f"mean cosine of A's displacement at {moment.words} and that to the")
