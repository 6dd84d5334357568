"""Scores by stage and ablations: figures 5 to 7 and tables I and II of the Geo-GNN paper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import (
    by_time,
    ceiling,
    correlation_axis,
    curve,
    legend,
    marks_legend,
    others,
    panels,
    printed_scores,
    public_scores,
)
from glasscast.recipes.material import Material, Point
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
    Rows,
    gap,
    rows_between,
    stage_curves,
    three_stages,
)
from glasscast.recipes.tables import table_figure
from glasscast.report.style import styled

_MAIN = ("pcc_md_A", "pcc_md_A_ablation")

DEPTHS = {
    "n = 0": "W/O Enc",
    "n = 1": "Geo-GNN n = 1",
    "n = 2": "Geo-GNN n = 2",
    "n = 3": "Geo-GNN",
}

_PRINTED_DEPTHS = {
    "n = 1": ("Geo-GNN 1 triplet layer", _MAIN[1]),
    "n = 2": ("Geo-GNN 2 triplet layers", _MAIN[1]),
    "n = 3": ("Geo-GNN", _MAIN[0]),
}

_PRINTED = {"Geo-GNN": ("Geo-GNN", _MAIN[0]), "GNN": ("GNN-Bapst", _MAIN[0])}


@styled
def draw_comparison(material: Material, sheet: Sheet) -> Figure:
    """Figures 5a and 5b."""
    models = {name: name for name in ("Geo-GNN", "GNN", "CNN", "SVM")}
    printed = {} if material.point.temperature == 0.56 else _PRINTED
    figure, found = stage_curves(material, sheet, models, printed)
    geo, gnn = found["Geo-GNN"], found["GNN"]
    point = material.point
    rows, early, late = (rows_between(point, span) for span in (ALL, EARLY, LATE))
    sheet.judge_all(1, each_time(point, geo, gnn, rows), "r of Geo-GNN less GNN")
    if 2 in sheet.entry.claims:
        if len(early) and len(late):
            sheet.judge(2, gap(geo, gnn, early) - gap(geo, gnn, late), "lead early less lead late")
            sheet.judge_all(
                3,
                {
                    "Geo-GNN, early less later": geo.each[early[0]]
                    - geo.each[rows[rows != early[0]]].max(axis=0),
                    "GNN, later less early": gnn.each[rows[rows != early[0]]].min(axis=0)
                    - gnn.each[early[0]],
                },
                "r at the first stage against the other stages",
            )
            sheet.judge_all(
                4,
                {
                    "GNN, last less relaxation time": gnn.each[late[-1]] - gnn.each[late[0]],
                    "Geo-GNN less GNN, late": gap(geo, gnn, late),
                },
                "late",
            )
        else:
            for number in (2, 3, 4):
                sheet.leave(number, "the data do not reach both early and late stages")
    return figure


def each_time(
    point: Point, above: Correlations, below: Correlations, rows: Rows
) -> dict[str, FloatArray]:
    """Difference of two models at each of some times: words -> (C,)."""
    return {f"t = {point.times[k]:g}": above.each[k] - below.each[k] for k in rows}


@styled
def draw_table1(material: Material, sheet: Sheet) -> Figure:
    """Table I."""
    point = material.point
    named = {
        "LR(2)": "LR",
        "GNN": "GNN-Bapst",
        "SE(3)-GNN": "SE3-GNN",
        "GlassMLP": "GlassMLP",
        "Geo-GNN": "Geo-GNN",
    }
    found = {name: correlations(material.forecasts(name), point) for name in named}
    rows = rows_between(point, ALL)
    table, marked, second = [], [], []
    for name, published in named.items():
        stage, value = printed_scores(published)
        sheet.add("main", name, x=point.scattering[rows], y=found[name].mean[rows])
        sheet.add("main", name, source="printed", x=stage, y=value)
        cells = [f"{v:.3f}" for v in found[name].mean[rows]]
        table.append([name, *cells, *(_printed_cell(stage, value, s) for s in _SHOWN)])
    for column, row in enumerate(rows):
        order = np.argsort([-c.mean[row] for c in found.values()])
        marked.append((int(order[0]), column + 1))
        second.append((int(order[1]), column + 1))
    heads = ["", *(f"{point.scattering[k]:.2f}" for k in rows), *(f"[{s}]" for s in _SHOWN_NAMES)]
    figure = table_figure(
        heads,
        table,
        marked,
        second,
        note="Pearson r of species A by stage F_s; bold, italic: best and second of ours; in "
        "brackets: printed.",
    )
    geo, gnn, se3 = found["Geo-GNN"], found["GNN"], found["SE(3)-GNN"]
    mlp, early, late = found["GlassMLP"], rows_between(point, EARLY), rows_between(point, LATE)
    sheet.judge_all(
        1,
        {
            f"less {name}": gap(geo, other, rows)
            for name, other in found.items()
            if other is not geo
        },
        "r of Geo-GNN, mean over stages",
    )
    sheet.judge(2, gap(mlp, geo, late), "r of Glass-MLP less Geo-GNN, late")
    sheet.judge(3, gap(se3, gnn, rows), "r of SE(3)-GNN less GNN, mean over stages")
    sheet.judge(4, gap(mlp, se3, late), "r of Glass-MLP less SE(3)-GNN, late")
    sheet.judge(
        5,
        np.minimum(gap(geo, mlp, early), gap(se3, mlp, early)) - 0.1,
        "r early, the lesser of Geo-GNN and SE(3)-GNN, less Glass-MLP, less 0.1",
    )
    return figure


_SHOWN = (0.8, 0.5, float(np.exp(-1)), 0.1)

_SHOWN_NAMES = ("0.8", "0.5", "1/e", "0.1")


def _printed_cell(stage: FloatArray, value: FloatArray, wanted: float) -> str:
    near = np.flatnonzero(np.abs(stage - wanted) < 1e-3)
    return f"{value[near[0]]:.3f}" if len(near) else "–"


@styled
def draw_fig6(material: Material, sheet: Sheet) -> Figure:
    """Figure 6."""
    point = material.point
    figure, (axes,) = panels(1, height=3.0)
    x = point.times / point.tau_alpha
    found = {}
    for k, name in enumerate(("Geo-GNN", "BOTAN")):
        found[name] = correlations(material.forecasts(name), point)
        curve(sheet, axes, "main", name, x, found[name].each, k)
    time, value = public_scores(0.44, "pcc_mean_md_A", "BOTAN")
    others(sheet, axes, "main", "BOTAN", time / 4120, value, 1, "public")
    ceiling(sheet, axes, "main", x, point)
    marks_legend(axes, sheet)
    by_time(axes, r"$t / \tau_\alpha$", 1.0)
    correlation_axis(axes, "Pearson r, species A")
    legend(figure, [axes])
    geo, botan = found["Geo-GNN"], found["BOTAN"]
    early, middle, late = (point.at(t, 4120) for t in (1.3, 130, 4120))
    if early is None:
        sheet.leave(1, "no time of the data is near t = 1.3 at equal t / tau_alpha")
    else:
        sheet.judge(1, (botan.each - geo.each)[early.row], f"BOTAN less Geo-GNN at {early.words}")
    if middle is None or early is None:
        sheet.leave(2, "it takes t = 1.3 and t = 130 at equal t / tau_alpha")
    else:
        lead = botan.each - geo.each
        sheet.judge(2, lead[early.row] - lead[middle.row], "lead of BOTAN at 1.3 less at 130")
    if late is None:
        sheet.leave(3, "no time of the data is near the relaxation time")
    else:
        sheet.judge(3, (geo.each - botan.each)[late.row], f"Geo-GNN less BOTAN at {late.words}")
    return figure


@styled
def draw_ablations(material: Material, sheet: Sheet) -> Figure:
    """Figure 7a."""
    models = {name: name for name in ("Geo-GNN", "W/O Enc", "W/O Agg")}
    figure, found = stage_curves(material, sheet, models, {"Geo-GNN": _PRINTED["Geo-GNN"]})
    point = material.point
    geo, no_encoder, no_aggregation = found.values()
    gnn = correlations(material.forecasts("GNN"), point)
    rows, early, late = (rows_between(point, span) for span in (ALL, EARLY, LATE))
    lost = geo.each - no_encoder.each
    fades = gap(geo, no_encoder, early) - gap(geo, no_encoder, late)
    sheet.judge_all(
        1,
        {"r lost without encoder, early": lost[early].mean(axis=0), "the same, less late": fades},
        "encoder",
    )
    after = rows[1:]
    near = float(np.abs(gap(no_encoder, gnn, after).mean()))
    sheet.decide(
        2,
        near < 0.05,
        f"|r without encoder less GNN|, mean over stages after the first: {near:.3f}",
    )
    sheet.judge(3, fades, "r lost without encoder, early less late")
    sheet.judge_all(
        4,
        each_time(point, geo, no_aggregation, rows),
        "r of Geo-GNN less that without aggregation",
    )
    return figure


@styled
def draw_depths(material: Material, sheet: Sheet) -> Figure:
    """Figure 7b."""
    figure, found = stage_curves(material, sheet, DEPTHS, _PRINTED_DEPTHS)
    point = material.point
    none, one, two, three = found.values()
    rows, early, late = (rows_between(point, span) for span in (ALL, EARLY, LATE))
    words = "mean over stages"
    sheet.judge(1, gap(one, none, rows), f"r with one layer less none, {words}")
    sheet.judge(2, gap(two, one, rows), f"r with two layers less one, {words}")
    sheet.judge(3, gap(three, two, rows), f"r with three layers less two, {words}")
    sheet.judge(
        4,
        gap(three, none, early) - gap(three, none, late),
        "r with three layers less none, early less late",
    )
    return figure


#: Table II as printed: with angles and with distances only, at S = 0.8, 1/e, 0.1.
_TABLE2: Mapping[str, Mapping[str, tuple[float, float, float]]] = {
    "with angles": {
        "n = 3": (0.798, 0.774, 0.755),
        "n = 2": (0.710, 0.758, 0.745),
        "n = 1": (0.586, 0.707, 0.702),
        "GNN": (0.515, 0.638, 0.658),
    },
    "distance only": {
        "n = 3": (0.408, 0.650, 0.679),
        "n = 2": (0.402, 0.644, 0.676),
        "n = 1": (0.394, 0.634, 0.655),
        "GNN": (0.413, 0.638, 0.655),
    },
}


@styled
def draw_table2(material: Material, sheet: Sheet) -> Figure:
    """Table II."""
    point = material.point
    stages = three_stages(sheet, point)
    trainings = {
        "with angles": {"n = 3": "Geo-GNN", "n = 2": "Geo-GNN n = 2", "n = 1": "Geo-GNN n = 1"},
        "distance only": {f"n = {n}": f"Geo-GNN distance only n = {n}" for n in (3, 2, 1)},
    }
    trainings["with angles"]["GNN"] = "GNN"
    trainings["distance only"]["GNN"] = "GNN distance only"
    found: dict[str, dict[str, Correlations]] = {}
    table = []
    for panel, named in trainings.items():
        found[panel] = {}
        for series, training in named.items():
            score = correlations(material.forecasts(training), point)
            found[panel][series] = score
            picked = [stages[label].row for label in stages]
            sheet.add(panel, series, x=point.scattering[picked], y=score.mean[picked])
            printed = _TABLE2[panel][series]
            sheet.add(panel, series, source="printed", x=list(THREE.values()), y=list(printed))
            cells = [f"{score.mean[m.row]:.3f}" for m in stages.values()]
            table.append([f"{series}, {panel}", *cells, *(f"{v:.3f}" for v in printed)])
    heads = ["", *stages, *(f"[{label}]" for label in THREE)]
    figure = table_figure(
        heads,
        table,
        widths=[0.28, *[0.12] * (len(heads) - 1)],
        note="Pearson r of species A; in brackets: printed.",
    )
    angles, plain = found["with angles"], found["distance only"]
    early, late = rows_between(point, EARLY), rows_between(point, LATE)
    depth_early = gap(angles["n = 3"], angles["n = 1"], early)
    depth_late = gap(angles["n = 3"], angles["n = 1"], late)
    sheet.judge_all(
        1,
        {"early": depth_early, "early less late": depth_early - depth_late},
        "with angles, r of three layers less one",
    )
    sheet.judge(2, depth_early - depth_late, "gain of depth with angles, early less late")
    rows = rows_between(point, ALL)
    gained = float(gap(plain["n = 3"], plain["n = 1"], rows).mean())
    sheet.decide(
        3,
        gained < 0.03,
        f"distances only, r of three layers less one, mean over stages: {gained:.3f}",
    )
    sheet.judge_all(
        4,
        {
            "early": gap(angles["GNN"], plain["GNN"], early),
            "0.03 less |late|": 0.03 - np.abs(gap(angles["GNN"], plain["GNN"], late)),
        },
        "r of GNN with vectors less distances only",
    )
    return figure
