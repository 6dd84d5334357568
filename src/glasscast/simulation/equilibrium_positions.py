"""Equilibrium positions of one snapshot: its inherent structure, its cage state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.kept import fingerprint_of
from glasscast.datasets.metadata import Equilibrium, how_made
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.state_points import Quantity, StatePoint, resolve
from glasscast.errors import SettingsError
from glasscast.liquid.box import FloatArray, wrap
from glasscast.liquid.definition import LiquidSettings, load_liquid_settings
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.cage import cage_marks, find_cage, require_cage
from glasscast.simulation.checks import check_snapshot
from glasscast.simulation.engine import Engine, require
from glasscast.simulation.registry import marks
from glasscast.simulation.settings import CageSettings, EquilibriumSettings, InherentSettings


@dataclass(frozen=True)
class InherentStructure:
    """A minimum and how well it was reached.

    Parameters
    ----------
    positions : (N, d) wrapped.
    displacement : (N, d) from the start, unwrapped.
    energy : per particle, by our own sum over pairs.
    largest_force : on any particle, by our own sum over pairs.
    converged : whether that is below the tolerance asked for.
    """

    positions: FloatArray
    displacement: FloatArray
    energy: float
    largest_force: float
    converged: bool

    def record(self) -> dict[str, Any]:
        """Tell what is kept of the minimisation beside the positions, as JSON values."""
        return {
            "energy": self.energy,
            "largest_force": self.largest_force,
            "converged": self.converged,
        }


def find_inherent(
    liquid: Liquid,
    snapshot: Configuration,
    settings: InherentSettings,
    engine: Engine,
) -> InherentStructure:
    """Minimise by conjugate gradients from a configuration.

    The displacement is followed without wrapping, so that it is right even where a particle
    crosses the face of the box. Potentials that jump at the cutoff (``lj-cut``) stall above tight
    tolerances: look at ``converged``.

    Returns
    -------
    InherentStructure, its force and energy computed independently of the engine.

    Raises
    ------
    SimulationError, ShapeError, MissingExtraError : as the engine does.
    """
    start, types, box = snapshot.positions, snapshot.types, snapshot.box
    with engine.open(liquid, types, box) as system:
        system.place(start[None])
        system.minimise(settings.force_tolerance, settings.iterations)
        displacement = system.state().positions[0] - start
    final = wrap(start + displacement, box)
    force = np.linalg.norm(liquid.forces(final, types, box), axis=1).max()
    return InherentStructure(
        positions=final,
        displacement=displacement,
        energy=float(liquid.energies(final, types, box).mean()),
        largest_force=float(force),
        # the engine stops on its own forces, which differ from ours by rounding
        converged=bool(force <= 1.01 * settings.force_tolerance + 1e-11),
    )


@dataclass(frozen=True)
class EquilibriumPlan:
    """What decides the equilibrium positions of a snapshot.

    Parameters
    ----------
    liquid : its pair potential.
    temperature : of the Metropolis rule or of short runs; needed for the cage state only.
    inherent, cage : settings; None leaves this field alone.
    engine : that minimises; it samples too, if it can.
    seed : with the snapshot itself it seeds the cage state, so neither the order nor the number
        of workers matters.
    """

    liquid: LiquidSettings
    temperature: float | None
    inherent: InherentSettings | None
    cage: CageSettings | None
    engine: Engine
    seed: int = 1

    @classmethod
    def make(
        cls,
        name: str,
        told: StatePoint,
        given: StatePoint,
        inherent: InherentSettings | None,
        cage: CageSettings | None,
        engine: Engine,
        seed: int = 1,
    ) -> EquilibriumPlan:
        """Plan for a dataset or snapshot of this name and state point, as far as it is told.

        Raises
        ------
        SettingsError : if liquid or temperature are unknown or contradict what is told.
        """
        needs: dict[Quantity, str] = {"liquid": "equilibrium positions"}
        if cage is not None:
            needs["temperature"] = "cage states"
        point = resolved(name, told, given, needs)
        liquid = load_liquid_settings(str(point.liquid))
        return cls(liquid, point.temperature, inherent, cage, engine, seed)

    def check(self) -> None:
        """Refuse before any work what this installation or the engine cannot do.

        Raises
        ------
        MissingExtraError : saying what to install.
        SettingsError : naming what the engine, or the sampler, cannot do.
        """
        liquid = self.liquid.liquid()
        if self.inherent is not None:
            require(self.engine, liquid, minimises=True)
        if self.cage is not None:
            assert self.temperature is not None
            liquid.check_temperature(self.temperature)
            require_cage(self.engine, liquid, self.cage)

    def fingerprints(self, snapshot: Configuration) -> dict[EquilibriumField, str]:
        """Fingerprint of each wanted field of a snapshot."""
        liquid = self.liquid.liquid()
        prints: dict[EquilibriumField, str] = {}
        common: dict[str, Any] = {
            "snapshot": snapshot.fingerprint(),
            "liquid": self.liquid.interactions(),
        }
        if self.inherent is not None:
            asked = {"inherent": self.inherent.model_dump()}
            by = marks(self.engine, liquid, moves=False)
            prints["inherent"] = fingerprint_of(common | asked | by)
        if self.cage is not None:
            by = cage_marks(self.engine, liquid, self.cage)
            state = {"temperature": self.temperature, "seed": self.seed}
            prints["cage"] = fingerprint_of(common | state | by)
        return prints

    def find(self, field: str, snapshot: Configuration) -> tuple[FloatArray, dict[str, Any]]:
        """Positions of one field, and a record of how they were found."""
        liquid = self.liquid.liquid()
        record: dict[str, Any] = {"liquid": liquid.name}
        if field == "inherent":
            assert self.inherent is not None
            minimum = find_inherent(liquid, snapshot, self.inherent, self.engine)
            record["settings"] = self.inherent.model_dump()
            return minimum.positions, record | minimum.record()
        assert self.cage is not None
        assert self.temperature is not None
        seed = [self.seed, int(snapshot.fingerprint()[:12], 16)]
        cage = find_cage(liquid, snapshot, self.temperature, seed, self.cage, self.engine)
        record |= {"temperature": self.temperature, "seed": seed}
        record["settings"] = self.cage.model_dump()
        return cage.positions, record | cage.record()


def completed(
    snapshot: Configuration,
    fields: Sequence[EquilibriumField],
    engine: Engine,
    liquid: str | None = None,
    temperature: float | None = None,
    made: Mapping[EquilibriumField, Equilibrium] | None = None,
) -> Configuration:
    """Return a snapshot with equilibrium positions.

    Parameters
    ----------
    fields : of ``inherent`` and ``cage``, those to find; the snapshot itself when empty.
    made : how, as far as it is known; else by the default settings.
    liquid, temperature : where the snapshot's metadata do not tell.

    Raises
    ------
    SettingsError : if liquid or temperature are unknown or contradict the metadata, or the engine
        cannot find them.
    InputError : if the snapshot does not suit the liquid.
    """
    if not fields:
        return snapshot
    asked = EquilibriumSettings.like(made or {}, fields)
    given = StatePoint.stated(liquid, temperature)
    told = snapshot.state_point
    plan = EquilibriumPlan.make(snapshot.name, told, given, asked.inherent, asked.cage, engine)
    check_snapshot(snapshot.name, plan.liquid.liquid(), snapshot, asked.cage)
    plan.check()
    found = {field: plan.find(field, snapshot) for field in fields}
    how = {f: how_made(f, r["settings"], r.get("temperature")) for f, (_, r) in found.items()}
    metadata = snapshot.metadata.changed(equilibrium=dict(snapshot.metadata.equilibrium) | how)
    positions = {field: positions for field, (positions, _) in found.items()}
    return snapshot.with_fields(**positions, metadata=metadata)


def resolved(
    name: str,
    told: StatePoint,
    given: StatePoint,
    needs: Mapping[Quantity, str],
) -> StatePoint:
    """State point of a dataset or snapshot; see :func:`glasscast.datasets.state_points.resolve`.

    Raises
    ------
    SettingsError : naming the data, if something needed is unknown or contradicted.
    """
    try:
        return resolve(told, given, needs=needs).point
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}", error.parameter) from None
