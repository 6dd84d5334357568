"""LAMMPS inputs that can be run by hand: the very commands of the production runs, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasscast.errors import SimulationError
from glasscast.liquid.box import FloatArray, wrap
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import Ensemble, IntArray
from glasscast.simulation.lammps.commands import (
    accelerator_arguments,
    ensemble_commands,
    interaction_commands,
    minimise_commands,
    setup_commands,
)
from glasscast.simulation.lammps.settings import LammpsSettings

#: Names of the files that inputs read and write.
START, THERMO = "start.data", "thermo.txt"
#: Commands that write one frame, all digits kept.
_WRITE = [
    "write_dump all custom frame.$(step:%.0f).dump id xu yu zu vx vy vz "
    "modify sort id format float %.17g",
    'print "$(step:%.0f) $(etotal:%.17g) $(pe:%.17g) $(temp:%.17g) $(press:%.17g)" '
    f"append {THERMO} screen no",
]


def input_script(
    liquid: Liquid, settings: LammpsSettings, steps: Sequence[int], ensemble: Ensemble
) -> str:
    """Input that reads ``start.data``, integrates, and writes frames at given steps.

    Frames go to ``frame.STEP.dump`` (unwrapped positions and velocities, all digits), energies to
    ``thermo.txt``, one line a frame: step, total and potential energy per particle, temperature,
    pressure.
    """
    begin, end = ensemble_commands(ensemble)
    lines = [
        f"# run with: lmp {' '.join(accelerator_arguments(settings))} -in production.in",
        f"# {liquid.name}; start.data holds positions and velocities (see README.txt)",
        *setup_commands(liquid, None),
        *interaction_commands(liquid, settings),
        *begin,
    ]
    done = 0
    for step in [0, *(s for s in steps if s)]:
        lines += [f"run {step - done}", *_WRITE]
        done = step
    return "\n".join([*lines, *end]) + "\n"


def minimisation_script(
    liquid: Liquid, settings: LammpsSettings, force_tolerance: float, iterations: int
) -> str:
    """Input that reads ``start.data``, minimises, and writes ``frame.0.dump``."""
    lines = [
        *setup_commands(liquid, None),
        *interaction_commands(liquid, settings),
        *minimise_commands(force_tolerance, iterations),
        "reset_timestep 0",
        "run 0",
        *_WRITE,
    ]
    return "\n".join(lines) + "\n"


def data_file(
    liquid: Liquid,
    positions: FloatArray,
    velocities: FloatArray,
    types: IntArray,
    box: FloatArray,
) -> str:
    """LAMMPS data file of a configuration with velocities, all digits kept."""
    size, dimension = positions.shape
    edges = [(0.0, float(side)) for side in box] + [(-0.5, 0.5)] * (3 - dimension)
    pad = np.zeros((size, 3 - dimension))
    lines = [
        f"# {liquid.name}, reduced units",
        "",
        f"{size} atoms",
        f"{len(liquid.species)} atom types",
        "",
        *(
            f"{low!r} {high!r} {axis}lo {axis}hi"
            for (low, high), axis in zip(edges, "xyz", strict=True)
        ),
        "",
        "Atoms # atomic",
        "",
    ]
    rows = np.hstack([wrap(positions, box), pad]).tolist()
    lines += [f"{i + 1} {int(types[i]) + 1} {x!r} {y!r} {z!r}" for i, (x, y, z) in enumerate(rows)]
    lines += ["", "Velocities", ""]
    rows = np.hstack([velocities, pad]).tolist()
    lines += [f"{i + 1} {x!r} {y!r} {z!r}" for i, (x, y, z) in enumerate(rows)]
    return "\n".join(lines) + "\n"


def frame_file(step: int) -> str:
    """Name of the file that holds the frame at a step."""
    return f"frame.{step}.dump"


def read_thermo(path: Path) -> dict[int, list[float]]:
    """Read what an input printed, by step: energy, potential energy, temperature, pressure.

    Raises
    ------
    SimulationError : if the file is absent or damaged.
    """
    try:
        rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        return {int(step): [float(value) for value in values] for step, *values in rows}
    except (OSError, ValueError) as error:
        raise SimulationError(f"LAMMPS left no whole {path.name} ({error})") from None


@dataclass(frozen=True)
class DumpFrame:
    """What a frame file holds: unwrapped positions from the lower corner, velocities, sides."""

    positions: FloatArray
    velocities: FloatArray
    box: FloatArray


def read_frame(path: Path, dimension: int) -> DumpFrame:
    """Read a frame that :func:`input_script` made LAMMPS write.

    Raises
    ------
    SimulationError : if the frame is absent or cut short.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        size = int(lines[3])
        bounds = np.array([line.split() for line in lines[5:8]], dtype=np.float64)[:dimension]
        table = np.array([line.split() for line in lines[9 : 9 + size]], dtype=np.float64)
        if len(table) != size:
            raise ValueError(f"{len(table)} of {size} particles")
    except (OSError, ValueError, IndexError) as error:
        raise SimulationError(f"LAMMPS left no whole frame {path.name} ({error})") from None
    return DumpFrame(
        table[:, 1 : 1 + dimension] - bounds[:, 0],
        table[:, 4 : 4 + dimension],
        bounds[:, 1] - bounds[:, 0],
    )
