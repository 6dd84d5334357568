"""The work of one task. Idempotent: what exists and matches is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.kept import keep, read_kept
from glasscast.simulation.cage import find_cage
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.equilibration import Snapshot, first_snapshot, next_snapshot
from glasscast.simulation.inherent import find_inherent
from glasscast.simulation.isoconfigurational import run_isoconfigurational

Arrays = dict[str, NDArray[Any]]
Progress = Callable[[int], None]


def make_snapshot(plan: Plan, configuration: int) -> int:
    """Make the state a configuration starts from; return the particle-steps it took.

    The first of a chain is quenched from the hot liquid, a later one goes on from the one before.
    """
    if plan.has_snapshot(configuration):
        return 0
    s, fingerprint = plan.settings, plan.snapshot_print(configuration)
    if plan.starts is not None:
        snapshot, types = _imported(plan, configuration)
    else:
        assert s.equilibration is not None
        assert s.particles is not None
        types = plan.liquid.types(s.particles)
        chain, place = plan.chain_of(configuration)
        if place == 0:
            snapshot = first_snapshot(
                plan.liquid,
                s.particles,
                s.temperature,
                s.equilibration,
                [s.seed, chain],
                plan.density,
                s.pressure,
                s.engine,
            )
        else:
            before = load_snapshot(plan, configuration - plan.chains)[0]
            snapshot = next_snapshot(
                plan.liquid,
                types,
                before,
                s.temperature,
                s.equilibration.between,
                s.equilibration,
                s.pressure,
                s.engine,
            )
    arrays: Arrays = {
        "positions": snapshot.positions,
        "velocities": snapshot.velocities,
        "box": snapshot.box,
        "types": types,
    }
    keep(plan.snapshot_path(configuration), fingerprint, arrays, snapshot.evidence)
    return plan.snapshot_steps(configuration) * len(types)


def measure(plan: Plan, configuration: int, progress: Progress | None = None) -> int:
    """Make the missing parts of a configuration's result; return the particle-steps it took."""
    work = 0
    snapshot, types = load_snapshot(plan, configuration)
    for part in plan.missing_parts(configuration):
        began = time.monotonic()
        arrays, record, done = _PARTS[part](plan, configuration, snapshot, types, progress)
        record["seconds"] = round(time.monotonic() - began, 3)
        record["particle_steps"] = done
        path, fingerprint = (
            plan.part_path(configuration, part),
            plan.part_print(configuration, part),
        )
        keep(path, fingerprint, arrays, record)
        work += done
    return work


def load_snapshot(plan: Plan, configuration: int) -> tuple[Snapshot, NDArray[np.int8]]:
    """Read the state a configuration starts from, and its species."""
    arrays, evidence = read_kept(plan.snapshot_path(configuration))
    snapshot = Snapshot(arrays["positions"], arrays["velocities"], arrays["box"], evidence)
    return snapshot, arrays["types"]


def _production(
    plan: Plan,
    configuration: int,
    snapshot: Snapshot,
    types: NDArray[np.int8],
    progress: Progress | None,
) -> tuple[Arrays, dict[str, Any], int]:
    s = plan.settings
    result = run_isoconfigurational(
        plan.liquid,
        snapshot.positions,
        types,
        snapshot.box,
        s.temperature,
        s.time_table,
        s.runs,
        [s.seed, configuration],
        s.engine,
        s.keep_trajectories,
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
    snapshot: Snapshot,
    types: NDArray[np.int8],
    progress: Progress | None,
) -> tuple[Arrays, dict[str, Any], int]:
    s = plan.settings
    result = find_inherent(
        plan.liquid, snapshot.positions, types, snapshot.box, s.inherent, s.engine
    )
    return {"inherent": result.positions}, result.record(), 0


def _cage(
    plan: Plan,
    configuration: int,
    snapshot: Snapshot,
    types: NDArray[np.int8],
    progress: Progress | None,
) -> tuple[Arrays, dict[str, Any], int]:
    s = plan.settings
    result = find_cage(
        plan.liquid,
        snapshot.positions,
        types,
        snapshot.box,
        s.temperature,
        [s.seed, configuration],
        s.cage,
    )
    return {"cage": result.positions}, result.record(), 0


_PARTS = {"production": _production, "inherent": _inherent, "cage": _cage}


def _imported(plan: Plan, configuration: int) -> tuple[Snapshot, NDArray[np.int8]]:
    """Read a start; its velocities are drawn anew for every run."""
    assert plan.starts is not None
    start = plan.starts[configuration]
    found = start.read()
    source = str(start.path) if start.only else f"{start.path}, frame {start.frame}"
    rest = np.zeros_like(found.positions)
    return Snapshot(found.positions, rest, found.box, {"source": source}), found.types
