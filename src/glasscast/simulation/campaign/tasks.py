"""The work of one task. Idempotent: what exists and matches is left alone."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.kept import keep, read_kept
from glasscast.progress import Progress
from glasscast.simulation.cage import find_cage
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.engine import State
from glasscast.simulation.equilibration import Equilibrated, first_snapshot, next_snapshot
from glasscast.simulation.equilibrium_positions import find_inherent
from glasscast.simulation.isoconfigurational import run_isoconfigurational
from glasscast.simulation.registry import sampler_for

Arrays = dict[str, NDArray[Any]]


def make_snapshot(plan: Plan, configuration: int) -> int:
    """Make the state a configuration starts from; return the particle-steps it took.

    The first of a chain is quenched from the hot liquid, a later one goes on from the one before.
    """
    if plan.has_snapshot(configuration):
        return 0
    s, fingerprint = plan.settings, plan.snapshot_print(configuration)
    if plan.starts is not None:
        made, types = _imported(plan, configuration)
    else:
        assert s.equilibration is not None
        assert s.particles is not None
        types = plan.liquid.types(s.particles)
        chain, place = plan.chain_of(configuration)
        if place == 0:
            made = first_snapshot(
                plan.liquid,
                s.particles,
                s.temperature,
                s.equilibration,
                [s.seed, chain],
                plan.engine,
                density=plan.density,
                pressure=s.pressure,
            )
        else:
            made = next_snapshot(
                plan.liquid,
                types,
                load_snapshot(plan, configuration - plan.chains)[0],
                s.temperature,
                s.equilibration.between,
                s.equilibration,
                plan.engine,
                pressure=s.pressure,
            )
    arrays: Arrays = {
        "positions": made.state.positions[0],
        "velocities": made.state.velocities[0],
        "box": made.state.box[0],
        "types": types,
    }
    keep(plan.snapshot_path(configuration), fingerprint, arrays, made.evidence)
    return plan.snapshot_steps(configuration) * len(types)


def measure(plan: Plan, configuration: int, progress: Progress | None = None) -> int:
    """Make the missing results of a configuration; return the particle-steps it took."""
    work = 0
    state, types = load_snapshot(plan, configuration)
    positions, box = state.positions[0], state.box[0]
    snapshot = Configuration(
        name=plan.name(configuration), positions=positions, types=types, box=box
    )
    for result in plan.missing(configuration):
        began = time.monotonic()
        arrays, record, done = _RESULTS[result](plan, configuration, snapshot, progress)
        record["seconds"] = round(time.monotonic() - began, 3)
        record["particle_steps"] = done
        fingerprint = plan.result_print(configuration, result)
        keep(plan.result_path(configuration, result), fingerprint, arrays, record)
        work += done
    return work


def load_snapshot(plan: Plan, configuration: int) -> tuple[State, NDArray[np.int8]]:
    """Read the state a configuration starts from, one replica, and its species."""
    fields = ("positions", "velocities", "box")
    arrays = read_kept(plan.snapshot_path(configuration), (*fields, "types")).arrays
    state = State(*(arrays[key][None] for key in fields))
    return state, arrays["types"]


def _production(
    plan: Plan,
    configuration: int,
    snapshot: Configuration,
    progress: Progress | None,
) -> tuple[Arrays, dict[str, Any], int]:
    s = plan.settings
    result = run_isoconfigurational(
        plan.liquid,
        snapshot,
        s.temperature,
        s.times,
        s.runs,
        [s.seed, configuration],
        plan.engine,
        keep_trajectories=s.keep_trajectories,
        progress=progress,
    )
    arrays = {key: value for key, value in result.fields.items() if value is not None}
    if result.trajectories is not None:
        arrays["trajectories"] = result.trajectories
    record = {
        "energy_drift": result.drift.tolist(),
        "energy_fluctuation": result.fluctuation,
        "scattering": result.scattering.tolist(),
        "squared_displacement": result.squared_displacement.tolist(),
        "temperature": result.temperature,
        "pressure": result.pressure,
    }
    return arrays, record, result.particle_steps


def _inherent(
    plan: Plan,
    configuration: int,
    snapshot: Configuration,
    progress: Progress | None,
) -> tuple[Arrays, dict[str, Any], int]:
    settings = plan.settings.inherent
    assert settings is not None
    result = find_inherent(plan.liquid, snapshot, settings, plan.engine)
    return {"inherent": result.positions}, result.record(), 0


def _cage(
    plan: Plan,
    configuration: int,
    snapshot: Configuration,
    progress: Progress | None,
) -> tuple[Arrays, dict[str, Any], int]:
    s = plan.settings
    assert s.cage is not None
    result = find_cage(
        plan.liquid,
        snapshot,
        s.temperature,
        [s.seed, configuration],
        s.cage,
        sampler_for(plan.engine),
    )
    return {"cage": result.positions}, result.record(), 0


_RESULTS = {"production": _production, "inherent": _inherent, "cage": _cage}


def _imported(plan: Plan, configuration: int) -> tuple[Equilibrated, NDArray[np.int8]]:
    """Read a start; its velocities are drawn anew for every run."""
    assert plan.starts is not None
    start = plan.starts[configuration]
    found = start.read()
    name = start.path.name
    source = {"source": name if start.only else f"{name}, frame {start.frame}"}
    positions = found.positions[None]
    state = State(positions, np.zeros_like(positions), found.box[None])
    return Equilibrated(state, source | {"sha256": start.checksum}), found.types
