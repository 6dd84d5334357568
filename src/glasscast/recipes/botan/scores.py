"""Scores: figures 5, 8, 9 and 10 of the BOTAN paper."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import (
    RELAXATION,
    by_time,
    correlation_axis,
    curve,
    legend,
    marks_legend,
    others,
    panels,
    public_scores,
    repeated_curve,
)
from glasscast.recipes.material import Material, Moment, Point
from glasscast.recipes.regimes import TIME_LABEL, rows_within
from glasscast.recipes.scoring import correlations, pair_correlations
from glasscast.recipes.sheet import Sheet
from glasscast.report.style import GREY, styled

_RELAXATION = 4120.0
_NONE = "no time of the data is near this one"


@styled
def draw_pair_scores(material: Material, sheet: Sheet) -> Figure:
    """Figure 5."""
    figure, (axes,) = panels(1, height=2.9)
    found: dict[str, FloatArray] = {}
    for k, temperature in enumerate((0.44, 0.50, 0.64)):
        series = f"T = {temperature:.2f}"
        point = material.at_temperature(temperature)
        if point is None:
            sheet.lacks("main", series, f"the data do not hold {series}")
            continue
        repeats = [
            pair_correlations(forecasts, point).each
            for forecasts in material.repeats("BOTAN p = 0", point, point)
        ]
        found[series] = repeats[0]
        repeated_curve(sheet, axes, "main", series, point.times, repeats, k)
        axes.axvline(point.tau_alpha, color=GREY, lw=0.8, ls=":")
    by_time(axes)
    correlation_axis(axes, r"Pearson r of $\mathcal{E}_{ij}$, A-A")
    legend(figure, [axes])
    sheet.remark("Dotted lines: relaxation times.")
    sheet.judge_all(
        1, {f"{s}, less 0.5": v[0] - 0.5 for s, v in found.items()}, "r at the first time"
    )
    falls = {
        f"{s}, time {k + 1} less {k + 2}": v[k] - v[k + 1]
        for s, v in found.items()
        for k in range(len(v) - 1)
    }
    sheet.judge_all(2, falls, "r from one time to the next")
    return figure


@styled
def draw_targets(material: Material, sheet: Sheet) -> Figure:
    """Figures 8a to 8c."""
    point = material.point
    wanted = float(sheet.entry.parameters["temperature"])
    figure, (axes,) = panels(1, height=3.0)
    x = point.times / point.tau_alpha
    trainings = {
        "BOTAN S": "BOTAN",
        "NT-GNN S": "NT-GNN",
        "NT-GNN R": "NT-GNN R",
        "NT-GNN D": "NT-GNN D",
    }
    found = {}
    for k, (series, training) in enumerate(trainings.items()):
        repeats = [
            correlations(forecasts, point).each
            for forecasts in material.repeats(training, point, point)
        ]
        found[series] = repeats[0]
        repeated_curve(sheet, axes, "main", series, x, repeats, k)
    time, value = public_scores(wanted, "pcc_mean_md_A", "BOTAN")
    others(sheet, axes, "main", "BOTAN S", time / RELAXATION[wanted], value, 0, "public")
    marks_legend(axes, sheet)
    by_time(axes, TIME_LABEL, 1.0)
    correlation_axis(axes, "Pearson r, species A")
    legend(figure, [axes])
    _judge_targets(sheet, point, found)
    return figure


def _judge_targets(sheet: Sheet, point: Point, found: dict[str, FloatArray]) -> None:
    botan, plain = found["BOTAN S"], found["NT-GNN S"]
    first = np.flatnonzero(point.times < 0.2)
    if len(first):
        sheet.judge(1, plain[first].mean(axis=0) - 0.7, "r of S by NT-GNN for t < 0.2, less 0.7")
    else:
        sheet.leave(1, "no time of the data is below 0.2")
    next_ones = np.flatnonzero((point.times >= 0.2) & (point.times < 0.1 * point.tau_alpha))
    if len(next_ones):
        sheet.judge(2, 0.5 - plain[next_ones].mean(axis=0), "0.5 less r of S by NT-GNN, next times")
    else:
        sheet.leave(2, "no time of the data lies between 0.2 and a tenth of the relaxation time")
    peak = point.times[int(np.argmax(plain[len(first) :].mean(axis=1))) + len(first)]
    ratio = float(peak / point.tau_alpha)
    sheet.decide(
        3,
        0.3 < ratio < 3,
        f"r of S by NT-GNN, beyond t = 0.2, is highest at {ratio:.2g} relaxation times",
    )
    lead = {f"t = {t:g}": botan[k] - plain[k] for k, t in enumerate(point.times)}
    sheet.judge_all(4, lead, "r of S, BOTAN less NT-GNN")
    early, late = (rows_within(point, span) for span in ((0.0, 0.1), (0.1, np.inf)))
    better = np.minimum(found["NT-GNN R"], found["NT-GNN D"]) - plain
    parts = {"all times": better.mean(axis=0)}
    if len(early) and len(late):
        parts["early less late"] = better[early].mean(axis=0) - better[late].mean(axis=0)
    sheet.judge_all(5, parts, "the lesser r of R and D less that of S, NT-GNN")


def _moments(sheet: Sheet, point: Point, times: tuple[float, ...]) -> dict[str, Moment]:
    found = {}
    for time in times:
        moment = point.at(time, _RELAXATION)
        if moment is None:
            sheet.lacks("main", f"t = {time:g}", _NONE)
        else:
            found[f"t = {time:g}"] = moment
            sheet.remark(f"Drawn for t = {time:g}: t = {moment.time:g}.")
    return found


@styled
def draw_rounds(material: Material, sheet: Sheet) -> Figure:
    """Figure 9."""
    point = material.point
    trainings = {1: "BOTAN n = 1", 2: "BOTAN n = 2", 4: "BOTAN n = 4", 7: "BOTAN"}
    scores = {n: correlations(material.forecasts(name), point) for n, name in trainings.items()}
    figure, (axes,) = panels(1, height=2.8)
    moments = _moments(sheet, point, (130.0, 4120.0))
    for k, (series, moment) in enumerate(moments.items()):
        values = np.array([score.each[moment.row] for score in scores.values()])
        curve(sheet, axes, "main", series, list(scores), values, k)
    axes.set_xlabel("rounds n")
    axes.set_xticks(list(scores))
    correlation_axis(axes, "Pearson r of S, species A")
    legend(figure, [axes])
    if not moments:
        for number in (1, 2):
            sheet.leave(number, _NONE)
        return figure
    rows = [m.row for m in moments.values()]
    mean = {n: score.each[rows].mean(axis=0) for n, score in scores.items()}
    sheet.judge(1, mean[7] - mean[1], "r with 7 rounds less 1")
    sheet.judge(
        2, (mean[4] - mean[1]) / 3 - (mean[7] - mean[4]) / 3, "gain a round up to 4 less beyond"
    )
    return figure


@styled
def draw_weights(material: Material, sheet: Sheet) -> Figure:
    """Figure 10."""
    point = material.point
    trainings = {p: f"scan p = {p:g}" for p in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)}
    moment = point.at(130.0, _RELAXATION)
    figure, (axes,) = panels(1, height=2.8)
    if moment is None:
        for series in ("propensity", "pair-distance change"):
            sheet.lacks("main", series, _NONE)
        sheet.leave(1, _NONE)
        return figure
    sheet.remark(f"Drawn is {moment.words}.")
    nodes = {
        p: correlations(material.forecasts(name), point).each[moment.row]
        for p, name in trainings.items()
        if p > 0
    }
    pairs = {
        p: pair_correlations(material.forecasts(name), point).each[moment.row]
        for p, name in trainings.items()
        if p < 1
    }
    for k, (series, values) in enumerate(
        {"propensity": nodes, "pair-distance change": pairs}.items()
    ):
        curve(sheet, axes, "main", series, list(values), np.array(list(values.values())), k)
    axes.axvspan(0.2, 0.6, color=GREY, alpha=0.13, lw=0)
    sheet.add("main", "propensity", source="printed", x=[0.2, 0.6], text="optimum of the paper")
    axes.set_xlabel("weight p of the nodes")
    correlation_axis(axes, "Pearson r")
    legend(figure, [axes])
    sheet.remark("Grey: the optimum of the paper.")
    lost = {}
    for name, values in (("propensity", nodes), ("pairs", pairs)):
        means = {p: float(v.mean()) for p, v in values.items()}
        inside = min(means[p] for p in (0.2, 0.4, 0.6))
        lost[name] = max(means.values()) - inside
    told = ", ".join(f"{name} {value:.3f}" for name, value in lost.items())
    sheet.decide(1, max(lost.values()) < 0.03, f"best r less the worst from 0.2 to 0.6: {told}")
    return figure
