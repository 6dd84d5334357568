"""Time and peak memory of every model's descriptors of one configuration, beside plain forms.

``python benchmarks/physics_descriptors.py [DATASET] [--threads 2]``

The first configuration of a dataset that has inherent and cage positions; the bundled sample's
(N = 2000) by default. Every peak is that of a process of its own: interpreter and libraries,
which the first row shows alone, are in it. Plain forms work on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from glasscast.datasets.dataset import Dataset
from glasscast.liquid.definition import diameters, load_liquid
from glasscast.models.registry import build, settings_class
from glasscast.runtime import Workspace
from glasscast.structure.descriptors.physics import PhysicsDescriptors
from glasscast.structure.descriptors.shells import ShellDescriptors
from glasscast.structure.descriptors.voronoi import voronoi_cells
from measure import is_parent, measure
from plain_shells import plain_shells


def libraries() -> None:
    """Import what the variants import when they first run."""
    import pyvoro2  # noqa: F401
    import sphericart  # noqa: F401
    import vesin  # noqa: F401


def plain_physics(
    positions: np.ndarray,
    types: np.ndarray,
    box: np.ndarray,
    energies: np.ndarray,
    cells: np.ndarray,
    lengths: tuple[float, ...],
) -> np.ndarray:
    """Write out the formulas on arrays of all pairs."""
    step = positions[:, None] - positions
    r = np.linalg.norm(step - box * np.round(step / box), axis=2)
    columns = []
    for length in lengths:
        weights = np.exp(-r / length) if length else np.eye(len(types))
        for group in (*(types == s for s in range(types.max() + 1)), types >= 0):
            w = weights * group
            density = w.sum(axis=1)
            safe = np.where(density > 0, density, 1)
            energy, cell = w @ energies / safe, w @ cells / safe
            variance = np.maximum(w @ energies**2 / safe - energy**2, 0)
            columns += [density, energy, cell, variance]
    return np.stack(columns, axis=1)


class Measured:
    """The variants, on one configuration.

    Parameters
    ----------
    folder : of the dataset.
    threads : of those that are not plain.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.configuration = Dataset.open(folder)[0]
        self.threads, self.liquid = threads, self.configuration.metadata["liquid"]
        size = self.configuration.size
        # Any values do for the coarse-graining alone, so that no other step is in its memory.
        self.energies, self.cells = (
            np.random.default_rng(0).normal((-6.8, 5.0), (0.5, 0.3), (size, 2)).T
        )
        self.table = PhysicsDescriptors(len(self.configuration.species))

    def described(self, name: str, **options: object) -> np.ndarray:
        """Descriptors as the model takes them, nothing remembered."""
        model = build(settings_class(name)(**options), Workspace(self.threads))
        model.species_ = self.configuration.species
        return model.features(self.configuration)

    def shells(self, order: int) -> Callable[[], np.ndarray]:
        return lambda: self.described("lr", order=order)

    def plain_shells(self) -> np.ndarray:
        c = self.configuration
        return plain_shells(c.positions, c.types, c.box, ShellDescriptors(len(c.species)))

    def particle_energies(self) -> np.ndarray:
        c = self.configuration
        return load_liquid(self.liquid).energies(c.inherent, c.types, c.box)

    def voronoi(self) -> np.ndarray:
        c = self.configuration
        return voronoi_cells(c.inherent, c.box, diameters(c.types, "ka") / 2).surface

    def coarse_graining(self) -> np.ndarray:
        c = self.configuration
        return self.table.compute(
            c.inherent, c.types, c.box, self.energies, self.cells, self.threads
        )

    def plain_coarse_graining(self) -> np.ndarray:
        c, lengths = self.configuration, self.table.lengths
        return plain_physics(c.inherent, c.types, c.box, self.energies, self.cells, lengths)

    def voxels(self) -> torch.Tensor:
        model = build(settings_class("cnn")())
        return model.read(self.configuration).density(self.configuration.species)

    def variants(self) -> dict[str, Callable[[], object]]:
        return {
            "interpreter and libraries": libraries,
            "LR shells, order 0": self.shells(0),
            "LR shells, order 1": self.shells(1),
            "LR shells, order 2": self.shells(2),
            "LR shells, order 2, plain torch": self.plain_shells,
            "SVM structure functions": lambda: self.described("svm"),
            "GlassMLP: energies": self.particle_energies,
            "GlassMLP: radical Voronoi cells": self.voronoi,
            "GlassMLP: coarse-graining": self.coarse_graining,
            "GlassMLP: coarse-graining, plain numpy": self.plain_coarse_graining,
            "GlassMLP, all of it": lambda: self.described("glass-mlp"),
            "CNN voxels": self.voxels,
            "CAGE, both structures, order 2": lambda: self.described("cage-lr"),
        }

    def check(self) -> None:
        """Both forms agree before they are timed."""
        np.testing.assert_allclose(self.shells(2)(), self.plain_shells(), atol=1e-6)
        np.testing.assert_allclose(
            self.coarse_graining(), self.plain_coarse_graining(), rtol=1e-6, atol=1e-6
        )


#: Variant -> the plain form of the same.
REFERENCES = {
    "LR shells, order 2": "LR shells, order 2, plain torch",
    "GlassMLP: coarse-graining": "GlassMLP: coarse-graining, plain numpy",
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", nargs="?", type=Path, default=Path("sample"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", help="run one variant only, in this process")
    arguments = parser.parse_args()
    measured = Measured(arguments.dataset, arguments.threads)
    torch.set_num_threads(1)
    if is_parent():
        c = measured.configuration
        print(f"{c.name}: N = {c.size}, {arguments.threads} threads")
        measured.check()
    measure(
        __file__,
        measured.variants(),
        repeats=1,
        options=[str(arguments.dataset), "--threads", str(arguments.threads)],
        references=REFERENCES,
    )
