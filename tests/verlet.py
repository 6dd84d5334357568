"""An engine in numpy, a few hundred particles: what the interface asks for, and nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from scipy.optimize import minimize

from glasscast.errors import SettingsError
from glasscast.simulation.engine import (
    NVE,
    Capabilities,
    EngineSettings,
    Reading,
    State,
    checked_start,
    checked_system,
)


class VerletSettings(EngineSettings):
    name: Literal["verlet"] = "verlet"
    time_step: float | None = None


@dataclass(frozen=True)
class Verlet:
    """Velocity Verlet of any number of replicas at once."""

    settings: VerletSettings = field(default_factory=VerletSettings)
    settings_class: ClassVar = VerletSettings
    name: ClassVar[str] = "verlet"
    capabilities: ClassVar = Capabilities(ensembles=frozenset({NVE}), minimises=True, replicas=None)

    def time_step(self, liquid):
        return self.settings.time_step or liquid.time_step

    def identity(self, liquid):
        return {"time_step": self.time_step(liquid)}

    def check(self, liquid):
        pass

    def open(self, liquid, types, box):
        return nullcontext(VerletSystem(liquid, types, box, self.time_step(liquid)))

    def input_files(self, liquid, steps, start=None):
        return {}


class VerletSystem:
    def __init__(self, liquid, types, box, step):
        self.liquid, self.step, self.work = liquid, step, 0
        self.types, self.box = checked_system(liquid, types, box)
        self.masses = liquid.masses[self.types][:, None]

    def place(self, positions, velocities=None):
        size = len(self.types)
        self.positions, moving = checked_start(positions, velocities, size, self.box, None)
        self.velocities = moving.copy()

    def state(self):
        box = np.tile(self.box, (len(self.positions), 1))
        return State(self.positions.copy(), self.velocities.copy(), box)

    def integrate(self, ensemble, steps):
        if not isinstance(ensemble, NVE):
            raise SettingsError(f"verlet cannot integrate in {type(ensemble).__name__}", "engine")
        done, forces = 0, self.forces()
        for step in steps:
            for _ in range(step - done):
                self.velocities += 0.5 * self.step * forces / self.masses
                self.positions = self.positions + self.step * self.velocities
                forces = self.forces()
                self.velocities += 0.5 * self.step * forces / self.masses
            self.work += self.positions[..., 0].size * (step - done)
            done = step
            yield self.reading(step)

    def minimise(self, force_tolerance, iterations):
        shape = self.positions[0].shape
        options = {"gtol": force_tolerance / np.sqrt(shape[1]), "ftol": 0, "maxiter": iterations}

        def energy_and_gradient(flat):
            state = flat.reshape(shape), self.types, self.box
            return self.liquid.energies(*state).sum(), -self.liquid.forces(*state).ravel()

        for replica in self.positions:
            found = minimize(
                energy_and_gradient, replica.ravel(), jac=True, method="L-BFGS-B", options=options
            )
            replica[:] = found.x.reshape(shape)

    def sample(self, confined, blocks):
        raise SettingsError("verlet cannot sample a confined liquid", "engine")

    def forces(self):
        return np.stack([self.liquid.forces(x, self.types, self.box) for x in self.positions])

    def reading(self, step):
        size, dimension = self.positions.shape[1:]
        twice_kinetic = (self.masses * self.velocities**2).sum(axis=(1, 2))
        state = [(x, self.types, self.box) for x in self.positions]
        potential = np.array([self.liquid.energies(*s).mean() for s in state])
        warm = twice_kinetic / (size * dimension)
        return Reading(
            step=step,
            positions=self.positions.copy(),
            energy=potential + twice_kinetic / (2 * size),
            potential_energy=potential,
            temperature=twice_kinetic / (size * dimension - dimension),
            pressure=np.array(
                [self.liquid.pressure(*s, t) for s, t in zip(state, warm, strict=True)]
            ),
        )
