"""The 192 descriptors of GlassMLP at N = 4096: streamed tiles against whole (N, N) arrays.

Energies and Voronoi cells are given to both; their own times are measured apart.
"""

from __future__ import annotations

import sys

import numpy as np

from glasscast.liquid.definition import load_liquid
from glasscast.liquid.species import diameters
from glasscast.structure.descriptors.physics import PhysicsDescriptors
from glasscast.structure.descriptors.structure_functions import StructureFunctions
from glasscast.structure.descriptors.voronoi import voronoi_cells
from measure import measure, positions_4096

POSITIONS, TYPES, BOX, _ = positions_4096()
ENERGIES, CELLS = np.random.default_rng(0).normal((-6.8, 5.0), (0.5, 0.3), (len(TYPES), 2)).T
TABLE = PhysicsDescriptors(2)


def ours(threads: int = 2) -> np.ndarray:
    return TABLE.compute(POSITIONS, TYPES, BOX, ENERGIES, CELLS, threads)


def plain() -> np.ndarray:
    """Write out the formulas on arrays of all pairs."""
    step = POSITIONS[:, None] - POSITIONS
    r = np.linalg.norm(step - BOX * np.round(step / BOX), axis=2)
    columns = []
    for length in TABLE.lengths:
        weights = np.exp(-r / length) if length else np.eye(len(TYPES))
        for group in (TYPES == 0, TYPES == 1, TYPES >= 0):
            w = weights * group
            density = w.sum(axis=1)
            safe = np.where(density > 0, density, 1)
            energy, cell = w @ ENERGIES / safe, w @ CELLS / safe
            variance = np.maximum(w @ ENERGIES**2 / safe - energy**2, 0)
            columns += [density, energy, cell, variance]
    return np.stack(columns, axis=1)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        np.testing.assert_allclose(ours(), plain(), rtol=1e-6, atol=1e-6)
    measure(
        __file__,
        {
            "energies": lambda: load_liquid("ka").energies(POSITIONS, TYPES, BOX),
            "radical Voronoi cells": lambda: voronoi_cells(POSITIONS, BOX, diameters(TYPES) / 2),
            "structure functions, 2 threads": lambda: StructureFunctions(2).compute(
                POSITIONS, TYPES, BOX, 2
            ),
            "coarse-graining, 2 threads": ours,
            "coarse-graining, 1 thread": lambda: ours(1),
            "coarse-graining, plain numpy": plain,
        },
        repeats=1,
    )
