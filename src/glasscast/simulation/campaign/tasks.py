"""The work of one task. Idempotent: what exists and matches is left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.kept import keep, kept_record, read_kept
from glasscast.progress import Progress
from glasscast.simulation.cage import find_cage
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.engine import State
from glasscast.simulation.equilibration import (
    Equilibrated,
    Way,
    box_of,
    equilibrated,
    first_way,
    go_through,
    phases_of,
)
from glasscast.simulation.equilibrium_positions import find_inherent
from glasscast.simulation.isoconfigurational import Runs, averaged, blocks, go_on

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """A piece of work that one worker does at a time.

    Parameters
    ----------
    kind : a snapshot; one block of its runs; the averages over all of them (production); a result
        that needs no runs.
    configuration : number of it.
    runs : numbers of those in the block.
    """

    kind: Literal["snapshot", "runs", "production", "inherent", "cage"]
    configuration: int
    runs: range = range(0)


def work(plan: Plan, task: Task, progress: Progress | None = None) -> int:
    """Do a task; return the particle-steps it took.

    Parameters
    ----------
    progress : of the runs, told as they go on.
    """
    if task.kind == "snapshot":
        return make_snapshot(plan, task.configuration)
    if task.kind == "runs":
        return follow_runs(plan, task.configuration, task.runs, progress)
    make_result(plan, task.configuration, task.kind)
    return 0


def make_snapshot(plan: Plan, configuration: int) -> int:
    """Make the state a configuration starts from; return the particle-steps it took.

    The first of a chain is quenched from the hot liquid, a later one goes on from the one before.
    """
    if plan.has_snapshot(configuration):
        return 0
    fingerprint, way = plan.snapshot_print(configuration), plan.way_path(configuration)
    steps = plan.snapshot_steps_left(configuration)
    if plan.starts is not None:
        made, types = _imported(plan, configuration)
    else:
        made, types = _equilibrated(plan, configuration)
    arrays: Arrays = {
        "positions": made.state.positions[0],
        "velocities": made.state.velocities[0],
        "box": made.state.box[0],
        "types": types,
    }
    keep(plan.snapshot_path(configuration), fingerprint, arrays, made.evidence)
    way.unlink(missing_ok=True)
    return steps * len(types)


def _equilibrated(plan: Plan, configuration: int) -> tuple[Equilibrated, NDArray[np.int8]]:
    """Go the way to a snapshot from where it was left."""
    s, liquid, engine = plan.settings, plan.liquid, plan.engine
    assert s.equilibration is not None
    assert s.particles is not None
    types = liquid.types(s.particles)
    chain, place = plan.chain_of(configuration)
    box = None if place else box_of(liquid, s.particles, plan.density)
    phases = phases_of(liquid, s.temperature, s.equilibration, engine, box=box, pressure=s.pressure)
    path, mark = plan.way_path(configuration), plan.snapshot_print(configuration)
    record = kept_record(path, mark)
    if record is not None:
        way = Way(phase=record["phase"], step=record["step"], **read_kept(path).arrays)
    elif place:
        way = Way.begin(0, load_snapshot(plan, configuration - plan.chains)[0], types)
    else:
        seed = [s.seed, chain]
        way = first_way(liquid, s.particles, s.equilibration, seed, engine, plan.density)
    stretches = go_through(way, phases, liquid, types, engine)
    for way in stretches:
        behind = sum(phase.steps for phase in phases[: way.phase]) + way.step
        if behind < plan.snapshot_steps(configuration):
            record = {"phase": way.phase, "step": way.step, "behind": behind}
            keep(path, mark, way.arrays(), record, compress=False)
    return equilibrated(way, phases, liquid, types, plan.step), types


def follow_runs(
    plan: Plan, configuration: int, numbers: range, progress: Progress | None = None
) -> int:
    """Bring one block of runs to its end, from where it was left; return the particle-steps."""
    mark = plan.run_print(configuration, numbers)
    ended = plan.run_path(configuration, numbers.start)
    if kept_record(ended, mark) is not None:
        return 0
    s, snapshot = plan.settings, _snapshot(plan, configuration)
    steps = plan.steps
    state, seconds = plan.state_path(configuration, numbers.start), 0.0
    record = kept_record(state, mark)
    if record is None:
        seed = [s.seed, configuration]
        begun = Runs.begin(plan.liquid, snapshot, s.temperature, numbers, seed)
    else:
        begun, seconds = Runs(step=record["step"], **read_kept(state).arrays), record["seconds"]
    began = time.monotonic()
    stretches = go_on(begun, plan.liquid, snapshot, steps, plan.engine, progress, plan.kept_steps)
    for runs in stretches:
        record = {"step": runs.step, "seconds": seconds + time.monotonic() - began}
        path = ended if runs.step == steps[-1] else state
        keep(path, mark, runs.arrays(), record, compress=False)
    state.unlink(missing_ok=True)
    return (steps[-1] - begun.step) * len(numbers) * snapshot.size


def make_result(plan: Plan, configuration: int, result: str) -> None:
    """Make one result of a configuration; production needs its runs, all ended."""
    mark, path = plan.result_print(configuration, result), plan.result_path(configuration, result)
    if kept_record(path, mark) is None:
        began = time.monotonic()
        arrays, record = _RESULTS[result](plan, configuration)
        record.setdefault("seconds", round(time.monotonic() - began, 3))
        keep(path, mark, arrays, record)
    if result == "production":
        for numbers in blocks(plan.engine, plan.runs):
            plan.run_path(configuration, numbers.start).unlink(missing_ok=True)


def load_snapshot(plan: Plan, configuration: int) -> tuple[State, NDArray[np.int8]]:
    """Read the state a configuration starts from, one replica, and its species."""
    fields = ("positions", "velocities", "box")
    arrays = read_kept(plan.snapshot_path(configuration), (*fields, "types")).arrays
    state = State(*(arrays[key][None] for key in fields))
    return state, arrays["types"]


def _snapshot(plan: Plan, configuration: int) -> Configuration:
    state, types = load_snapshot(plan, configuration)
    return Configuration(
        name=plan.name(configuration),
        positions=state.positions[0],
        types=types,
        box=state.box[0],
    )


def _chain(plan: Plan, configuration: int) -> tuple[Arrays, dict[str, Any]]:
    """Frames of the one long run."""
    arrays, record = read_kept(plan.run_path(configuration, 0))
    energies = arrays["energies"][0] - arrays["energies"][0, 0]
    return {
        "times": np.round(np.array(plan.steps) * plan.step, 10),
        "displacements": arrays["labels"][0],
    }, {
        "energy_drift": float(energies[-1]),
        "energy_fluctuation": float(np.abs(energies).max()),
        "temperature": float(arrays["temperatures"].mean()),
        "pressure": float(arrays["pressures"].mean()),
        "particle_steps": plan.steps[-1] * plan.size(configuration),
        "seconds": round(record["seconds"], 3),
    }


def _production(plan: Plan, configuration: int) -> tuple[Arrays, dict[str, Any]]:
    if plan.settings.chain is not None:
        return _chain(plan, configuration)
    s, seconds = plan.settings, []

    def ended() -> Iterator[Runs]:
        for numbers in blocks(plan.engine, s.runs):
            arrays, record = read_kept(plan.run_path(configuration, numbers.start))
            seconds.append(record["seconds"])
            yield Runs(step=record["step"], **arrays)

    result = averaged(
        ended(),
        plan.liquid,
        _snapshot(plan, configuration),
        s.times,
        s.runs,
        plan.engine,
        s.keep_trajectories,
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
        "particle_steps": result.particle_steps,
        "seconds": round(sum(seconds), 3),
    }
    return arrays, record


def _inherent(plan: Plan, configuration: int) -> tuple[Arrays, dict[str, Any]]:
    settings = plan.settings.inherent
    assert settings is not None
    snapshot = _snapshot(plan, configuration)
    result = find_inherent(plan.liquid, snapshot, settings, plan.engine)
    return {"inherent": result.positions}, result.record()


def _cage(plan: Plan, configuration: int) -> tuple[Arrays, dict[str, Any]]:
    s = plan.settings
    assert s.cage is not None
    result = find_cage(
        plan.liquid,
        _snapshot(plan, configuration),
        s.temperature,
        [s.seed, configuration],
        s.cage,
        plan.engine,
    )
    return {"cage": result.positions}, result.record()


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
