"""LAMMPS inputs that can be run by hand: the very commands of the production runs, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glasscast.datasets.formats.lammps_dump import FORMAT as DUMP
from glasscast.errors import InputError, SimulationError
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
    "write_dump all custom frame.$(step:%.0f).dump id type xu yu zu vx vy vz "
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


def read_frame(path: Path, dimension: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Read a frame that :func:`input_script` made LAMMPS write.

    Returns
    -------
    positions (N, d), unwrapped, from the lower corner; velocities (N, d); sides (d,).

    Raises
    ------
    SimulationError : if the frame is absent or damaged.
    """
    try:
        frame = next(DUMP.read_frames(path, dimension), None)
    except InputError as error:
        raise SimulationError(f"LAMMPS left no whole frame {path.name} ({error})") from None
    if frame is None or frame.velocities is None:
        raise SimulationError(f"LAMMPS left no frame in {path.name}")
    return frame.positions, frame.velocities, frame.box
