"""Rerun by hand what a generated data set holds."""

from __future__ import annotations

from pathlib import Path

from glasscast.errors import InputError
from glasscast.liquid.definition import LiquidSettings
from glasscast.simulation.plan import Plan
from glasscast.simulation.script import write_start
from glasscast.simulation.settings import SimulationSettings


def write_rerun(data: Path, configuration: int, run: int, folder: Path) -> Path:
    """Write the LAMMPS files of one run of one configuration of a generated data set.

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
    return write_start(plan, configuration, run, folder)
