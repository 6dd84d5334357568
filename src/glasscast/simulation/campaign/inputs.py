"""Everything needed to rerun by hand what a generated data set holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import numpy as np

from glasscast.config import Settings, checked
from glasscast.datasets.files import write_atomically
from glasscast.errors import InputError, SettingsError
from glasscast.liquid.definition import LiquidSettings
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.campaign.tasks import load_snapshot
from glasscast.simulation.engine import State, maxwell_boltzmann
from glasscast.simulation.settings import SimulationSettings

Kind = TypeVar("Kind", bound=Settings)

_README = """Everything that decides these data.

settings.json   the settings
liquid.json     the pair potential
others          what the engine reads in a production run, as its own input files

To rerun run K of configuration C by hand, write its files, its start among them:

  python -c "
  from pathlib import Path
  from glasscast.simulation.campaign.inputs import write_rerun
  write_rerun(Path('..'), configuration=C, run=K, folder=Path('rerun'))"

The first line of production.in says how to run it.
"""


def write_inputs(plan: Plan) -> None:
    """Save the settings, the liquid and the inputs of the engine with the data.

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
        "settings.json": plan.settings.without_folders().model_dump_json(indent=1),
        "liquid.json": plan.liquid_settings.model_dump_json(indent=1),
        "README.txt": _README,
        **plan.engine.input_files(plan.liquid, plan.steps),
    }
    for name, text in texts.items():
        path = folder / name
        try:
            same = path.is_file() and path.read_text(encoding="utf-8") == text
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})") from None
        if not same:
            write_atomically(path, text.encode())


def write_rerun(data: Path, configuration: int, run: int, folder: Path) -> Path:
    """Write what the engine reads in one run of one configuration of a generated data set.

    The velocities are drawn again from their seed, so the files hold exactly what the run had.

    Parameters
    ----------
    data : folder that ``simulate`` wrote; its settings and snapshot are read.
    folder : for the files; made if absent.

    Raises
    ------
    InputError : if the data folder lacks its inputs, or they are of another version.
    """
    inputs = data / "inputs"
    settings = _read(inputs / "settings.json", SimulationSettings)
    plan = Plan(settings, _read(inputs / "liquid.json", LiquidSettings), data)
    state, types = load_snapshot(plan, configuration)
    s, masses = plan.settings, plan.liquid.masses[types]
    rng = np.random.default_rng([s.seed, configuration, run])
    velocities = maxwell_boltzmann(s.temperature, masses, plan.liquid.dimension, rng)
    start = types, State(state.positions, velocities[None], state.box)
    for name, text in plan.engine.input_files(plan.liquid, plan.steps, start).items():
        write_atomically(folder / name, text.encode())
    return folder


def _read(path: Path, kind: type[Kind]) -> Kind:
    """Read settings as :func:`write_inputs` saved them."""
    try:
        return checked(kind, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(
            path.parents[1], f"is not a generated data set ({error.strerror})"
        ) from None
    except (ValueError, SettingsError) as error:
        raise InputError(path, str(error), "run the same simulation again to renew it") from None
