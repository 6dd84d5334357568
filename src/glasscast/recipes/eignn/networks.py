"""Costs: table 1 and figure 7 of the EIGNN paper."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from glasscast.liquid.neighbours import find_neighbours
from glasscast.recipes.curves import panels
from glasscast.recipes.eignn.scores import SIX
from glasscast.recipes.material import Material
from glasscast.recipes.sheet import Sheet
from glasscast.recipes.tables import table_figure
from glasscast.report.style import PALETTE, styled

_CUTOFF, _DEGREE, _CHANNELS = 2.0, 2, 6


@styled
def draw_costs(material: Material, sheet: Sheet) -> Figure:
    """Table 1: edges times channels times l_max^6; node-wise, particles in place of edges."""
    configurations = material.point.tested
    particles = configurations[0].size
    edges = float(
        np.mean([len(find_neighbours(c.positions, c.box, _CUTOFF).senders) for c in configurations])
    )
    tensor = float(_DEGREE**6)
    costs = {
        "SE(3)-GNN": ("|E| 6 l⁶", edges * _CHANNELS * tensor, 167000 * _CHANNELS * tensor),
        "EIGNN node-wise": ("N l⁶", particles * tensor, 4096 * tensor),
        "EIGNN edge-wise": ("|E| l⁶", edges * tensor, 167000 * tensor),
    }
    rows = []
    for name, (form, ours, printed) in costs.items():
        sheet.add("main", name, x=particles, y=ours)
        sheet.add("main", name, source="printed", x=4096, y=printed)
        rows.append([name, form, f"{ours:.3g}", f"{printed:.3g}"])
    ratio = costs["SE(3)-GNN"][1] / (costs["EIGNN node-wise"][1] + costs["EIGNN edge-wise"][1])
    sheet.decide(1, ratio > 1, f"cost of SE(3)-GNN over the two of EIGNN together: {ratio:.2f}")
    scalars = 9 * edges
    sheet.remark(
        f"The edge-wise form is a bound: at l_max = 2 an edge has nine products, {scalars:.3g}."
    )
    return table_figure(
        ["", "form", f"here, N = {particles}", "[N = 4096]"],
        rows,
        width=4.6,
        note="In brackets: the printed forms with 167000 edges.",
    )


@styled
def draw_sizes(material: Material, sheet: Sheet) -> Figure:
    """Figure 7: a training step stands for the time of a training."""
    point = material.point
    names = ("GlassMLP", "CAGE", "EIGNN-Cage", "EIGNN-Inh", "SE(3)-GNN", "BOTAN")
    assert set(names) == set(SIX)
    costs = {name: material.trained(name, point).cost for name in names}
    parameters = {name: cost.parameters for name, cost in costs.items()}
    seconds = {}
    for name, cost in costs.items():
        training = getattr(material.settings(name), "training", None)
        phases = getattr(material.settings(name), "phases", None)
        epochs = sum(p.epochs for p in phases) if phases else getattr(training, "epochs", 1)
        seconds[name] = cost.fit_seconds / (epochs * len(point.train))
    figure, axes = panels(2, columns=2, height=2.6, shared=True)
    places = np.arange(len(names))
    for each, (panel, values) in zip(
        axes, {"parameters": parameters, "seconds": seconds}.items(), strict=True
    ):
        each.barh(places, list(values.values()), color=PALETTE[5], edgecolor="black", lw=0.5)
        each.set_xscale("log")
        each.xaxis.set_major_locator(LogLocator(base=10, numticks=6))
        each.xaxis.set_minor_formatter(NullFormatter())
        for k, (name, value) in enumerate(values.items()):
            told = f"{value:.0f}" if panel == "parameters" else f"{value:.2g}"
            each.annotate(f" {told}", (value, k), va="center", fontsize=7)
            sheet.add(panel, name, x=k, y=value)
        low, high = min(values.values()), max(values.values())
        each.set_xlim(low / 3, high * 12)
    axes[0].set_yticks(places, list(names))
    axes[0].invert_yaxis()
    axes[0].set_xlabel("numbers learned")
    axes[1].set_xlabel("seconds a configuration and epoch, one core")
    cost_of = {name: f"{value:.3g}" for name, value in seconds.items()}
    networks = ("EIGNN-Cage", "EIGNN-Inh", "SE(3)-GNN", "BOTAN")
    few = max(parameters["GlassMLP"], parameters["CAGE"]) < min(parameters[n] for n in networks)
    quick = max(seconds["GlassMLP"], seconds["CAGE"]) < min(seconds[n] for n in networks) / 5
    sheet.decide(
        1,
        few and quick,
        f"parameters of GlassMLP, CAGE: {parameters['GlassMLP']:.0f}, {parameters['CAGE']:.0f}; "
        f"seconds: {cost_of['GlassMLP']}, {cost_of['CAGE']}",
    )
    eignn = max(parameters["EIGNN-Cage"], parameters["EIGNN-Inh"])
    sheet.decide(
        2,
        eignn < parameters["SE(3)-GNN"] and max(parameters, key=lambda n: parameters[n]) == "BOTAN",
        ", ".join(f"{n}: {parameters[n]:.0f}" for n in networks),
    )
    ratio = seconds["SE(3)-GNN"] / seconds["EIGNN-Inh"]
    sheet.decide(3, ratio > 2, f"seconds of SE(3)-GNN over EIGNN-Inh: {ratio:.2f}")
    sheet.leave(
        4,
        "EIGNN-Cage is trained on as many configurations as the others here; a configuration "
        f"and epoch take {cost_of['EIGNN-Cage']} s against {cost_of['EIGNN-Inh']} s of EIGNN-Inh",
    )
    ratio = seconds["EIGNN-Inh"] / seconds["BOTAN"]
    sheet.decide(5, 1 < ratio < 3, f"seconds of EIGNN-Inh over BOTAN: {ratio:.2f}")
    return figure
