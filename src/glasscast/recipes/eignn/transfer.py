"""From one temperature to others: figures 5 and 6 of the EIGNN paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glasscast.datasets.dataset import Dataset
from glasscast.evaluation.correlation import PairMoments
from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import legend, marks_legend, others, panels, public_scores
from glasscast.recipes.material import Material, Point
from glasscast.recipes.regimes import PUBLIC
from glasscast.recipes.sheet import Sheet, half_width
from glasscast.report.style import series_style, styled

_LINES = ("-", "--", "-.", ":")
Table = dict[tuple[str, float, float], tuple[FloatArray, float]]


def _scores_at_relaxation(
    material: Material, training: str, at: Point, tested: Sequence[Point], together: Point
) -> list[tuple[FloatArray, float]]:
    """Correlation at the relaxation times of both points: (C,) within, and pooled.

    Parameters
    ----------
    at : trained at.
    tested : points tested at.
    together : their test data, forecast in one go, so that there is one training.
    """
    row, found, begin = at.nearest(at.tau_alpha), [], 0
    made = material.forecast(training, at, together)
    for on in tested:
        true_row, moments = on.nearest(on.tau_alpha), []
        for forecast, truth in zip(made[begin:], on.tested, strict=False):
            mine = truth.types == 0
            assert truth.propensity is not None
            values = forecast.values[row, mine]
            moments.append(PairMoments.of(values, truth.propensity[true_row, mine]))
        begin += len(on.tested)
        joined = PairMoments.join(moments)
        found.append((joined.pearson(), float(joined.pearson_pooled()[0])))
    return found


def _joined(points: Sequence[Point]) -> Point:
    """Return a point with the test data of several."""
    if len(points) == 1:
        return points[0]
    test = Dataset.join([point.test for point in points])
    return replace(points[0], name="+".join(p.name for p in points), test=test)


def _points(material: Material) -> list[Point]:
    return [p for p in material.points if p.temperature is not None]


def _table(material: Material, sheet: Sheet, models: Sequence[str]) -> Table:
    """Every model trained at every temperature, tested at all."""
    points, found = _points(material), {}
    together = _joined(points)
    for name in models:
        for at in points:
            scores = _scores_at_relaxation(material, name, at, points, together)
            for on, score in zip(points, scores, strict=True):
                found[name, float(at.temperature or 0), float(on.temperature or 0)] = score
    missing = sorted({0.44, 0.50, 0.56, 0.64} - {p.temperature for p in points})
    if missing:
        sheet.remark(
            f"Of the four temperatures the data lack {', '.join(f'{t:g}' for t in missing)}."
        )
    return found


def _draw(sheet: Sheet, axes: Sequence[Axes], models: Sequence[str], found: Table) -> None:
    trained = sorted({key[1] for key in found})
    tested = sorted({key[2] for key in found})
    for k, name in enumerate(models):
        for j, at in enumerate(trained):
            scores = [found[name, at, on] for on in tested]
            looks = series_style(k) | {"ls": _LINES[j % 4], "ms": 4, "lw": 1.2}
            label = f"{name} / {at:g}"
            x = np.array(tested) + 0.002 * (k - len(models) / 2)
            means = np.array([s[0].mean() for s in scores])
            reach = np.array([half_width(s[0]) for s in scores])
            bars = np.nan_to_num(reach)
            axes[0].errorbar(x, means, yerr=bars, label=label, elinewidth=0.7, **looks)
            pooled = np.array([s[1] for s in scores])
            axes[1].plot(x, pooled, label=label, **looks)
            text = [f"trained at {at:g}"] * len(x)
            low, high = means - reach, means + reach
            sheet.add("mean", name, x=tested, y=means, low=low, high=high, text=text)
            sheet.add("all", name, x=tested, y=pooled, text=text)


def _finish(sheet: Sheet, figure: Figure, axes: Sequence[Axes]) -> Figure:
    for each, panel in zip(axes, ("mean", "all"), strict=True):
        each.set_xlabel("temperature tested at")
        each.set_title(f"Pcc({panel})")
        each.set_xlim(0.42, 0.66)
        each.set_ylim(0, 1)
    axes[0].set_ylabel(r"Pearson r of A at $\tau_\alpha$")
    marks_legend(axes[1], sheet)
    legend(figure, axes)
    return figure


@styled
def draw_transfer(material: Material, sheet: Sheet) -> Figure:
    """Figure 5."""
    models = ("EIGNN-Inh", "EIGNN-Cage", "SE(3)-GNN", "CAGE", "GlassMLP")
    found = _table(material, sheet, models)
    figure, axes = panels(2, columns=2, height=3.0)
    _draw(sheet, axes, models, found)
    _public_baselines(sheet, axes[1], models)
    held = sorted({key[1] for key in found})
    if len(held) < 2:
        for number in range(1, 7):
            sheet.leave(number, f"it takes two temperatures, the data hold {held[0]:g} alone")
    else:
        _judge_transfer(sheet, found, models)
    return _finish(sheet, figure, axes)


def _public_baselines(sheet: Sheet, axes: Axes, models: Sequence[str]) -> None:
    times = {0.44: 4120.0, 0.50: 217.0, 0.56: 52.0, 0.64: 16.5}
    for k, name in enumerate(models):
        for at in times:
            x, y = [], []
            for on, tau in times.items():
                metric = f"pcc_all_md_A_trained_at_T{at:.2f}"
                time, value = public_scores(on, metric, PUBLIC[name])
                near = np.flatnonzero(np.isclose(time, tau, rtol=0.05))
                if len(near):
                    x.append(on)
                    y.append(value[near[0]])
            others(sheet, axes, "all", name, x, y, k, "public")


def _judge_transfer(sheet: Sheet, found: Table, models: Sequence[str]) -> None:
    """Judge by what is kept of a model's own score where it was not trained."""
    held = sorted({key[1] for key in found})
    foreign = [(a, b) for a in held for b in held if a != b]

    def kept(name: str) -> float:
        return float(np.mean([found[name, a, b][0].mean() for a, b in foreign]))

    scores = {name: kept(name) for name in models}
    told = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    best = max(scores, key=lambda n: scores[n])
    sheet.decide(1, best.startswith("EIGNN"), f"r where not trained: {told}")
    sheet.decide(2, scores["EIGNN-Inh"] > scores["EIGNN-Cage"], f"r where not trained: {told}")
    sheet.decide(3, scores["CAGE"] > scores["GlassMLP"], f"r where not trained: {told}")
    cold = min(held)
    if not np.isclose(cold, 0.44):
        for number in (4, 5, 6):
            sheet.leave(number, f"it takes T = 0.44; the lowest of the data is {cold:g}")
        return
    hot = max(held)
    fall = {n: found[n, cold, cold][0] - found[n, hot, cold][0] for n in ("EIGNN-Cage", "CAGE")}
    sheet.judge_all(4, fall, f"r at 0.44, trained there less trained at {hot:g}")
    se3, inh = found["SE(3)-GNN", cold, cold][0], found["EIGNN-Inh", cold, cold][0]
    sheet.judge_all(
        5,
        {
            "0.03 less |EIGNN-Inh less SE(3)-GNN| at 0.44": 0.03 - np.abs(inh - se3),
            f"own less SE(3)-GNN from 0.44 at {hot:g}": found["SE(3)-GNN", hot, hot][0]
            - found["SE(3)-GNN", cold, hot][0],
        },
        "SE(3)-GNN from 0.44",
    )
    near = [t for t in held if np.isclose(t, 0.50)]
    if near:
        lost = float((inh - found["EIGNN-Inh", near[0], cold][0]).mean())
        sheet.decide(6, lost < 0.03, f"EIGNN-Inh at 0.44, from there less from 0.50: {lost:.3f}")
    else:
        sheet.leave(6, "it takes T = 0.50")


