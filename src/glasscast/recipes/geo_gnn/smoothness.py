"""Smoothness of propensities: figures 1, 2, 8 and 9 of the Geo-GNN paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.stats import ttest_ind

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.correlation import pearson
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import find_neighbours
from glasscast.recipes.curves import STAGE, by_stage, legend, panels
from glasscast.recipes.maps import colour_bar, dots, frame, limits_of, slab
from glasscast.recipes.material import Material, Moment
from glasscast.recipes.scoring import (
    correlations,
    deviations,
    quotients,
    truth_of,
)
from glasscast.recipes.sheet import Sheet
from glasscast.recipes.stages import (
    EARLY,
    LATE,
    Rows,
    lack_stages,
    rows_between,
    three_stages,
)
from glasscast.report.style import GREY, series_style, styled

CUTOFF = 2.0  # of the smoothness graph, in sigma

_NON_SMOOTH = 0.2  # |lambda| above which a particle counts as non-smooth

PROPENSITY = "propensity (σ)"


def true_quotients(configurations: Sequence[Configuration]) -> FloatArray:
    """Rayleigh quotients of the truth: (T, C)."""
    return quotients(configurations, [truth_of("propensity")(c) for c in configurations])


def fall(
    quotient: FloatArray, found: Mapping[str, Moment], later: tuple[str, ...]
) -> dict[str, FloatArray]:
    """How much higher R is at S = 0.8 than at later stages: words -> (C,)."""
    if "S = 0.8" not in found:
        return {}
    first = quotient[found["S = 0.8"].row]
    return {
        f"R at S = 0.8 less R at {label}": first - quotient[found[label].row]
        for label in later
        if label in found
    }


def judge_fall(sheet: Sheet, number: int, parts: Mapping[str, FloatArray], words: str) -> None:
    """Judge that R falls, if the data reach both stages."""
    if parts:
        sheet.judge_all(number, dict(parts), words)
    else:
        sheet.leave(number, "the data do not reach both an early and a late stage")


@styled
def draw_propensity_map(material: Material, sheet: Sheet) -> Figure:
    """Figure 1a."""
    point = material.point
    found = three_stages(sheet, point)
    lack_stages(sheet, found)
    shown = point.tested[0]
    mine = shown.types == 0
    values = truth_of("propensity")(shown)
    figure, axes = panels(len(found), height=2.6)
    for each, (label, moment) in zip(axes, found.items(), strict=True):
        colour = values[moment.row, mine]
        image = dots(
            sheet, each, label, "truth", shown.positions[mine][:, :2], colour, limits_of([colour])
        )
        frame(each, shown)
        each.set_title(moment.words)
        colour_bar(figure, image, [each], PROPENSITY)
    quotient = true_quotients(point.everything)
    judge_fall(
        sheet, 1, fall(quotient, found, ("S = 1/e", "S = 0.1")), "Rayleigh quotients of the truth"
    )
    return figure


@styled
def draw_propensity_graph(material: Material, sheet: Sheet) -> Figure:
    """Figure 1b: a slab of the graph of A particles."""
    point = material.point
    found = three_stages(sheet, point)
    lack_stages(sheet, found)
    shown = point.tested[0]
    middle = float(shown.box[2]) / 2
    inside = slab(shown, middle - 1, middle + 1, sheet) & (shown.types == 0)
    places = shown.positions[inside]
    edges = find_neighbours(places, shown.box, CUTOFF)
    once = edges.receivers < edges.senders
    start = places[edges.receivers[once]]
    stop = start + edges.vectors[once]
    values = truth_of("propensity")(shown)[:, inside]
    figure, axes = panels(len(found), height=2.6)
    for each, (label, moment) in zip(axes, found.items(), strict=True):
        colour = values[moment.row]
        lines = np.stack([start[:, :2], stop[:, :2]], axis=1)
        each.add_collection(LineCollection(list(lines), colors=GREY, linewidths=0.25, alpha=0.5))
        centre = (start + stop)[:, :2] / 2
        step = (stop - start)[:, :2]
        sheet.add(label, "edges", x=centre[:, 0], y=centre[:, 1], u=step[:, 0], v=step[:, 1])
        image = dots(
            sheet, each, label, "nodes", places[:, :2], colour, limits_of([colour]), size=11
        )
        image.set_zorder(3)
        frame(each, shown)
        each.set_title(moment.words)
        colour_bar(figure, image, [each], PROPENSITY)
    sheet.remark(f"The slab holds {inside.sum()} A particles and {once.sum()} edges.")
    jumps = np.array([_jumps(c) for c in point.everything]).T
    parts = {}
    if "S = 0.8" in found:
        first = jumps[found["S = 0.8"].row]
        parts = {
            f"jump at S = 0.8 less at {label}": first - jumps[found[label].row]
            for label in ("S = 1/e", "S = 0.1")
            if label in found
        }
    judge_fall(sheet, 1, parts, "mean |jump| along edges over the spread of the propensity")
    return figure


def _jumps(configuration: Configuration) -> FloatArray:
    """Mean absolute difference along edges of A particles over the standard deviation: (T,)."""
    mine = configuration.types == 0
    edges = find_neighbours(configuration.positions[mine], configuration.box, CUTOFF)
    values = truth_of("propensity")(configuration)[:, mine]
    step = np.abs(values[:, edges.receivers] - values[:, edges.senders]).mean(axis=1)
    return np.asarray(step / values.std(axis=1))


@styled
def draw_rayleigh(material: Material, sheet: Sheet) -> Figure:
    """Figure 2a: violins of the Rayleigh quotient."""
    point = material.point
    every = true_quotients(point.everything)
    groups = {"training": every[:, : len(point.trained)], "test": every[:, -len(point.tested) :]}
    figure, (axes,) = panels(1, height=3.0)
    for k, (name, values) in enumerate(groups.items()):
        _violins(axes, point.scattering, values, k, name, offset=(0.5 - k) * 0.03)
        sheet.add("main", name, x=np.repeat(point.scattering, values.shape[1]), y=values.ravel())
    inset = axes.inset_axes((0.77, 0.62, 0.22, 0.32))
    inset.plot(point.scattering, every.mean(axis=1), "o-", color=GREY, ms=3, lw=1)
    inset.set_xlim(1, 0)
    inset.set_xticks([1.0, 0.5, 0.0])
    inset.tick_params(labelsize=6.5)
    inset.set_title("mean of all", fontsize=7, pad=2)
    sheet.add("inset", "mean", x=point.scattering, y=every.mean(axis=1))
    by_stage(axes)
    axes.set_ylabel("Rayleigh quotient R")
    axes.set_ylim(bottom=0, top=1.35 * max(float(v.max()) for v in groups.values()))
    legend(figure, [axes])
    early, late = rows_between(point, EARLY), rows_between(point, LATE)
    _judge_early(sheet, 1, every, early, late)
    steps = {
        f"R at t = {point.times[a]:g} less at {point.times[b]:g}": every[a] - every[b]
        for a, b in pairwise(late)
    }
    judge_fall(sheet, 2, steps, "R of all graphs")
    apart = [
        float(ttest_ind(a, b, equal_var=False).pvalue)
        for a, b in zip(groups["training"], groups["test"], strict=True)
    ]
    sheet.decide(
        3,
        min(apart) > 0.05 / len(apart),
        f"Welch's test of training against test at each time: smallest p = {min(apart):.2f} of "
        f"{len(apart)}",
    )
    return figure


def _judge_early(sheet: Sheet, number: int, values: FloatArray, early: Rows, late: Rows) -> None:
    if len(early) and len(late):
        difference = values[early].mean(axis=0) - values[late].mean(axis=0)
        sheet.judge(number, difference, "R at early less R at late stages")
    else:
        sheet.leave(number, "the data do not reach both early and late stages")


def _violins(
    axes: Axes, x: FloatArray, values: FloatArray, style: int, label: str, offset: float = 0.0
) -> None:
    """Violins of (T, C) values at x (T,); dots where there are too few for a shape."""
    colour = series_style(style)["color"]
    if values.shape[1] > 3:
        drawn = axes.violinplot(list(values), x + offset, widths=0.05, showextrema=False)
        for body in list(drawn["bodies"]):  # type: ignore[call-overload]
            body.set_facecolor(colour)
            body.set_alpha(0.35)
    looks = series_style(style) | {"ls": "none", "ms": 3.0}
    spread = np.repeat(x + offset, values.shape[1])
    axes.plot(spread, values.ravel(), label=label, alpha=0.8, **looks)


@styled
def draw_local_smoothness(material: Material, sheet: Sheet) -> Figure:
    """Figure 2b: distributions of lambda."""
    point = material.point
    everything = point.everything
    fields = [truth_of("propensity")(c) for c in everything]
    local = deviations(everything, fields)
    figure, (axes,) = panels(1, height=3.2)
    bins = np.linspace(-1, 2, 61)
    middle = (bins[1:] + bins[:-1]) / 2
    for k, time in enumerate(point.times):
        values = np.concatenate([each[k] for each in local])
        values = values[np.isfinite(values)]
        share = np.histogram(values, bins)[0] / len(values) / np.diff(bins)
        label = f"{point.scattering[k]:.2f} (t = {time:g})"
        looks = series_style(k) | {"marker": "", "lw": 1.3}
        axes.plot(middle, share, label=label, **looks)
        sheet.add("main", label, x=middle, y=share)
    means = np.array([np.nanmean(each, axis=1) for each in local]).T  # (T, C)
    inset = axes.inset_axes((0.6, 0.55, 0.37, 0.38))
    inset.plot(point.scattering, means.mean(axis=1), "o-", color=GREY, ms=3, lw=1)
    inset.set_xlim(1, 0)
    inset.set_xticks([1.0, 0.5, 0.0])
    inset.set_title(r"mean $\lambda$", fontsize=7, pad=2)
    inset.tick_params(labelsize=6.5)
    sheet.add("inset", "mean", x=point.scattering, y=means.mean(axis=1))
    axes.set_xlabel(r"local smoothness $\lambda$")
    axes.set_xlim(-0.75, 1.5)
    axes.set_ylabel("probability density")
    legend(figure, [axes], title=STAGE)
    spread = np.array([np.nanstd(each, axis=1) for each in local]).T
    rough = np.array([np.nanmean(np.abs(each) > _NON_SMOOTH, axis=1) for each in local]).T
    early, late = rows_between(point, EARLY), rows_between(point, LATE)
    if len(early) and len(late):
        first, last = early[0], late[-1]
        words = f"t = {point.times[first]:g} less that at t = {point.times[last]:g}"
        sheet.judge(1, spread[first] - spread[last], f"standard deviation of lambda at {words}")
        sheet.judge(2, rough[first] - rough[last], f"share of |lambda| > 0.2 at {words}")
        sheet.judge(3, rough[last] - 0.01, "share of |lambda| > 0.2 last, less one in a hundred")
    else:
        for number in (1, 2, 3):
            sheet.leave(number, "the data do not reach both early and late stages")
    quotient = quotients(everything, fields)
    r = pearson(means.mean(axis=1), quotient.mean(axis=1))
    sheet.decide(
        4, r > 0.9, f"Pearson r of mean lambda and mean R over {len(point.times)} times: {r:.3f}"
    )
    return figure


@styled
def draw_forecast_rayleigh(material: Material, sheet: Sheet) -> Figure:
    """Figures 8a (truth) and 8b (forecast)."""
    point, of = material.point, str(sheet.entry.parameters["of"])
    true = true_quotients(point.tested)
    forecasts = material.forecasts("Geo-GNN")
    made = quotients(point.tested, [f.values.astype(np.float64) for f in forecasts])
    values = true if of == "truth" else made
    figure, (axes,) = panels(1, height=2.8)
    _violins(axes, point.scattering, values, 0 if of == "truth" else 1, of)
    axes.plot(point.scattering, values.mean(axis=1), color=GREY, lw=1)
    sheet.add("main", of, x=np.repeat(point.scattering, values.shape[1]), y=values.ravel())
    by_stage(axes)
    axes.set_ylabel("Rayleigh quotient R")
    axes.set_ylim(bottom=0)
    legend(figure, [axes])
    found = three_stages(sheet, point)
    later = ("S = 1/e", "S = 0.1")
    parts = {f"forecast, {k}": v for k, v in fall(made, found, later).items()}
    parts |= {f"truth, {k}": v for k, v in fall(true, found, later).items()}
    judge_fall(sheet, 1, parts, "Rayleigh quotients")
    return figure


@styled
def draw_unrolled(material: Material, sheet: Sheet) -> Figure:
    """Figure 9: t-SNE of the periodic coordinates, supplement eqs. 1 and 2."""
    from sklearn.manifold import TSNE

    point = material.point
    label = str(sheet.entry.parameters["label"])
    moment = point.stage(float(sheet.entry.parameters["stage"]), label)
    shown = point.tested[0]
    figure, axes = panels(2, columns=2, height=2.9)
    forecast = material.forecasts("Geo-GNN")[0]
    truth = truth_of("propensity")(shown)
    true_quotient = true_quotients(point.everything)
    found = three_stages(sheet, point)
    judge_fall(
        sheet, 2, fall(true_quotient, found, ("S = 1/e", "S = 0.1")), "Rayleigh quotients, truth"
    )
    if moment is None:
        for panel in ("truth", "Geo-GNN"):
            sheet.lacks(panel, "propensity", "no time of the data is near this stage")
        sheet.leave(1, "no time of the data is near this stage")
        return figure
    mine = shown.types == 0
    phase = 2 * np.pi * shown.positions[mine] / shown.box
    features = np.concatenate([np.sin(phase), np.cos(phase)], axis=1)
    plane = TSNE(perplexity=30, random_state=0, init="pca").fit_transform(features)
    pictures = {"truth": truth[moment.row, mine], "Geo-GNN": forecast.values[moment.row, mine]}
    for each, (panel, values) in zip(axes, pictures.items(), strict=True):
        values = np.asarray(values, dtype=np.float64)
        image = dots(sheet, each, panel, "propensity", plane, values, limits_of([values]), size=4)
        each.set_title(f"{panel}, {moment.words}")
        each.set_xticks([])
        each.set_yticks([])
        each.spines[["left", "bottom"]].set_visible(False)
        each.set_aspect("equal")
        colour_bar(figure, image, [each], PROPENSITY)
    score = correlations(material.forecasts("Geo-GNN"), point).each[moment.row]
    sheet.judge(1, score - 0.3, f"r of forecast and truth at {moment.words}, less 0.3")
    return figure
