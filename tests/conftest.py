"""What many tests share: small random liquids, and the real data where it lies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.errors import MissingExtraError

SHARED = Path(os.environ.get("GLASSCAST_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real T=0.44 configurations and the samples of public formats."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data are not at {folder}; set GLASSCAST_SHARED to their parent")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator with a fixed seed."""
    return np.random.default_rng(20260101)


def _lammps_problem() -> str:
    from glasscast.simulation.lammps.library import start_lammps

    try:
        start_lammps([]).close()
    except MissingExtraError as error:
        return str(error)
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs LAMMPS, with the reason, where it cannot be loaded."""
    marked = [item for item in items if item.get_closest_marker("lammps")]
    problem = _lammps_problem() if marked else ""
    if problem:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=problem))


def random_liquid(
    rng: np.random.Generator, size: int = 200, dimension: int = 3, density: float = 1.2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, types and box of a jittered lattice: no overlaps, no symmetry."""
    side = int(np.ceil(size ** (1 / dimension)))
    box = np.full(dimension, (size / density) ** (1 / dimension))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * dimension, indexing="ij"), -1)
    sites = rng.permutation(grid.reshape(-1, dimension))[:size]
    spacing = box / side
    positions = (sites + 0.5) * spacing + rng.uniform(-0.25, 0.25, (size, dimension)) * spacing
    types = (rng.random(size) < 0.2).astype(np.int8)
    types[:2] = 0, 1
    return positions, types, box


def labelled(
    rng: np.random.Generator, name: str, times: tuple[float, ...] = (1.0, 10.0), size: int = 200
) -> Configuration:
    """Return a configuration with a propensity that its near density decides."""
    positions, types, box = random_liquid(rng, size)
    shift = positions[:, None] - positions
    shift -= box * np.round(shift / box)
    crowd = np.exp(-((np.linalg.norm(shift, axis=2) - 1.1) ** 2) / (2 * 0.15**2)).sum(axis=1)
    truth = np.stack([(k + 1) * (1 + 0.05 * crowd) for k in range(len(times))])
    halves = truth + 0.02 * rng.normal(size=(2, *truth.shape))
    return Configuration(
        name=name,
        positions=positions,
        types=types,
        box=box,
        times=np.array(times),
        propensity=halves.mean(axis=0),
        propensity_halves=halves,
        metadata={"temperature": 0.5},
    )


def repeated(configuration: Configuration, copies: int = 2) -> Configuration:
    """Return the structure in a box ``copies`` times as long along each axis, copy by copy."""
    box = configuration.box
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * len(box), indexing="ij"), -1)
    shifts = shifts.reshape(-1, 1, len(box)) * box

    def fill(field: str) -> np.ndarray | None:
        if getattr(configuration, field) is None:
            return None
        # Each copy keeps its own equilibrium position, also where that lies in the next box.
        values = configuration.positions + configuration.displacement_to(field)
        return np.mod((values + shifts).reshape(-1, len(box)), copies * box)

    return Configuration(
        name="repeated",
        types=np.tile(configuration.types, len(shifts)),
        box=copies * box,
        metadata=configuration.metadata,
        **{field: fill(field) for field in ("positions", "inherent", "cage")},
    )
