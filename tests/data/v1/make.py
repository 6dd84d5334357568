"""Write a dataset, its thermal copies and a model as version 0.1.0 does, and what it says of them.

Run it with that version: ``PYTHONPATH=src python make.py FOLDER``; written by commit 769a355.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
from glasscast.models.hyperparameters import LinearHyperparameters

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.targets import TargetAccumulator
from glasscast.datasets.writer import DatasetWriter
from glasscast.models.registry import build

SIZE, SIDE, RUNS = 60, 6.4, 4


def snapshot(number: int) -> Configuration:
    """Jittered lattice with displacements that are drawn, not run."""
    rng = np.random.default_rng(number)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    spacing = SIDE / 4
    positions = (rng.permutation(grid)[:SIZE] + 0.5) * spacing
    positions = np.mod(positions + rng.uniform(-0.3, 0.3, positions.shape), SIDE)
    types = (np.arange(SIZE) % 5 == 4).astype(np.int8)
    box = np.full(3, SIDE)
    found = TargetAccumulator(positions, types, box, np.array([0.1, 10.0]))
    for run in range(RUNS):
        for row, width in enumerate((0.05, 0.4)):
            found.add(row, run, rng.normal(scale=width, size=positions.shape))
    evidence = {"cage": {"energy": -1.5, "settings": {"radius": 0.45, "cycles": 200}}}
    evidence |= {"inherent": {"energy": -1.7, "settings": {"force_tolerance": 1e-8}}}
    evidence |= {"production": {"scattering": [0.9, 0.4], "squared_displacement": [0.007, 0.5]}}
    return Configuration(
        name=f"old-{number}",
        positions=positions,
        types=types,
        box=box,
        inherent=np.mod(positions + 0.02, SIDE),
        cage=np.mod(positions - 0.03, SIDE),
        **found.result(),
        metadata={
            "source": "glasscast 0.1.0 simulate",
            "liquid": "ka",
            "temperature": 0.64,
            "density": SIZE / SIDE**3,
            "pressure": None,
            "tau_alpha": 10.0,
            "trajectories": found.runs,
            "seed": [7, number],
            "records": evidence,
        },
    )


def copy(of: Configuration) -> Configuration:
    """Thermal copy as the command of that name wrote it."""
    kept = ("liquid", "temperature", "density", "pressure", "tau_alpha")
    origin = {"temperature": 0.64, "time": 0.1, "seed": 1}
    return of.at_times([1]).with_fields(
        name=f"{of.name}-copy-01",
        positions=np.mod(of.positions + 0.05, SIDE),
        tendency=None,
        propensity_halves=None,
        metadata={key: of.metadata[key] for key in kept}
        | {"parent": f"old/{of.name}", "thermal_copy": origin},
    )


def main(folder: Path) -> None:
    """Write ``old``, ``old-copies``, ``model``, ``forecast.npz`` and ``arrays.json``."""
    snapshots = [snapshot(0), snapshot(1)]
    writer = DatasetWriter(folder / "old")
    for each in snapshots:
        writer.add(each, each.name)
    dataset = writer.finish({"train": ["old-0"], "test": ["old-1"]})
    copies = DatasetWriter(folder / "old-copies")
    copies.add(copy(snapshots[0]), "copy")
    copies.finish()
    options = LinearHyperparameters(order=0, descriptors="angular", folds=2, penalties=(1e3,))
    build(options).fit(dataset, seed=1).save(folder / "model")
    loaded = build(options).load(folder / "model")
    values = {each.name: loaded.predict(each).values for each in dataset}
    np.savez_compressed(folder / "forecast.npz", **values)
    sums = {
        each.name: {key: sha256(value.tobytes()).hexdigest() for key, value in each.arrays()}
        for opened in (dataset, Dataset.open(folder / "old-copies"))
        for each in opened
    }
    (folder / "arrays.json").write_text(json.dumps(sums, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
