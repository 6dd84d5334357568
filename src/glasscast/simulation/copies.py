"""Thermal copies of one snapshot: the particles a short while later, in the same cages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.kept import fingerprint_of
from glasscast.datasets.state_points import Quantity, StatePoint
from glasscast.liquid.box import FloatArray
from glasscast.liquid.definition import LiquidSettings, load_liquid_settings
from glasscast.simulation.checks import check_snapshot
from glasscast.simulation.engine import NVE, Engine, require, steps_of
from glasscast.simulation.equilibrium_positions import resolved
from glasscast.simulation.isoconfigurational import Runs, blocks, to_the_end
from glasscast.simulation.registry import marks

#: Labels survive a move along the trajectory that is this much shorter than their time.
SEPARATION = 50.0


@dataclass(frozen=True)
class CopyPlan:
    """What decides the copies of a snapshot.

    Parameters
    ----------
    liquid : its pair potential.
    temperature : of the velocities.
    copies : runs from each snapshot, one copy from the end of each.
    time : of a run, in LJ units.
    engine : that runs them.
    seed : with the snapshot itself it seeds the velocities.
    """

    liquid: LiquidSettings
    temperature: float
    copies: int
    time: float
    engine: Engine
    seed: int = 1

    @classmethod
    def make(
        cls,
        name: str,
        told: StatePoint,
        given: StatePoint,
        copies: int,
        time: float,
        engine: Engine,
        seed: int = 1,
    ) -> CopyPlan:
        """Plan for a dataset or snapshot of this name and state point, as far as it is told.

        Raises
        ------
        SettingsError : if liquid or temperature are unknown or contradict what is told.
        """
        needs: dict[Quantity, str] = {"liquid": "the runs", "temperature": "their velocities"}
        point = resolved(name, told, given, needs)
        assert point.temperature is not None
        liquid = load_liquid_settings(str(point.liquid))
        return cls(liquid, point.temperature, copies, time, engine, seed)

    def check(self) -> None:
        """Refuse before any work what this installation or the engine cannot do.

        Raises
        ------
        MissingExtraError : saying what to install.
        SettingsError : naming what the engine cannot do, or for a time that is no time step.
        """
        liquid = self.liquid.liquid()
        liquid.check_temperature(self.temperature)
        steps_of([self.time], self.engine.time_step(liquid))
        require(self.engine, liquid, NVE)

    def fingerprint(self, snapshot: Configuration) -> str:
        """Identity of the copies of a snapshot."""
        content = {
            "of": snapshot.fingerprint(),
            "liquid": self.liquid.interactions() | {"time_step": self.liquid.time_step},
            "runs": [self.temperature, self.copies, self.time, self.seed],
        }
        return fingerprint_of(content | marks(self.engine, self.liquid.liquid(), moves=True))

    def run(self, snapshot: Configuration) -> FloatArray:
        """Positions of the copies: (copies, N, d), wrapped."""
        liquid = self.liquid.liquid()
        steps = steps_of([self.time], self.engine.time_step(liquid))
        seed = [self.seed, int(snapshot.fingerprint()[:12], 16)]
        begun = (
            Runs.begin(liquid, snapshot, self.temperature, numbers, seed)
            for numbers in blocks(self.engine, self.copies)
        )
        return np.concatenate(
            [to_the_end(runs, liquid, snapshot, steps, self.engine).positions for runs in begun]
        )


def copies_of(
    snapshot: Configuration,
    copies: int,
    time: float,
    engine: Engine,
    liquid: str | None = None,
    temperature: float | None = None,
    seed: int = 1,
) -> list[Configuration]:
    """Thermal copies of one snapshot, for a forecast.

    Parameters
    ----------
    time : between the snapshot and its copies, in LJ units; long against vibrations.
    liquid, temperature : where the snapshot's metadata do not tell.

    Raises
    ------
    SettingsError : if liquid or temperature are unknown or contradict the metadata, or the engine
        cannot run the copies.
    InputError : if the snapshot does not suit the liquid.
    """
    given = StatePoint.stated(liquid, temperature)
    plan = CopyPlan.make(snapshot.name, snapshot.state_point, given, copies, time, engine, seed)
    check_snapshot(snapshot.name, plan.liquid.liquid(), snapshot)
    plan.check()
    return [snapshot.with_fields(positions=positions) for positions in plan.run(snapshot)]
