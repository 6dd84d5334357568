"""All that a fit can read, tiny: two datasets, a liquid with a table, weights to start from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.writer import DatasetWriter, replace_configurations
from tests.deep import liquid, tiny

SIDE = 3  # of the cubes of particles
NAMES = ("c0", "c1", "c2", "held", "scored")


class World:
    """Folders and files below one folder.

    ``data`` has the splits train (c0, c1, c2), validation (held) and test (scored); ``copies`` one
    thermal copy of c0 and one of scored; ``own.yaml`` names ``AA.table``; ``start`` is a saved
    BOTAN.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.copies = folder / "data", folder / "copies"
        _write(
            self.data,
            [snapshot(k, name) for k, name in enumerate(NAMES)],
            {"train": NAMES[:3], "validation": NAMES[3:4], "test": NAMES[4:]},
        )
        copied = {"copy-0": "data/c0", "copy-1": "data/scored"}
        _write(
            self.copies,
            [snapshot(10 + k, n).with_fields(metadata={"parent": p}) for k, (n, p) in
             enumerate(copied.items())],
        )  # fmt: skip
        self.write_liquid()
        self.write_table()
        self.write_start()

    def write_liquid(self, notes: str = "") -> None:
        """Write the liquid's file."""
        pair = {"sigma": 1.0, "table": "AA.table"}
        content = {
            "name": "own",
            "notes": notes,
            "density": 1.2,
            "potential": {"form": "table"},
            "species": {"A": {"fraction": 0.8}, "B": {"fraction": 0.2}},
            "pairs": {"AA": pair, "AB": pair, "BB": pair},
        }
        (self.folder / "own.yaml").write_text(yaml.safe_dump(content))

    def write_table(self, strength: float = 1.0) -> None:
        """Write the table that all its pairs share."""
        r = np.linspace(0.2, 2.0, 60)
        rows = np.column_stack([r, strength * (2 - r) ** 2, 2 * strength * (2 - r)])
        np.savetxt(self.folder / "AA.table", rows)

    def write_start(self, seed: int = 0) -> None:
        """Write the weights to start from."""
        first = tiny("botan", hidden=8, rounds=1, training={"epochs": 1})
        one_time = snapshot(20, "first").at_times([1])  # which are copied to all of a network
        first.fit([one_time], seed=seed).save(self.folder / "start")

    def amend(self, folder: Path, name: str, **fields: Any) -> None:
        """Rewrite one configuration of a dataset in place."""
        before = next(c for c in Dataset.open(folder) if c.name == name)
        replace_configurations(folder, [before.with_fields(**fields)])

    def move_cages(self, name: str) -> None:
        """Find the cage positions of one configuration anew."""
        cage = snapshot(30, name).cage
        self.amend(self.data, name, cage=cage)

    def relabel(self, folder: Path, name: str) -> None:
        """Measure the labels of one configuration anew."""
        before = next(c for c in Dataset.open(folder) if c.name == name)
        self.amend(folder, name, propensity=before.propensity * [[1.5], [0.5]])

    def linear(self, **changes: Any) -> dict[str, Any]:
        """Settings of a regression that reads the liquid."""
        return {
            "name": "structural",
            "structure": "cage",
            "liquid": str(self.folder / "own.yaml"),
            "penalties": [1.0],
            "folds": 2,
            "checkpoint_seconds": 0,
        } | changes

    def deep(self, **changes: Any) -> dict[str, Any]:
        """Settings of a network that starts from the weights."""
        return {
            "name": "botan",
            "structure": "cage",
            "cutoff": 1.4,
            "hidden": 8,
            "rounds": 1,
            "initial_weights": str(self.folder / "start"),
            "training": {"epochs": 2, "device": "cpu"},
        } | changes

    def energetic(self, **changes: Any) -> dict[str, Any]:
        """Settings of a network that reads the liquid."""
        return {
            "name": "eignn-inh",
            "energy": "cage",
            "cutoff": 1.4,
            "hidden": 4,
            "layers": 1,
            "radial_functions": 2,
            "liquid": str(self.folder / "own.yaml"),
            "training": {"epochs": 2, "device": "cpu"},
        } | changes


def snapshot(seed: int, name: str) -> Configuration:
    """Return a labelled liquid of a few particles, of both species."""
    made = liquid(seed, side=SIDE)
    types = made.types.copy()
    types[:2] = 0, 1
    return made.with_fields(name=name, types=types)


def _write(folder: Path, content: Iterable[Configuration], splits: Any = None) -> None:
    writer = DatasetWriter(folder)
    for configuration in content:
        writer.add(configuration, "")
    writer.finish(splits)
