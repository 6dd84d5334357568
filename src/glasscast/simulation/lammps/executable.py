"""LAMMPS as an executable of your own: MPI, KOKKOS or GPU builds."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import numpy as np

from glasscast.errors import MissingExtraError, SettingsError, SimulationError
from glasscast.liquid.box import FloatArray, wrap
from glasscast.liquid.interactions import Liquid
from glasscast.runtime import end_with_parent
from glasscast.simulation.engine import (
    Confined,
    Ensemble,
    IntArray,
    Reading,
    State,
    checked_start,
    checked_system,
)
from glasscast.simulation.lammps.commands import accelerator_arguments
from glasscast.simulation.lammps.input_files import (
    START,
    THERMO,
    data_file,
    frame_file,
    input_script,
    minimisation_script,
    read_frame,
    read_thermo,
)
from glasscast.simulation.lammps.pair_potentials import TABLE_FILE, needs_table, pair_table
from glasscast.simulation.lammps.settings import LammpsSettings


def find_executable(command: Sequence[str]) -> list[str]:
    """Return a command line with its program found and absolute.

    Raises
    ------
    MissingExtraError : if it is not found.
    """
    program = shutil.which(command[0])
    if program is None:
        raise MissingExtraError(
            f"engine.executable '{' '.join(command)}' is not found: load its module, give its "
            "full path, or leave the setting out to use the library of 'glasscast[md]'"
        )
    # absolute, for it is started in another folder
    return [os.path.abspath(program), *command[1:]]


class ExecutableSystem(AbstractContextManager["ExecutableSystem"]):
    """A LAMMPS executable, started once for each stretch of a run; one replica.

    Implements :class:`glasscast.simulation.engine.System`; inputs and frames go through a
    temporary folder.

    Parameters
    ----------
    liquid : the interactions.
    types : (N,) species from 0.
    box : (d,) sides.
    settings : of LAMMPS, with an ``executable``.

    Raises
    ------
    MissingExtraError : if the executable is not found.
    ShapeError : for unknown species or a box smaller than twice the cutoff.
    SimulationError : with the error LAMMPS printed.
    """

    def __init__(
        self, liquid: Liquid, types: IntArray, box: FloatArray, settings: LammpsSettings
    ) -> None:
        self.liquid, self.settings = liquid, settings
        self.types, self._first_box = checked_system(liquid, types, box)
        self.size, self.dimension = len(self.types), liquid.dimension
        self.work = 0

    def __enter__(self) -> ExecutableSystem:
        self._command = find_executable(self.settings.executable or ())
        self._temporary = tempfile.TemporaryDirectory(prefix="glasscast-")
        self._folder = Path(self._temporary.name)
        if needs_table(self.liquid):
            (self._folder / TABLE_FILE).write_text(pair_table(self.liquid), encoding="ascii")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._temporary.cleanup()

    def place(self, positions: FloatArray, velocities: FloatArray | None = None) -> None:
        """Put one replica at given places, wrapped, with given velocities (at rest if absent)."""
        inside, moving = checked_start(positions, velocities, self.size, self._first_box, 1)
        self._state = State(inside, moving, self._first_box[None])

    def state(self) -> State:
        """Tell where the replica is now."""
        return self._state

    def integrate(self, ensemble: Ensemble, steps: Sequence[int]) -> Iterator[Reading]:
        """Run on from where the particles are, yielding a reading at each of some step numbers."""
        crossings = self._write_start()
        self._execute(input_script(self.liquid, self.settings, steps, ensemble))
        thermo = read_thermo(self._folder / THERMO)
        self.work += self.size * max(steps)
        for step in steps:
            self._take(step, crossings)
            values = (np.array([value]) for value in thermo[step])
            yield Reading(step, self._state.positions, *values)

    def minimise(self, force_tolerance: float, iterations: int) -> None:
        """Minimise the energy until the largest force on a particle is below a tolerance."""
        crossings = self._write_start()
        self._execute(minimisation_script(self.liquid, self.settings, force_tolerance, iterations))
        self._take(0, crossings)

    def sample(self, confined: Confined, blocks: Sequence[int]) -> NoReturn:
        """Refuse: LAMMPS confines no particle to a sphere."""
        raise SettingsError("LAMMPS cannot sample a confined liquid", "engine")

    def _write_start(self) -> FloatArray:
        """Write the start of a stretch, wrapped; return how often each coordinate was wrapped."""
        positions, velocities = self._state.positions[0], self._state.velocities[0]
        box = self._state.box[0]
        inside = wrap(positions, box)
        text = data_file(self.liquid, inside, velocities, self.types, box)
        (self._folder / START).write_text(text, encoding="ascii")
        return np.asarray(np.round((positions - inside) / box))

    def _take(self, step: int, crossings: FloatArray) -> None:
        positions, velocities, box = read_frame(self._folder / frame_file(step), self.dimension)
        positions = positions + crossings * box
        self._state = State(positions[None], velocities[None], box[None])

    def _execute(self, script: str) -> None:
        for left in (*self._folder.glob("frame.*"), self._folder / THERMO):
            left.unlink(missing_ok=True)  # of an earlier stretch
        (self._folder / "run.in").write_text(script, encoding="ascii")
        command = [*self._command, *accelerator_arguments(self.settings)]
        result = subprocess.run(
            [*command, "-in", "run.in", "-log", "none"],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=end_with_parent,
        )
        if result.returncode:
            output = (result.stdout + result.stderr).splitlines()
            errors = [line for line in output if "ERROR" in line] or output[-1:] or ["no output"]
            raise SimulationError(f"{command[0]} stopped: {errors[0].strip()}")
