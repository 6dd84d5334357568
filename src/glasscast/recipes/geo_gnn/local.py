"""Local smoothness: figures 10 to 12 of the Geo-GNN paper."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from glasscast.evaluation.correlation import pearson
from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import (
    STAGE,
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
from glasscast.recipes.geo_gnn.scores import DEPTHS
from glasscast.recipes.geo_gnn.smoothness import PROPENSITY, true_quotients
from glasscast.recipes.maps import colour_bar, dots, frame, limits_of, slab
from glasscast.recipes.material import Material, Point
from glasscast.recipes.scoring import (
    Correlations,
    correlations,
    deviations,
    local_correlations,
    quotients,
    truth_of,
)
from glasscast.recipes.sheet import Sheet
from glasscast.recipes.stages import (
    ALL,
    EARLY,
    LATE,
    gap,
    lack_stages,
    rows_between,
    stage_curves,
    three_stages,
)
from glasscast.report.style import GREY, PALETTE, series_style, styled


@styled
def draw_joint(material: Material, sheet: Sheet) -> Figure:
    """Figure 10a: propensity against lambda in bins."""
    point = material.point
    truth = [truth_of("propensity")(c) for c in point.tested]
    made = [f.values.astype(np.float64) for f in material.forecasts("Geo-GNN")]
    figure, axes = panels(2, columns=2, height=2.9)
    strength, linear = {}, {}
    for each, (panel, fields) in zip(axes, {"truth": truth, "Geo-GNN": made}.items(), strict=True):
        local = deviations(point.tested, fields)
        for k, time in enumerate(point.times):
            pairs = [
                (lam[k], f[k, c.types == 0])
                for lam, f, c in zip(local, fields, point.tested, strict=True)
            ]
            x = np.concatenate([a for a, _ in pairs])
            y = np.concatenate([b for _, b in pairs])
            bx, by = _binned(x, y, 40)
            label = f"{point.scattering[k]:.2f} (t = {time:g})"
            each.plot(bx, by, label=label, **(series_style(k) | {"ms": 3, "lw": 0.8}))
            sheet.add(panel, label, x=bx, y=by)
            if panel == "truth":
                strength[k] = np.array([_defined_pearson(a, b) for a, b in pairs])
                linear[k] = pearson(bx, by)
        each.set_title(panel)
        each.set_xlabel(r"local smoothness $\lambda$")
        each.set_ylabel(PROPENSITY)
        each.set_yscale("log")
    legend(figure, axes, title=STAGE)
    rows = rows_between(point, ALL)
    sheet.judge(1, np.mean([strength[k] for k in rows], axis=0) - 0.5, "r of the two, less 0.5")
    early = point.stage(0.8)
    if early is None:
        sheet.leave(2, "no time of the data is near S = 0.8")
    else:
        r = linear[early.row]
        sheet.decide(2, r**2 > 0.98, f"r² of a line through the bins at {early.words}: {r**2:.3f}")
    sheet.judge(3, strength[int(rows[-1])] - 0.3, "r of the two at the last time, less 0.3")
    return figure


def _binned(x: FloatArray, y: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Means of bins of equal number, sorted by x; what is not defined is left out."""
    defined = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[defined])
    groups = np.array_split(order, min(count, max(1, len(order))))
    x, y = x[defined], y[defined]
    return (
        np.array([x[g].mean() for g in groups]),
        np.array([y[g].mean() for g in groups]),
    )


def _defined_pearson(x: FloatArray, y: FloatArray) -> float:
    defined = np.isfinite(x) & np.isfinite(y)
    return pearson(x[defined], y[defined])


@styled
def draw_both_scores(material: Material, sheet: Sheet) -> Figure:
    """Figure 10b."""
    point = material.point
    forecasts = material.forecasts("Geo-GNN")
    figure, (axes,) = panels(1, height=2.9)
    found = {
        "propensity": correlations(forecasts, point),
        "lambda": local_correlations(forecasts, point),
    }
    for k, (series, score) in enumerate(found.items()):
        curve(sheet, axes, "main", series, point.scattering, score.each, k)
    others(sheet, axes, "main", "propensity", *printed_scores("Geo-GNN"), 0, "printed")
    ceiling(sheet, axes, "main", point.scattering, point)
    marks_legend(axes, sheet)
    by_stage(axes)
    correlation_axis(axes, "Pearson r, species A")
    legend(figure, [axes])
    _judge_local_fall(sheet, point, found["lambda"], (1, 2))
    return figure


def _judge_local_fall(
    sheet: Sheet, point: Point, local: Correlations, numbers: tuple[int, int]
) -> None:
    rows = rows_between(point, ALL)
    if len(rows) < 2:
        for number in numbers:
            sheet.leave(number, "the data do not reach two stages")
        return
    first, rest = rows[0], rows[1:]
    sheet.judge_all(
        numbers[0],
        {
            "first, less 0.5": local.each[first] - 0.5,
            "first less the others": local.each[first] - local.each[rest].max(axis=0),
        },
        "r of lambda",
    )
    sheet.judge(
        numbers[1], local.each[first] - local.each[rows[-1]], "r of lambda, first less last stage"
    )


