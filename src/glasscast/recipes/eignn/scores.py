"""Scores against time and ablations: figures 3, 4 and 8 of the EIGNN paper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import RELAXATION, legend, marks_legend, others, panels, public_scores
from glasscast.recipes.material import Material, Point
from glasscast.recipes.regimes import (
    AFTER,
    CAGE,
    EARLY,
    FROM,
    PUBLIC,
    mean_within,
    rows_within,
    time_curves,
)
from glasscast.recipes.sheet import Sheet
from glasscast.report.style import styled

SIX = ("EIGNN-Cage", "EIGNN-Inh", "CAGE", "GlassMLP", "BOTAN", "SE(3)-GNN")
_BOTH = ("EIGNN-Cage", "EIGNN-Inh")
_METRICS = {"mean": "pcc_mean_md_A", "all": "pcc_all_md_A"}
Scores = Mapping[str, FloatArray]


def _best(found: Scores, names: tuple[str, ...]) -> FloatArray:
    """Score of the model that is best on average: (T, C)."""
    return np.asarray(np.max([found[name] for name in names], axis=0))


def _rest(*names: str) -> tuple[str, ...]:
    return tuple(name for name in SIX if name not in names)


@styled
def draw_models(material: Material, sheet: Sheet) -> Figure:
    """Figures 3a and 3b."""
    metric = str(sheet.entry.parameters["metric"])
    figure, (axes,) = panels(1, height=3.2)
    found = time_curves(
        material, sheet, axes, "main", {name: name for name in SIX}, metric, public_at=0.44
    )
    marks_legend(axes, sheet)
    legend(figure, [axes])
    point = material.point
    cage, cage_lr = found["EIGNN-Cage"], found["CAGE"]
    sheet.judge(
        1,
        mean_within(cage - _best(found, _rest("EIGNN-Cage")), point, CAGE),
        "EIGNN-Cage less the best of the others at each time, 0.01 to 1.3 relaxation times",
    )
    sheet.judge(
        2,
        mean_within(cage_lr - _best(found, _rest("EIGNN-Cage", "CAGE")), point, EARLY),
        "CAGE less the best of the others but EIGNN-Cage, 0.01 to 0.2 relaxation times",
    )
    sheet.judge(
        3,
        mean_within(cage_lr - _best(found, ("EIGNN-Inh", "GlassMLP")), point, EARLY) - 0.05,
        "CAGE less the better of EIGNN-Inh and GlassMLP early, less 0.05",
    )
    apart = np.abs(mean_within(cage - found["EIGNN-Inh"], point, FROM))
    if len(apart):
        mean = float(apart.mean())
        sheet.decide(4, mean < 0.03, f"|EIGNN-Cage less EIGNN-Inh|, late: {mean:.3f}")
    else:
        sheet.leave(4, "the data do not reach the relaxation time")
    _judge_falls(sheet, 5, found, point)
    if metric == "all":
        ours = mean_within(found["SE(3)-GNN"] - _best(found, _BOTH), point, AFTER)
        sheet.judge(6, ours, "SE(3)-GNN less the better EIGNN after the relaxation time")
        return figure
    worse = np.minimum(*(found[name] for name in _BOTH))
    sheet.judge(
        6,
        mean_within(worse - _best(found, _rest(*_BOTH)), point, FROM),
        "the lesser EIGNN less the best of the others from the relaxation time on",
    )
    sheet.judge(
        7,
        mean_within(found["EIGNN-Inh"] - found["SE(3)-GNN"], point, CAGE),
        "EIGNN-Inh less SE(3)-GNN, which reads the inherent energy alone, to the relaxation time",
    )
    return figure


def _judge_falls(sheet: Sheet, number: int, found: Scores, point: Point) -> None:
    after = rows_within(point, AFTER)
    at = point.nearest(point.tau_alpha)
    if not len(after):
        sheet.leave(number, "the data end at the relaxation time")
        return
    parts = {name: values[at] - values[after[-1]] for name, values in found.items()}
    sheet.judge_all(number, parts, f"r at the relaxation time less r at t = {point.times[-1]:g}")


@styled
def draw_temperatures(material: Material, sheet: Sheet) -> Figure:
    """Figures 4a and 4b: public scores alone where the data lack a temperature."""
    metric = str(sheet.entry.parameters["metric"])
    figure, axes = panels(3, height=2.7)
    found: dict[float, Scores] = {}
    for each, temperature in zip(axes, (0.50, 0.56, 0.64), strict=True):
        panel = f"T = {temperature:.2f}"
        point = material.at_temperature(temperature)
        each.set_title(panel)
        if point is None:
            for k, name in enumerate(SIX):
                time, value = public_scores(temperature, _METRICS[metric], PUBLIC[name])
                x = time / RELAXATION[temperature]
                others(sheet, each, panel, name, x, value, k, "public")
                sheet.lacks(panel, name, f"the data do not hold {panel}")
            each.set_xscale("log")
            each.set_xlabel(r"$t / \tau_\alpha$")
            each.axvline(1.0, color="#666666", lw=0.8, ls=":")
            continue
        names = {name: name for name in SIX}
        found[temperature] = time_curves(
            material, sheet, each, panel, names, metric, point, temperature
        )
    axes[0].set_ylabel(f"Pcc({metric}), species A")
    for each in axes[1:]:
        each.set_ylabel("")
    marks_legend(axes[-1], sheet)
    legend(figure, axes)
    _judge_temperatures(material, sheet, found)
    return figure


def _judge_temperatures(material: Material, sheet: Sheet, found: Mapping[float, Scores]) -> None:
    held = ", ".join(f"{t:g}" for t in found) or "none"
    low = [t for t in (0.50, 0.56) if t in found]
    if low:
        parts = {}
        for t in low:
            point = material.at_temperature(t)
            assert point is not None
            lead = _best(found[t], _BOTH) - _best(found[t], _rest(*_BOTH))
            parts[f"T = {t:g}"] = lead.mean(axis=0)
        sheet.judge_all(1, parts, "better EIGNN less best of the others, mean over times")
    else:
        sheet.leave(1, f"it takes T = 0.50 or 0.56; of the three the data hold {held}")
    early = {}
    for t, scores in found.items():
        point = material.at_temperature(t)
        assert point is not None
        early[t] = (scores["BOTAN"] - _best(scores, _rest("BOTAN")))[0]
    change = {t: (s["EIGNN-Inh"] - s["EIGNN-Cage"])[-1].mean() for t, s in found.items()}
    if len(early) > 1:
        cold, hot = min(early), max(early)
        words = f"T = {hot:g} less {cold:g}"
        gained = float(early[hot].mean() - early[cold].mean())
        sheet.decide(2, gained > 0, f"lead of BOTAN at the first time, {words}: {gained:.3f}")
        rise = float(change[hot] - change[cold])
        sheet.decide(
            4, rise > 0, f"EIGNN-Inh less EIGNN-Cage at the last time, {words}: {rise:.3f}"
        )
    else:
        told = "; ".join(f"T = {t:g}: {v.mean():.3f}" for t, v in early.items())
        sheet.leave(2, f"it takes two temperatures; lead of BOTAN at the first time, {told}")
        told = "; ".join(f"T = {t:g}: {v:.3f}" for t, v in change.items())
        sheet.leave(
            4, f"it takes two temperatures; EIGNN-Inh less EIGNN-Cage at the last time, {told}"
        )
    hot_point = material.at_temperature(0.64)
    if hot_point is None or 0.64 not in found:
        sheet.leave(3, f"it takes T = 0.64; the data hold {held}")
        return
    scores = found[0.64]
    lead = np.minimum(scores["BOTAN"], scores["SE(3)-GNN"]) - _best(
        scores, ("EIGNN-Cage", "EIGNN-Inh", "CAGE", "GlassMLP")
    )
    sheet.judge(
        3,
        mean_within(lead, hot_point, (0.0, 0.7)),
        "the lesser of BOTAN and SE(3)-GNN less the best of the others, before the relaxation time",
    )


@styled
def draw_variants(material: Material, sheet: Sheet) -> Figure:
    """Figure 8a."""
    names = ("EIGNN-Inh", "EIGNN-Inh-A", "EIGNN-Inh-B")
    figure, (axes,) = panels(1, height=3.0)
    found = time_curves(material, sheet, axes, "main", {n: n for n in names}, public_at=0.44)
    marks_legend(axes, sheet)
    legend(figure, [axes])
    full, a, b = found.values()
    point = material.point
    sheet.judge(
        1, mean_within(full - a, point, (0.2, 1.3)), "full less A, 0.2 to 1.3 relaxation times"
    )
    sheet.judge(2, mean_within(full - b, point, CAGE), "full less B, 0.01 to 1.3 relaxation times")
    return figure


@styled
def draw_layers(material: Material, sheet: Sheet) -> Figure:
    """Figure 8b."""
    models = {
        "1 layer": "EIGNN-Inh 1 layer",
        "3 layers": "EIGNN-Inh 3 layers",
        "7 layers": "EIGNN-Inh",
    }
    figure, (axes,) = panels(1, height=3.0)
    found = time_curves(material, sheet, axes, "main", models, public_at=0.44)
    marks_legend(axes, sheet)
    legend(figure, [axes])
    one, three, seven = (values.mean(axis=0) for values in found.values())
    sheet.judge(1, one - 0.75 * seven, "r of one layer less three quarters of that of seven")
    sheet.judge(2, three - one - 0.02, "r of three layers less one, less 0.02")
    little = float((seven - three).mean())
    sheet.decide(3, little < 0.02, f"r of seven layers less three, mean over times: {little:.3f}")
    return figure