@styled
def draw_together(material: Material, sheet: Sheet) -> Figure:
    """Figure 6: trainings at one temperature and at all together."""
    models = ("EIGNN-Inh", "EIGNN-Cage", "SE(3)-GNN")
    found = _table(material, sheet, models)
    figure, axes = panels(2, columns=2, height=3.0)
    _draw(sheet, axes, models, found)
    _public_baselines(sheet, axes[1], models)
    held = sorted({key[1] for key in found})
    together = material.together()
    if together is None:
        why = f"a training at all temperatures takes two, the data hold {held[0]:g} alone"
        for panel in ("mean", "all"):
            for name in ("EIGNN-Inh/All", "EIGNN-Cage/All"):
                sheet.lacks(panel, name, why)
        for number in range(1, 5):
            sheet.leave(number, why)
        return _finish(sheet, figure, axes)
    point, parts = together
    everything = _joined(parts)
    joint: dict[tuple[str, float], FloatArray] = {}
    for k, name in enumerate(("EIGNN-Inh", "EIGNN-Cage"), len(models)):
        scores = _scores_at_relaxation(material, name, point, parts, everything)
        x = [float(on.temperature or np.nan) for on in parts]
        for panel, each, values in (
            ("mean", axes[0], [s[0].mean() for s in scores]),
            ("all", axes[1], [s[1] for s in scores]),
        ):
            each.plot(x, values, label=f"{name} / All", **(series_style(k) | {"ms": 5}))
            sheet.add(panel, f"{name}/All", x=x, y=values)
        joint |= {(name, t): s[0] for t, s in zip(x, scores, strict=True)}
    own = [found[n, t, t][0] - joint[n, t] for n in ("EIGNN-Inh", "EIGNN-Cage") for t in held]
    lost = float(np.mean([d.mean() for d in own]))
    sheet.decide(1, 0 < lost < 0.05, f"r of a training at the temperature less at all: {lost:.3f}")
    cold = min(held)
    for number, name, hot in ((2, "EIGNN-Cage", held[1:]), (3, "EIGNN-Inh", held[1:])):
        gains = {f"from {t:g}": joint[name, cold] - found[name, t, cold][0] for t in hot}
        sheet.judge_all(number, gains, f"{name}/All less {name} at {cold:g}")
    lead = {
        f"T = {t:g}": np.minimum(joint["EIGNN-Inh", t], joint["EIGNN-Cage", t])
        - np.max([found["SE(3)-GNN", a, t][0] for a in held], axis=0)
        for t in held
        if t < 0.6
    }
    if lead:
        sheet.judge_all(4, lead, "the lesser /All less the best SE(3)-GNN")
    else:
        sheet.leave(4, "it takes T = 0.44, 0.50 or 0.56")
    return _finish(sheet, figure, axes)