@styled
def draw_lambda_scatter(material: Material, sheet: Sheet) -> Figure:
    """Figure 10c: one configuration."""
    point = material.point
    found = three_stages(sheet, point)
    lack_stages(sheet, found)
    forecasts = material.forecasts("Geo-GNN")
    truth = deviations(point.tested, [truth_of("propensity")(c) for c in point.tested])
    made = deviations(point.tested, [f.values.astype(np.float64) for f in forecasts])
    figure, axes = panels(len(found), height=2.6, shared=False)
    for each, (label, moment) in zip(axes, found.items(), strict=True):
        x, y = truth[0][moment.row], made[0][moment.row]
        defined = np.isfinite(x) & np.isfinite(y)
        x, y = x[defined], y[defined]
        each.plot(x, y, ".", ms=2, color=PALETTE[5], alpha=0.6, rasterized=True)
        sheet.add(label, "particles", x=x, y=y)
        bx, by = _binned(x, y, max(2, len(x) // 90))
        each.plot(bx, by, "o", color="black", ms=3)
        sheet.add(label, "bins", x=bx, y=by)
        each.set_title(moment.words)
        each.set_xlabel(r"true $\lambda$")
        each.set_ylabel(r"forecast $\lambda$")
        low, high = limits_of([x, y], 0.5)
        each.set_xlim(low, high)
        each.set_ylim(low, high)
        each.plot([low, high], [low, high], color=GREY, lw=0.8, ls="--")
    local = local_correlations(forecasts, point)
    early, late = rows_between(point, EARLY), rows_between(point, LATE)
    if len(early) and len(late):
        sheet.judge(1, local.each[early[0]] - local.each[late[-1]], "r of lambda, first less last")
        row = int(late[-1])
        apart = [_told_apart(a[row], b[row]) for a, b in zip(truth, made, strict=True)]
        sheet.judge(
            2,
            apart,
            "forecast lambda of the highest fifth less that of the lowest fifth by truth, last "
            "time, in standard deviations",
        )
    else:
        for number in (1, 2):
            sheet.leave(number, "the data do not reach both early and late stages")
    return figure


def _told_apart(true: FloatArray, made: FloatArray) -> float:
    defined = np.isfinite(true) & np.isfinite(made)
    true, made = true[defined], made[defined]
    low, high = np.quantile(true, [0.2, 0.8])
    return float((made[true >= high].mean() - made[true <= low].mean()) / made.std())


@styled
def draw_local_ablations(material: Material, sheet: Sheet) -> Figure:
    """Figure 11a."""
    models = {name: name for name in ("Geo-GNN", "W/O Enc", "W/O Agg")}
    figure, found = stage_curves(
        material, sheet, models, {}, local_correlations, r"Pearson r of $\lambda$", False
    )
    point = material.point
    geo, no_encoder, no_aggregation = found.values()
    rows, early, late = (rows_between(point, span) for span in (ALL, EARLY, LATE))
    sheet.judge_all(
        1,
        {
            "without encoder": gap(geo, no_encoder, rows),
            "without aggregation": gap(geo, no_aggregation, rows),
        },
        "r of lambda lost, mean over stages",
    )
    fades = gap(geo, no_encoder, early) - gap(geo, no_encoder, late)
    sheet.judge(2, fades, "r of lambda lost without encoder, early less late")
    sheet.judge(3, 0.5 - no_encoder.each[early].mean(axis=0), "0.5 less r without encoder, early")
    return figure


@styled
def draw_local_depths(material: Material, sheet: Sheet) -> Figure:
    """Figure 11b."""
    figure, found = stage_curves(
        material, sheet, DEPTHS, {}, local_correlations, r"Pearson r of $\lambda$", False
    )
    point = material.point
    none, one, two, three = found.values()
    rows, early, late = (rows_between(point, span) for span in (ALL, EARLY, LATE))
    steps = {"1 less 0": (one, none), "2 less 1": (two, one), "3 less 2": (three, two)}
    sheet.judge_all(1, {k: gap(a, b, rows) for k, (a, b) in steps.items()}, "r of lambda by layers")
    sheet.judge_all(
        2,
        {
            "1 less 0": gap(one, none, rows),
            "the same, less 3 less 1": gap(one, none, rows) - gap(three, one, rows),
        },
        "r of lambda by layers, mean over stages",
    )
    sheet.judge(
        3,
        gap(three, none, early) - gap(three, none, late),
        "r of lambda, 3 less 0, early less late",
    )
    return figure


@styled
def draw_depth_maps(material: Material, sheet: Sheet) -> Figure:
    """Figure 12."""
    point = material.point
    moment = point.stage(0.8)
    shown = point.tested[0]
    inside = slab(shown, 11.04, 13.04, sheet) & (shown.types == 0)
    order = list(reversed(DEPTHS))
    figure, axes = panels(4, columns=2, height=2.7)
    if moment is None:
        for label in order:
            sheet.lacks(label, "forecast", "no time of the data is near S = 0.8")
        for number in (1, 2):
            sheet.leave(number, "no time of the data is near S = 0.8")
        return figure
    sheet.remark(f"Drawn is {moment.words}.")
    made = {label: material.forecasts(DEPTHS[label]) for label in order}
    pictures = {k: f[0].values[moment.row, inside].astype(np.float64) for k, f in made.items()}
    limits = limits_of(list(pictures.values()))
    for each, (label, values) in zip(axes, pictures.items(), strict=True):
        image = dots(
            sheet, each, label, "forecast", shown.positions[inside][:, :2], values, limits, size=28
        )
        frame(each, shown)
        each.set_title(label)
    colour_bar(figure, image, axes, PROPENSITY)
    roughness = {
        k: quotients(point.tested, [x.values.astype(np.float64) for x in f])[moment.row]
        for k, f in made.items()
    }
    sheet.judge(1, 1e3 * (roughness["n = 3"] - roughness["n = 0"]), "1000 R of n = 3 less n = 0")
    true = true_quotients(point.tested)[moment.row]
    sheet.judge(2, 1e3 * (true / 2 - roughness["n = 0"]), "half of 1000 R of the truth less n = 0")
    return figure
