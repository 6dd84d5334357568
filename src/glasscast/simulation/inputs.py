"""Everything needed to rerun by hand what a generated data set holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glasscast.datasets.files import write_atomically
from glasscast.errors import InputError
from glasscast.liquid.definition import LiquidSettings
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.campaign.tasks import load_snapshot
from glasscast.simulation.engine import maxwell_boltzmann
from glasscast.simulation.lammps.commands import steps_of
from glasscast.simulation.lammps.input_files import data_file, input_script
from glasscast.simulation.lammps.pair_potentials import TABLE_FILE, needs_table, pair_table
from glasscast.simulation.settings import SimulationSettings

_README = """Everything that decides these data.

settings.json   the settings
liquid.json     the pair potential
production.in   the LAMMPS input of a production run; it reads start.data
pair.table      the potential where LAMMPS has no style for it

To rerun run K of configuration C by hand, write its start.data and start LAMMPS:

  python -c "
  from pathlib import Path
  from glasscast.simulation.inputs import write_rerun
  write_rerun(Path('..'), configuration=C, run=K, folder=Path('rerun'))"
  cd rerun && lmp -in production.in
"""


def write_inputs(plan: Plan) -> None:
    """Save the settings, the liquid and the input script with the data.

    Raises
    ------
    InputError : if the folder cannot be written.
    """
    folder = plan.folder / "inputs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(plan.folder, f"cannot be written ({error.strerror})") from None
    texts = {
        "settings.json": plan.settings.model_dump_json(indent=1),
        "liquid.json": plan.liquid_settings.model_dump_json(indent=1),
        "production.in": _production(plan),
        "README.txt": _README,
    }
    if needs_table(plan.liquid):
        texts[TABLE_FILE] = pair_table(plan.liquid)
    for name, text in texts.items():
        path = folder / name
        try:
            same = path.is_file() and path.read_text(encoding="utf-8") == text
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})") from None
        if not same:
            write_atomically(path, text.encode())


def write_rerun(data: Path, configuration: int, run: int, folder: Path) -> Path:
    """Write the LAMMPS files of one run of one configuration of a generated data set.

    The velocities are drawn again from their seed, so the files hold exactly what the run had.

    Parameters
    ----------
    data : folder that ``simulate`` wrote; its settings and snapshot are read.
    folder : for ``start.data`` and ``production.in``; made if absent.

    Raises
    ------
    InputError : if the data folder lacks its inputs.
    """
    try:
        settings = (data / "inputs" / "settings.json").read_text(encoding="utf-8")
        liquid = (data / "inputs" / "liquid.json").read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(data, f"is not a generated data set ({error.strerror})") from None
    plan = Plan(
        SimulationSettings.model_validate_json(settings),
        LiquidSettings.model_validate_json(liquid),
        data,
    )
    snapshot, types = load_snapshot(plan, configuration)
    s, masses = plan.settings, plan.liquid.masses[types]
    rng = np.random.default_rng([s.seed, configuration, run])
    velocities = maxwell_boltzmann(s.temperature, masses, plan.liquid.dimension, rng)
    text = data_file(plan.liquid, snapshot.positions, velocities, types, snapshot.box)
    write_atomically(folder / "start.data", text.encode())
    write_atomically(folder / "production.in", _production(plan).encode())
    if needs_table(plan.liquid):
        write_atomically(folder / TABLE_FILE, pair_table(plan.liquid).encode())
    return folder


def _production(plan: Plan) -> str:
    steps = steps_of(plan.settings.time_table, plan.step)
    return input_script(plan.liquid, plan.settings.engine, steps)
