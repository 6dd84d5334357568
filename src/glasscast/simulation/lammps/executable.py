"""Molecular dynamics by a LAMMPS executable of your own: MPI, KOKKOS or GPU builds."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import MissingExtraError, SimulationError
from glasscast.liquid.box import wrap
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import Engine, Sample
from glasscast.simulation.ensembles import Ensemble
from glasscast.simulation.lammps.commands import accelerator_arguments
from glasscast.simulation.lammps.input_files import (
    DumpFrame,
    data_file,
    input_script,
    minimisation_script,
    read_frame,
)
from glasscast.simulation.lammps.pair_potentials import TABLE_FILE, needs_table, pair_table
from glasscast.simulation.settings import EngineSettings

FloatArray = NDArray[np.float64]


def open_engine(
    liquid: Liquid,
    types: NDArray[np.integer[Any]],
    box: FloatArray,
    settings: EngineSettings | None = None,
) -> Engine:
    """Choose the engine: the library in this process, or ``settings.executable`` if it is set."""
    if settings is not None and settings.executable:
        return ExternalEngine(liquid, types, box, settings)
    return Engine(liquid, types, box, settings)


def find_executable(settings: EngineSettings) -> list[str]:
    """Return the command line of the executable, its program found and absolute.

    Raises
    ------
    MissingExtraError : if it is not found.
    """
    command = settings.executable or ()
    program = shutil.which(command[0]) if command else None
    if program is None:
        raise MissingExtraError(
            f"engine.executable '{' '.join(command)}' is not found: load its module, give its "
            "full path, or leave the setting out to use the library of 'glasscast[md]'"
        )
    # absolute, for it is started in another folder
    return [os.path.abspath(program), *command[1:]]


class ExternalEngine(Engine):
    """The same engine behind an executable; each stretch of a run is one start of it.

    Parameters are those of :class:`~glasscast.simulation.engine.Engine`; inputs and frames go
    through a temporary folder.

    Raises
    ------
    MissingExtraError : if the executable is not found.
    SimulationError : with the error LAMMPS printed.
    """

    def __enter__(self) -> ExternalEngine:
        self._command = find_executable(self.settings)
        self._folder = tempfile.TemporaryDirectory(prefix="glasscast-")
        if needs_table(self.liquid):
            table = Path(self._folder.name, TABLE_FILE)
            table.write_text(pair_table(self.liquid), encoding="ascii")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def place(self, positions: FloatArray, velocities: FloatArray | None = None) -> None:
        """Put the particles at given places, wrapped, with given velocities (at rest if absent)."""
        inside = wrap(np.asarray(positions, dtype=np.float64), self._first_box)
        if velocities is None:
            velocities = np.zeros_like(inside)
        self._state = DumpFrame(inside, velocities, self._first_box)

    def integrate(self, ensemble: Ensemble, steps: Sequence[int]) -> Iterator[Sample]:
        """Run on from where the particles are, yielding a sample at each of some step numbers."""
        crossings = self._write_start()
        thermo = self._execute(input_script(self.liquid, self.settings, steps, ensemble))
        self.work += self.size * max(steps)
        for step in steps:
            self._take(step, crossings)
            energy, potential, temperature, pressure = thermo[step]
            yield Sample(step, self.positions(), energy, potential, temperature, pressure)

    def minimise(self, force_tolerance: float, iterations: int) -> None:
        """Minimise the energy until the largest force on a particle is below a tolerance."""
        crossings = self._write_start()
        script = minimisation_script(self.liquid, self.settings, force_tolerance, iterations)
        self._execute(script)
        self._take(0, crossings)

    def positions(self) -> FloatArray:
        """Unwrapped positions, (N, d), relative to the lower corner of the box."""
        return self._state.positions

    def velocities(self) -> FloatArray:
        """Velocities, (N, d)."""
        return self._state.velocities

    def box(self) -> FloatArray:
        """Present box sides, (d,)."""
        return self._state.box

    def _write_start(self) -> NDArray[np.float64]:
        """Write the start of a stretch, wrapped; return how often each coordinate was folded."""
        state = self._state
        inside = wrap(state.positions, state.box)
        text = data_file(self.liquid, inside, state.velocities, self.types, state.box)
        Path(self._folder.name, "start.data").write_text(text, encoding="ascii")
        return np.asarray(np.round((state.positions - inside) / state.box))

    def _take(self, step: int, crossings: NDArray[np.float64]) -> None:
        frame = read_frame(Path(self._folder.name, f"frame.{step}.dump"), self.dimension)
        positions = frame.positions + crossings * frame.box
        self._state = DumpFrame(positions, frame.velocities, frame.box)

    def _execute(self, script: str) -> dict[int, tuple[float, float, float, float]]:
        """Run a script; return the thermodynamic lines it wrote, by step."""
        folder = Path(self._folder.name)
        (folder / "run.in").write_text(script, encoding="ascii")
        thermo = folder / "thermo.txt"
        thermo.unlink(missing_ok=True)
        command = [*self._command, *accelerator_arguments(self.settings)]
        result = subprocess.run(
            [*command, "-in", "run.in", "-log", "none"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            output = (result.stdout + result.stderr).splitlines()
            errors = [line for line in output if "ERROR" in line] or output[-1:] or ["no output"]
            raise SimulationError(f"{command[0]} stopped: {errors[0].strip()}")
        lines = {}
        for line in thermo.read_text(encoding="ascii").splitlines():
            step, *values = line.split()
            energy, potential, temperature, pressure = map(float, values)
            lines[int(step)] = (energy, potential, temperature, pressure)
        return lines
