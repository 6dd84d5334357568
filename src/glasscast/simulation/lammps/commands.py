"""Molecular dynamics as LAMMPS commands, the same for the library and for input files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import SettingsError
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.lammps.pair_potentials import TABLE_FILE, pair_commands
from glasscast.simulation.settings import EngineSettings

FloatArray = NDArray[np.float64]


def setup_commands(liquid: Liquid, box: FloatArray | None) -> list[str]:
    """Commands up to the interactions; with a box they create it, else they read ``start.data``."""
    lines = [
        "units lj",
        f"dimension {liquid.dimension}",
        "boundary p p p",
        "atom_style atomic",
        "atom_modify map array",
    ]
    if box is None:
        lines.append("read_data start.data")
    else:
        sides = [*box.tolist(), *([1.0] if liquid.dimension == 2 else [])]
        low = ["0.0"] * liquid.dimension + ["-0.5"] * (3 - liquid.dimension)
        high = [repr(s) for s in sides[: liquid.dimension]] + ["0.5"] * (3 - liquid.dimension)
        bounds = " ".join(f"{a} {b}" for a, b in zip(low, high, strict=True))
        lines += [f"region box block {bounds}", f"create_box {len(liquid.species)} box"]
    return lines


def interaction_commands(
    liquid: Liquid, settings: EngineSettings, table: str = TABLE_FILE
) -> list[str]:
    """Masses, pair potential (perhaps from a table file), neighbour list and time step."""
    return [
        *(f"mass {a + 1} {float(m)!r}" for a, m in enumerate(liquid.masses)),
        *pair_commands(liquid, table),
        f"neighbor {settings.skin!r} bin",
        "neigh_modify every 1 delay 0 check yes",
        *(["fix flat all enforce2d"] if liquid.dimension == 2 else []),
        f"timestep {time_step(liquid, settings)!r}",
        "thermo_modify norm yes",
        "thermo 0",
    ]


def minimise_commands(force_tolerance: float, iterations: int) -> list[str]:
    """Commands that minimise until the largest force on a particle is below a tolerance."""
    return [
        "min_style cg",
        "min_modify norm max",
        f"minimize 0.0 {force_tolerance!r} {iterations} {10 * iterations}",
    ]


def accelerator_arguments(settings: EngineSettings) -> list[str]:
    """Command-line options that choose the accelerated styles."""
    if settings.suffix == "none":
        return []
    if settings.suffix == "omp":
        return ["-sf", "omp", "-pk", "omp", str(settings.threads)]
    if settings.suffix == "kk":
        return ["-k", "on", "t", str(settings.threads), "-sf", "kk"]
    return ["-sf", settings.suffix]


def time_step(liquid: Liquid, settings: EngineSettings) -> float:
    """Return the time step: set, or else the liquid's own."""
    return settings.time_step or liquid.time_step


def steps_of(times: Sequence[float], step: float) -> list[int]:
    """Whole numbers of steps nearest to some times.

    Raises
    ------
    SettingsError : if two times fall on the same step or the first on none.
    """
    steps = [round(t / step) for t in times]
    if any(b <= a for a, b in zip([0, *steps], steps, strict=False)):
        raise SettingsError(f"times {list(times)} are not told apart by a time step of {step:g}")
    return steps
