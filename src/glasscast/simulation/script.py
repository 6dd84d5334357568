"""LAMMPS inputs that can be run by hand: the very commands of the production runs, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.files import write_atomically
from glasscast.errors import InputError
from glasscast.liquid.box import wrap
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import (
    accelerator_arguments,
    interaction_commands,
    maxwell_boltzmann,
    setup_commands,
    steps_of,
    time_step,
)
from glasscast.simulation.ensembles import NVE, Ensemble
from glasscast.simulation.plan import Plan
from glasscast.simulation.settings import EngineSettings

FloatArray = NDArray[np.float64]


def input_script(
    liquid: Liquid, settings: EngineSettings, steps: list[int], ensemble: Ensemble | None = None
) -> str:
    """Input that reads ``start.data``, integrates, and writes frames at given steps.

    Frames go to ``frame.STEP.dump`` (unwrapped positions and velocities, all digits), energies to
    ``thermo.txt``, one line a frame: step, total and potential energy per particle, temperature,
    pressure.
    """
    ensemble = ensemble or NVE()
    columns = "id xu yu zu vx vy vz"
    write = [
        f"write_dump all custom frame.$(step:%.0f).dump {columns} "
        "modify sort id format float %.17g",
        'print "$(step:%.0f) $(etotal:%.17g) $(pe:%.17g) $(temp:%.17g) $(press:%.17g)" '
        "append thermo.txt screen no",
    ]
    lines = [
        f"# run with: lmp {' '.join(accelerator_arguments(settings))} -in production.in",
        f"# {liquid.name}; start.data holds positions and velocities (see README.txt)",
        *setup_commands(liquid, settings, None),
        *interaction_commands(liquid, settings),
        *ensemble.commands(liquid.dimension),
    ]
    done = 0
    for step in [0, *(s for s in steps if s)]:
        lines += [f"run {step - done}", *write]
        done = step
    return "\n".join([*lines, *ensemble.end()]) + "\n"


def data_file(
    liquid: Liquid,
    positions: FloatArray,
    velocities: FloatArray,
    types: NDArray[np.integer[Any]],
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


def write_inputs(plan: Plan) -> None:
    """Save the settings, the liquid and the input script with the data.

    Raises
    ------
    InputError : if the folder cannot be written.
    """
    folder = plan.folder / "inputs"
    steps = steps_of(plan.settings.time_table, plan.step)
    texts = {
        "settings.json": plan.settings.model_dump_json(indent=1),
        "liquid.json": plan.liquid_settings.model_dump_json(indent=1),
        "production.in": input_script(plan.liquid, plan.settings.engine, steps),
        "README.txt": _README,
    }
    for name, text in texts.items():
        path = folder / name
        try:
            same = path.is_file() and path.read_text(encoding="utf-8") == text
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})") from None
        if not same:
            write_atomically(path, text.encode())


def write_start(plan: Plan, configuration: int, run: int, folder: Path) -> Path:
    """Write ``start.data`` and ``production.in`` of one run of one configuration.

    The velocities are drawn again from their seed, so the files hold exactly what the run had.

    Returns
    -------
    The folder.
    """
    from glasscast.simulation.tasks import load_snapshot

    snapshot, types = load_snapshot(plan, configuration)
    s, liquid = plan.settings, plan.liquid
    rng = np.random.default_rng([s.seed, configuration, run])
    velocities = maxwell_boltzmann(s.temperature, liquid.masses[types], liquid.dimension, rng)
    text = data_file(liquid, snapshot.positions, velocities, types, snapshot.box)
    script = input_script(liquid, s.engine, steps_of(s.time_table, time_step(liquid, s.engine)))
    write_atomically(folder / "start.data", text.encode())
    write_atomically(folder / "production.in", script.encode())
    return folder


_README = """Everything that decides these data.

settings.json   the settings
liquid.json     the pair potential
production.in   the LAMMPS input of a production run; it reads start.data

To rerun run K of configuration C by hand, write its start.data and start LAMMPS:

  python -c "
  from pathlib import Path
  from glasscast.simulation.rerun import write_rerun
  write_rerun(Path('..'), configuration=C, run=K, folder=Path('rerun'))"
  cd rerun && lmp -in production.in
"""
