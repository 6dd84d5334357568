"""LAMMPS as an engine: its library in this process, or an executable of your own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import (
    NPT,
    NVE,
    NVT,
    Capabilities,
    IntArray,
    State,
    System,
)
from glasscast.simulation.lammps.commands import time_step
from glasscast.simulation.lammps.executable import ExecutableSystem, find_executable
from glasscast.simulation.lammps.input_files import START, data_file, input_script
from glasscast.simulation.lammps.library import LibrarySystem, start_lammps
from glasscast.simulation.lammps.pair_potentials import (
    TABLE_FILE,
    check_tables,
    needs_table,
    pair_table,
)
from glasscast.simulation.lammps.settings import LammpsSettings


@dataclass(frozen=True)
class Lammps:
    """LAMMPS with some settings; implements :class:`glasscast.simulation.engine.Engine`.

    Library and executable give the same results up to rounding, and kept results of one serve the
    other.
    """

    settings: LammpsSettings
    settings_class: ClassVar = LammpsSettings
    capabilities: ClassVar = Capabilities(
        ensembles=frozenset({NVE, NVT, NPT}), minimises=True, dimensions=(2, 3), replicas=1
    )

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.settings.name

    def time_step(self, liquid: Liquid) -> float:
        """Return the time step set, or else the liquid's own."""
        return time_step(liquid, self.settings)

    def identity(self, liquid: Liquid) -> dict[str, float]:
        """Tell what decides the last digits of a result: time step and neighbour list skin."""
        return {"time_step": self.time_step(liquid), "skin": self.settings.skin}

    def check(self, liquid: Liquid) -> None:
        """Start the library once, or look for the executable.

        Raises
        ------
        MissingExtraError : saying what to install.
        SettingsError : if the liquid needs more tables than fit into memory.
        """
        check_tables(liquid)
        if self.settings.executable:
            find_executable(self.settings.executable)
        else:
            start_lammps([]).close()

    def open(
        self, liquid: Liquid, types: IntArray, box: FloatArray
    ) -> AbstractContextManager[System]:
        """Prepare a system."""
        if self.settings.executable:
            return ExecutableSystem(liquid, types, box, self.settings)
        return LibrarySystem(liquid, types, box, self.settings)

    def input_files(
        self, liquid: Liquid, steps: Sequence[int], start: tuple[IntArray, State] | None = None
    ) -> dict[str, str]:
        """Input script of a production run, a table of the potential if needed, and its start."""
        files = {"production.in": input_script(liquid, self.settings, steps, NVE())}
        if needs_table(liquid):
            files[TABLE_FILE] = pair_table(liquid)
        if start is not None:
            types, state = start
            arrays = state.positions[0], state.velocities[0], types, state.box[0]
            files[START] = data_file(liquid, *arrays)
        return files
