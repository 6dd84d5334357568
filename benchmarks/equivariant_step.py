"""Time and peak memory of EIGNN and SE(3)-GNN, fast against the plain e3nn form.

``python benchmarks/equivariant_step.py [CONFIGURATION.npz] [--threads 2] [--steps 3]``

As ``deep_training_step.py``: N = 4096, edge cutoff 2.0, each case in a process of its own, peak
memory with interpreter and torch (``base``). A step is forward, loss, backward and Adam;
``predict`` is the forward pass without gradients. Equilibrium positions are the snapshot's plus
Gaussian displacements as long as those at T = 0.44: the cost depends on no more.
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

sys.path.insert(0, str(Path(__file__).parents[1]))

from deep_training_step import configuration
from glasscast.runtime import peak_mb

CASES = ["eignn-cage", "se3-gnn"]
#: Seconds and megabytes of the released EIGNN on two cores of the machine of development.
PUBLISHED = {"eignn-cage": "2.4-3.8 / 2900"}


def build(name: str, form: str, path: str | None):
    """Return the network, what to call with a graph, and the graph."""
    import numpy as np
    import torch

    from glasscast.liquid.box import wrap
    from glasscast.models.eignn.network import EignnNetwork
    from glasscast.models.eignn.settings import EignnCageSettings
    from glasscast.models.se3_gnn.model import Se3Network
    from glasscast.models.se3_gnn.settings import Se3Settings
    from glasscast.networks.batch import batch_graph
    from glasscast.structure.graphs import build_graph, build_union_graph

    torch.manual_seed(0)
    snapshot = configuration(path)
    energies = np.random.default_rng(1).normal(size=snapshot.size)
    if name == "se3-gnn":
        graph = batch_graph(build_graph(snapshot, 2.0), energies=energies)
        network = Se3Network(Se3Settings(), 2, 10)
        if form == "fast":
            return network, network, graph
        from tests.plain_equivariant import e3nn_product, plain_se3

        product = e3nn_product(2).float()
        return network, lambda graph: (plain_se3(network, graph, product), None), graph
    moves = np.random.default_rng(2).normal(0, 0.07, snapshot.positions.shape)
    caged = snapshot.with_fields(cage=wrap(snapshot.positions + moves, snapshot.box))
    graph = batch_graph(build_union_graph(caged, 2.0, "cage"), energies=energies)
    network = EignnNetwork(EignnCageSettings(), 2, 10)
    if form == "fast":
        return network, network, graph
    from tests.plain_equivariant import e3nn_parts, plain_eignn

    parts = [part.float() for part in e3nn_parts(2, True, 7)]
    return network, lambda graph: (plain_eignn(network, graph, parts), None), graph


def measure(form: str, name: str, path: str | None, steps: int) -> dict[str, float]:
    """Seconds of wall and processor time of each step and forecast, and the peak memory."""
    import torch

    from glasscast.runtime import keep_freed_memory

    if form == "fast":
        keep_freed_memory()
    network, run, graph = build(name, form, path)
    base = peak_mb()
    target = torch.randn(graph.size, 10)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    if form == "plain":
        network.eval()  # the plain forms are written for stored statistics

    def step() -> None:
        optimizer.zero_grad()
        (run(graph)[0] - target).square().mean().backward()
        optimizer.step()

    def forecast() -> None:
        with torch.no_grad():
            run(graph)

    result = {"base": base, "edges": len(graph.vectors)}
    for label, work in (("step", step), ("predict", forecast)):
        walls, cpus = [], []
        for _ in range(steps + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        result[label] = min(walls[1:])
        result[f"{label} median"] = statistics.median(walls[1:])
        result[f"{label} cpu"] = min(cpus[1:])
        result.setdefault("peak", peak_mb())
        network.eval()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configuration", nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--case", nargs=2, metavar=("FORM", "MODEL"))
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(*arguments.case, arguments.configuration, arguments.steps)))
        return
    load = os.getloadavg()[0]
    print(f"threads {arguments.threads}, load before {load:.1f} on {os.cpu_count()} processors")
    columns = ["step", "step median", "step cpu", "predict", "predict cpu"]
    row = "{:11} {:6}" + " {:>12}" * len(columns) + " {:>8} {:>8}   {}"
    print(row.format("model", "form", *columns, "peak MB", "base MB", "published step s / MB"))
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    for name in CASES:
        for form in ("plain", "fast"):
            command = [sys.executable, __file__, "--case", form, name, "--steps", str(arguments.steps)]  # fmt: skip # noqa: E501
            command += [arguments.configuration] if arguments.configuration else []
            output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout  # fmt: skip # noqa: E501
            r = json.loads(output)
            published = PUBLISHED.get(name, "") if form == "plain" else ""
            print(row.format(name, form, *(f"{r[c]:.2f}" for c in columns), f"{r['peak']:.0f}", f"{r['base']:.0f}", published), flush=True)  # fmt: skip # noqa: E501


if __name__ == "__main__":
    main()
