"""Time and peak memory of one training step: BOTAN and Geo-GNN, fast against plain.

``python benchmarks/deep_training_step.py [CONFIGURATION.npz] [--threads 2] [--steps 3]``

Each case runs in its own process, so that the peak memory (maximum resident set, MB, the
interpreter and torch included: ``base``) is its own. A step is forward, loss, backward and Adam
on one configuration of N = 4096; the graph is made before. The file has the keys
``initial_positions`` and ``types``; without one, a random liquid of the same density is used.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from glasscast.runtime import peak_mb

sys.path.insert(0, str(Path(__file__).parents[1]))


CASES = [("botan", 2.0), ("geo-gnn", 2.0), ("geo-gnn", 1.5)]
#: Seconds and megabytes of the published codes on two cores of the machine of development.
PUBLISHED = {("botan", 2.0): "8.5 / 2400", ("geo-gnn", 2.0): "19 / 7700", ("geo-gnn", 1.5): "1.8 / 1700"}  # fmt: skip # noqa: E501


def configuration(path: str | None):
    """Real positions, or particles pushed apart at density 1.2."""
    import numpy as np

    from glasscast.datasets.configuration import Configuration
    from glasscast.liquid.box import wrap
    from glasscast.liquid.neighbours import find_neighbours

    box = np.full(3, (4096 / 1.2) ** (1 / 3))
    if path:
        with np.load(path) as data:
            positions, types = wrap(data["initial_positions"], box), data["types"]
        return Configuration(name="real", positions=positions, types=types.astype("i1"), box=box)
    rng = np.random.default_rng(0)
    positions = rng.random((4096, 3)) * box
    for _ in range(60):
        near = find_neighbours(positions, box, 0.95)
        push = (near.vectors / near.distances[:, None]) * (0.95 - near.distances)[:, None]
        move = np.zeros_like(positions)
        np.add.at(move, near.receivers, -0.4 * push)
        positions = wrap(positions + move, box)
    types = (rng.random(4096) < 0.2).astype("i1")
    return Configuration(name="random", positions=positions, types=types, box=box)


def measure(form: str, name: str, cutoff: float, path: str | None, steps: int) -> dict[str, float]:
    """Seconds of wall and processor time of each step, and the peak memory."""
    import torch
    from tests.plain import angles_of, plain_botan, plain_geo, triplets

    from glasscast.models.botan.network import BotanNetwork
    from glasscast.models.botan.settings import BotanSettings
    from glasscast.models.geo_gnn.model import GeoNetwork
    from glasscast.models.geo_gnn.settings import GeoSettings
    from glasscast.networks.batch import batch_graph
    from glasscast.runtime import keep_freed_memory
    from glasscast.structure.graphs import build_graph

    if form == "fast":
        keep_freed_memory()
    torch.manual_seed(0)
    geo = name == "geo-gnn"
    graph = batch_graph(build_graph(configuration(path), cutoff), triplets=geo and form == "fast")
    base = peak_mb()
    network = GeoNetwork(GeoSettings(), 2, 1) if geo else BotanNetwork(BotanSettings(), 3, 1)  # fmt: skip # noqa: E501
    if form == "fast":
        run = network
    elif geo:
        first, second = triplets(graph.index)
        cosines = angles_of(graph.vectors, first, second)

        def run(graph):
            return plain_geo(network, graph, first, cosines, second), None
    else:

        def run(graph):
            return plain_botan(network, graph)

    target = torch.randn(graph.size, 1)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    walls, cpus = [], []
    for _ in range(steps + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        nodes, edges = run(graph)
        loss = (nodes - target).square().mean()
        if edges is not None:
            loss = 0.4 * loss + 0.6 * edges.square().mean()
        loss.backward()
        optimizer.step()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "wall": min(walls[1:]),
        "median": statistics.median(walls[1:]),
        "cpu": min(cpus[1:]),
        "base": base,
        "peak": peak_mb(),
        "edges": len(graph.vectors),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configuration", nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--case", nargs=3, metavar=("FORM", "MODEL", "CUTOFF"))
    arguments = parser.parse_args()
    if arguments.case:
        form, name, cutoff = arguments.case
        result = measure(form, name, float(cutoff), arguments.configuration, arguments.steps)
        print(json.dumps(result))
        return
    load = os.getloadavg()[0]
    print(f"threads {arguments.threads}, load before {load:.1f} on {os.cpu_count()} processors")
    row = "{:8} {:>6} {:6} {:>8} {:>8} {:>8} {:>8} {:>8}   {}"
    print(row.format("model", "cutoff", "form", "best s", "median s", "cpu s", "peak MB", "base MB", "published s / MB"))  # fmt: skip # noqa: E501
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    for name, cutoff in CASES:
        for form in ("plain", "fast"):
            command = [sys.executable, __file__, "--case", form, name, str(cutoff), "--steps", str(arguments.steps)]  # fmt: skip # noqa: E501
            command += [arguments.configuration] if arguments.configuration else []
            output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout  # fmt: skip # noqa: E501
            r = json.loads(output)
            print(row.format(name, cutoff, form, f"{r['wall']:.2f}", f"{r['median']:.2f}", f"{r['cpu']:.2f}", f"{r['peak']:.0f}", f"{r['base']:.0f}", PUBLISHED[name, cutoff] if form == "plain" else ""))  # fmt: skip # noqa: E501


if __name__ == "__main__":
    main()
