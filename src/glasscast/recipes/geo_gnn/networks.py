"""Graphs and networks: supplementary tables I to III of the Geo-GNN paper."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from glasscast.datasets.stages import Stages
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import find_neighbours
from glasscast.recipes.geo_gnn.smoothness import CUTOFF
from glasscast.recipes.material import Material
from glasscast.recipes.sheet import Sheet
from glasscast.recipes.tables import table_figure
from glasscast.report.style import styled

#: Supplementary Table I: threshold -> edges, triplets, as printed for N = 4096.
_GRAPHS = {
    1.0: (11800, 43000),
    1.25: (47000, 510000),
    1.5: (61600, 875000),
    2.0: (167000, 6677000),
}


@styled
def draw_graph_sizes(material: Material, sheet: Sheet) -> Figure:
    """Supplementary table I; a triplet is an edge ij and an edge jk, k not i (eq. 6)."""
    found: dict[float, tuple[float, float]] = {}
    configurations = material.point.tested
    for threshold in _GRAPHS:
        counts = []
        for c in configurations:
            edges = find_neighbours(c.positions, c.box, threshold)
            degree = np.diff(edges.offsets).astype(np.float64)
            counts.append(
                (len(edges.senders) / c.size, float((degree * (degree - 1)).sum()) / c.size)
            )
        found[threshold] = tuple(np.mean(counts, axis=0))
    thresholds = list(found)
    for k, series in enumerate(("edges", "triplets")):
        sheet.add("main", series, x=thresholds, y=[found[t][k] for t in thresholds])
        sheet.add(
            "main",
            series,
            source="printed",
            x=thresholds,
            y=[_GRAPHS[t][k] / 4096 for t in thresholds],
        )
    rows = [
        [
            f"{t:g}",
            f"{found[t][0]:.2f}",
            f"{found[t][1]:.1f}",
            f"{_GRAPHS[t][0] / 4096:.2f}",
            f"{_GRAPHS[t][1] / 4096:.1f}",
        ]
        for t in thresholds
    ]
    saved = found[2.0][1] / found[1.5][1]
    sheet.decide(1, saved > 10, f"triplets at 2.0 over triplets at 1.5: {saved:.1f} (printed: 7.6)")
    return table_figure(
        ["threshold (σ)", "edges", "triplets", "[edges]", "[triplets]"],
        rows,
        width=4.6,
        note="Directed, a particle, all species; in brackets: printed, over 4096.",
    )


@styled
def draw_search_space(material: Material, sheet: Sheet) -> Figure:
    """Supplementary table II, beside the settings of the two scales."""
    from glasscast.recipes.trainings import model_settings

    paper, sample = (model_settings("Geo-GNN", s).model_dump() for s in ("paper", "sample"))
    rows = [
        ["width", "16, 32, 64", "32", paper["hidden"], sample["hidden"]],
        [
            "radial functions",
            "16, 64, 128",
            "64",
            *(s["radial_functions"] for s in (paper, sample)),
        ],
        ["harmonics", "16", "16", *(s["angular_functions"] for s in (paper, sample))],
        ["triplet layers", "1, 2, 3", "3", *(s["triplet_layers"] for s in (paper, sample))],
        ["edge-to-node layers", "2", "2", 2, 2],
        ["node-to-node layers", "1", "1", 1, 1],
        ["dropout", "0, 0.1, 0.2", "0", *(f"{s['dropout']:g}" for s in (paper, sample))],
        ["batch", "1", "1", *(s["training"]["batch_size"] for s in (paper, sample))],
    ]
    rows = [[str(cell) for cell in row] for row in rows]
    sheet.add(
        "main",
        "choice",
        text=[row[0] for row in rows],
        x=[float(row[3]) for row in rows],
        y=[float(row[4]) for row in rows],
    )
    sheet.add(
        "main", "choice", source="printed", text=[r[0] for r in rows], x=[float(r[2]) for r in rows]
    )
    return table_figure(
        ["", "[searched]", "[chosen]", "paper scale", "sample scale"],
        rows,
        width=5.4,
        note="In brackets: printed.",
    )


@styled
def draw_network_sizes(material: Material, sheet: Sheet) -> Figure:
    """Supplementary table III."""
    counts = [
        (
            float((c.types == 0).sum()),
            float(len(find_neighbours(c.positions, c.box, CUTOFF).senders)),
            float(_triplets(c.positions, c.box)),
        )
        for c in material.point.tested
    ]
    nodes, edges, triplets = np.mean(counts, axis=0)
    size = material.point.tested[0].size
    networks = {name: _parameters(material, name) for name in ("Geo-GNN", "GNN")}
    printed = {"Geo-GNN": 30274, "GNN": 70721}
    for name, number in networks.items():
        sheet.add("main", name, x=edges, y=number, text="parameters, at edges x")
        sheet.add("main", name, source="printed", x=167000, y=printed[name], text="parameters")
    rows = [
        ["A particles", f"{nodes:.0f}", f"{nodes:.0f}", "3277", "3277"],
        ["edges", f"{edges:.0f}", f"{edges:.0f}", "167000", "167000"],
        ["triplets", f"{triplets:.0f}", "–", "6677000", "–"],
        ["edges a particle", f"{edges / size:.1f}", f"{edges / size:.1f}", "40.8", "40.8"],
        ["features: node, edge, triplet", "–, 2, 1", "1, 3, –", "–, 2, 1", "1, 3, –"],
        ["augmentation", "no", "yes", "no", "yes"],
        ["invariant", "yes", "no", "yes", "no"],
        ["recurrent", "no", "yes", "no", "yes"],
        ["parameters", *(f"{n}" for n in networks.values()), "30274", "70721"],
    ]
    sheet.decide(
        1,
        networks["Geo-GNN"] < networks["GNN"],
        f"parameters: {networks['Geo-GNN']} and {networks['GNN']} (printed 30274 and 70721)",
    )
    sheet.remark(f"Networks for one time; N = {size}, threshold 2.0.")
    return table_figure(
        ["", "Geo-GNN", "GNN", "[Geo-GNN]", "[GNN]"],
        rows,
        widths=[0.32, 0.17, 0.17, 0.17, 0.17],
        width=5.4,
        note="In brackets: printed.",
    )


def _triplets(positions: FloatArray, box: FloatArray) -> int:
    degree = np.diff(find_neighbours(positions, box, CUTOFF).offsets)
    return int((degree * (degree - 1)).sum())


def _parameters(material: Material, training: str) -> int:
    """Numbers that a network for one time and two species learns, at the papers' settings."""
    from glasscast.models.registry import build
    from glasscast.recipes.trainings import model_settings

    model = build(model_settings(training, "paper"))
    model.species_, model.dimension_ = (0, 1), 3
    model.stages_ = Stages(values=(1.0,))
    network = model.build_network()  # type: ignore[attr-defined]
    return int(sum(p.numel() for p in network.parameters()))
