"""How many descriptors it takes: figure 2, and what the supplement of Boattini et al. lists."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from glasscast.recipes.curves import correlation_axis, curve, legend, marks_legend, others, panels
from glasscast.recipes.material import Material
from glasscast.recipes.scoring import correlations
from glasscast.recipes.sheet import Sheet
from glasscast.recipes.tables import table_figure
from glasscast.report.style import series_style, styled

_PRINTED = {"LR(2)": 0.623, "GNN": 0.639}


@styled
def draw_selection(material: Material, sheet: Sheet) -> Figure:
    """Figure 2 and supplementary figure 3."""
    point = material.point
    row = point.nearest(point.tau_alpha)
    training = str(sheet.entry.parameters["training"])
    scores = next(s for s in material.selection(training, point, row) if s.species == 0)
    figure, (axes,) = panels(1, height=2.9)
    looks = series_style(0) | {"ms": 3, "lw": 1.3}
    axes.plot(scores.counts, scores.test, label="LR(2)", **looks)
    sheet.add("main", "LR(2)", x=scores.counts, y=scores.test)
    lines = {}
    for k, name in enumerate(n for n in ("SVM", "GNN") if n in sheet.entry.panels["main"]):
        lines[name] = float(correlations(material.forecasts(name), point).mean[row])
        axes.axhline(lines[name], color=series_style(k + 1)["color"], lw=1.2, ls="--", label=name)
        sheet.add("main", name, x=1.0, y=lines[name])
    if lines:
        others(sheet, axes, "main", "GNN", [100], [_PRINTED["GNN"]], 2, "printed")
        others(sheet, axes, "main", "LR(2)", [1176], [_PRINTED["LR(2)"]], 0, "printed")
    marks_legend(axes, sheet)
    axes.set_xscale("log")
    axes.set_xlabel("descriptors chosen")
    correlation_axis(axes, "Pearson r, species A")
    legend(figure, [axes])
    time = point.times[row]
    sheet.remark(f"t = {time:g}, {time / point.tau_alpha:.2g} relaxation times.")
    if not lines:
        best = float(scores.test.max())
        at = int(scores.counts[np.flatnonzero(scores.test > best - 0.01)[0]])
        sheet.decide(1, at <= 30, f"within 0.01 of the best, {best:.3f}, from {at} descriptors on")
        return figure
    first = float(scores.test[0])
    sheet.decide(1, abs(first - 0.4) < 0.08, f"r of the first descriptor alone: {first:.3f}")
    six = float(np.interp(6, scores.counts, scores.test))
    sheet.decide(2, six > lines["SVM"], f"r of six descriptors: {six:.3f}; SVM: {lines['SVM']:.3f}")
    late = float(scores.test[-1] - np.interp(50, scores.counts, scores.test))
    sheet.decide(3, late < 0.01, f"r of {scores.counts[-1]} descriptors less 50: {late:.4f}")
    return figure


@styled
def draw_first(material: Material, sheet: Sheet) -> Figure:
    """Supplementary table of the first twenty."""
    point = material.point
    row = point.nearest(point.tau_alpha)
    found = material.selection("LR(2) selected", point, row)
    scores = next(s for s in found if s.species == 0)
    names = scores.names[:20]
    training = scores.training[:20]
    sheet.add("main", "descriptors", x=np.arange(1, len(names) + 1), y=training, text=list(names))
    numbered = enumerate(zip(names, training, strict=True), 1)
    rows = [[str(k), name, f"{r:.3f}"] for k, (name, r) in numbered]
    sheet.remark(f"t = {point.times[row]:g}; X0, X1, X2 are the generations.")
    return table_figure(
        ["", "descriptor", "multiple r, training"], rows, widths=[0.1, 0.6, 0.3], width=4.2
    )


@styled
def draw_cutoffs(material: Material, sheet: Sheet) -> Figure:
    """Supplementary figure on the cutoff of the shell average."""
    point = material.point
    row = point.nearest(point.tau_alpha)
    cutoffs = (1.5, 1.9, 2.3, 2.7, 3.1)
    values = np.array(
        [correlations(material.forecasts(f"LR(2) r_c = {c}"), point).each[row] for c in cutoffs]
    )
    figure, (axes,) = panels(1, height=2.7)
    curve(sheet, axes, "main", "LR(2)", cutoffs, values, 0)
    axes.set_xlabel(r"cutoff $r_c$ of the shell average (σ)")
    correlation_axis(axes, "Pearson r, species A")
    legend(figure, [axes])
    span = float(np.ptp(values.mean(axis=1)))
    sheet.decide(1, span < 0.03, f"span of r over the cutoffs: {span:.4f}")
    return figure
