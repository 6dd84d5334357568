"""What a model learns from a simulation: ensembles beside long runs of equal particle-steps.

Both begin in training configurations of the bundled sample (T = 0.64, N = 2000). The ensembles are
those of the sample, counted up to the time of the label; the long runs are simulated into the first
folder, about a minute each on one core, and stopped they go on:

    python scripts/simulation_cost.py data/ka-T0.64-chains docs/images/simulation-cost.png
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import glasscast as gc
from glasscast.datasets.dataset import Dataset
from glasscast.liquid.definition import load_liquid
from glasscast.models.lr import LinearSettings
from glasscast.models.registry import build
from glasscast.report.style import GREY, legend_below, new_figure, series_style, styled
from glasscast.runtime import Workspace

TIME, RUNS = 16.5, 32  # tau_alpha; runs of an ensemble of the sample
#: 16 tau_alpha, half the work of an ensemble; a configuration every half tau_alpha.
CHAIN = {"length": 264.0, "every": 8.25}
#: Ensembles or long runs trained on, and how many such sets there are without one in common.
ENSEMBLES, CHAINS = {2: 3, 4: 3, 8: 1, 14: 1}, {1: 4, 2: 2, 4: 1}
#: Fewer penalties than by default: there are many fits.
MODEL = LinearSettings(penalties=(1e3, 1e4, 1e5, 1e6))


class Point(NamedTuple):
    """Mean score of models trained on so many ensembles or long runs."""

    kind: str
    number: int
    sets: int
    configurations: int
    steps: float
    a: float
    b: float


def main(folder: Path, picture: Path) -> None:
    """Simulate what is missing, fit, score, print the table, draw."""
    sample = gc.load_sample().at_times([TIME])
    train, test = sample.split("train"), sample.split("test")
    step, size = load_liquid("ka").time_step, train[0].size
    points = []
    for kind, data, sizes, length in (
        ("ensembles", train, ENSEMBLES, RUNS * TIME),
        ("long runs", long_runs(folder, train), CHAINS, CHAIN["length"]),
    ):
        workspace = Workspace(1)
        for number, sets in sizes.items():
            chosen = [part(data, number, k) for k in range(sets)]
            a, b = np.mean([scores(each, test, workspace) for each in chosen], axis=0)
            steps = number * length / step * size
            points.append(Point(kind, number, sets, len(chosen[0]), steps, float(a), float(b)))
    print("| trained on | sets | configurations | 10^6 particle-steps | A | B |")
    print("| --- | --- | --- | --- | --- | --- |")
    for p in points:
        work = f"{p.steps / 1e6:.0f}"
        told = f"{p.number} {p.kind} | {p.sets} | {p.configurations} | {work}"
        print(f"| {told} | {p.a:.3f} | {p.b:.3f} |")
    draw(points, picture)


def long_runs(folder: Path, starts: Dataset) -> Dataset:
    """One long run from each of the first starts."""
    files = [str(entry.path) for entry in starts.entries[: max(CHAINS)]]
    settings = {
        "name": "ka-T0.64-chains",
        "temperature": 0.64,
        "starts": files,
        "times": [TIME],
        "chain": CHAIN,
        "seed": 7,
    }
    made = gc.simulate(settings, folder)
    assert made is not None
    return made


def part(data: Dataset, number: int, k: int) -> Dataset:
    """Return the k-th set of so many families."""
    chosen = list(dict.fromkeys(data.groups()))[k * number : (k + 1) * number]
    members = zip(data.names, data.groups(), strict=True)
    return data.subset([name for name, family in members if family in chosen])


def scores(train: Dataset, test: Dataset, workspace: Workspace) -> list[float]:
    """Pearson correlation of species A and B, mean over test configurations."""
    table = gc.evaluate(build(MODEL, workspace).fit(train), test)
    rows = [table.select(metric="pearson_mean", species=species) for species in "AB"]
    return [row.value for (row,) in rows]


@styled
def draw(points: list[Point], picture: Path) -> None:
    """Score against work, a line a kind, filled symbols for species A."""
    figure = new_figure(6.2, 3.8)
    axes = figure.add_subplot()
    for number, kind in enumerate(dict.fromkeys(p.kind for p in points)):
        mine = [p for p in points if p.kind == kind]
        work, style = [p.steps for p in mine], series_style(number)
        axes.plot(work, [p.a for p in mine], **style, label=f"{kind}, A")
        axes.plot(
            work, [p.b for p in mine], **style | {"mfc": "none", "ls": "--"}, label=f"{kind}, B"
        )
    axes.set(xscale="log", xlabel="particle-steps of the labels", ylabel="Pearson r, LR(2)")
    axes.grid(color=GREY, alpha=0.3, which="both", lw=0.4)
    legend_below(figure, axes)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
