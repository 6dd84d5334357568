"""Make a dataset from nothing but its settings, or go on with one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.chains import Chains
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.fields import FIELDS
from glasscast.datasets.files import remove_partials
from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.datasets.kept import read_kept
from glasscast.datasets.manifest import Source
from glasscast.datasets.metadata import Equilibrium, MeasuredRelaxation, Metadata, how_made
from glasscast.datasets.ownership import owned
from glasscast.datasets.precision import compacted
from glasscast.datasets.published import find_set
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.state_points import StatePoint
from glasscast.datasets.targets import definitions, reduce_ensemble
from glasscast.datasets.writer import DatasetWriter
from glasscast.liquid.box import FloatArray
from glasscast.progress import Progress, Silent, log
from glasscast.runtime import __version__
from glasscast.simulation.campaign.inputs import write_inputs
from glasscast.simulation.campaign.plan import RESULTS, RUN, SNAPSHOTS, Plan
from glasscast.simulation.campaign.run import carry_out
from glasscast.simulation.engine import steps_of
from glasscast.simulation.executors import Scheduler
from glasscast.simulation.settings import SimulationSettings
from glasscast.workflows.experiments import resolved

#: Settings that say which liquid a folder is about; another is another work.
_STATE = ("name", "liquid", "temperature", "density", "pressure", "particles", "seed", "starts")


def simulate(
    simulation: SimulationSettings | Mapping[str, Any] | Path | str,
    out: Path | str,
    scheduler: Scheduler | None = None,
    shard: tuple[int, int] = (0, 1),
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Dataset | None:
    """Generate a data set, or go on with one.

    Results depend on the settings only, not on the workers, the scheduler, or how often the
    generation was interrupted.

    Parameters
    ----------
    simulation : what to generate: settings, keys and values, or a YAML file.
    out : folder for snapshots, results and inputs; made if absent.
    scheduler : where the work is done; in this process if absent.
    shard : (i, n) does only the i-th of n shares of the configurations, for job arrays.
    overrides : ``key=value`` with dotted keys, on top of a file.
    progress : of the particle-steps done; what existed already is not counted.

    Returns
    -------
    The dataset, which lies in ``out``, or None while other shards are unfinished.

    Raises
    ------
    SimulationError : if tasks still fail after the retries; the others are finished first.
    SettingsError : if something else than an earlier call for this state lies in ``out``.
    InputError : if the folder cannot be written, or another process does so.
    """
    settings = resolved(SimulationSettings, simulation, overrides)
    plan = Plan.make(settings, Path(out))
    work = {"simulation": settings.without_folders().model_dump(mode="json", include=set(_STATE))}
    share = f"{shard[0]}-{shard[1]}" if shard[1] > 1 else ""
    with owned(plan.folder, "simulate", work, lambda made: _state_of(made) == work, share):
        return _simulate(plan, shard, scheduler or Scheduler(), progress or Silent())


def _state_of(folder: Path) -> dict[str, Any] | None:
    """Read for what a folder was made, from the inputs in it; None if they do not tell."""
    try:
        text = (folder / "inputs" / "settings.json").read_text(encoding="utf-8")
        record = json.loads(text)
        return {"simulation": {key: record.get(key) for key in _STATE}}
    except (OSError, ValueError, AttributeError):
        return None


def _simulate(
    plan: Plan, shard: tuple[int, int], scheduler: Scheduler, progress: Progress
) -> Dataset | None:
    mine = list(plan.shard(shard))
    if shard[1] == 1:  # else another shard may be writing just now
        for folder in (SNAPSHOTS, RESULTS):
            if (plan.folder / folder).is_dir():
                remove_partials(plan.folder / folder)
    write_inputs(plan)
    carry_out(plan, mine, scheduler, progress)
    if any(plan.missing(c) for c in range(plan.configurations)):
        return None
    return collect(plan)


def collect(plan: Plan) -> Dataset:
    """Write the dataset from the finished results; files that are right already stay."""
    writer = DatasetWriter(plan.folder, plan.settings.name)
    if plan.settings.chain is not None:
        return _collect_chains(plan, writer)
    for c in range(plan.configurations):
        name, fingerprint = plan.name(c), plan.fingerprint(c)
        if plan.settings.keep_trajectories and not writer.keeps_runs(name):
            arrays = read_kept(plan.result_path(c, "production")).arrays
            writer.keep_runs(name, arrays["times"], arrays["trajectories"])
        if not writer.has(name, fingerprint):
            writer.add(assemble(plan, c), fingerprint)
    _remove_runs(plan)
    return writer.finish(plan.splits(), [_source(plan)], liquid=plan.liquid_settings)


def _source(plan: Plan) -> Source:
    """Say what an ensemble of runs from each configuration was, and what it cost."""
    runs, cost = (plan.runs, plan.runs), _particle_steps(plan)
    return Source(how="simulate", runs=runs, particle_steps=cost)


def _collect_chains(plan: Plan, writer: DatasetWriter) -> Dataset:
    """Write the configurations on the long runs, each with the frames around it as labels."""
    s = plan.settings
    assert s.chain is not None
    step = plan.step
    lags = np.round(np.array(steps_of(s.times, step)) * step, 10).tolist()
    chains = Chains(lags, every=round(steps_of([s.chain.every], step)[0] * step, 10))
    names: dict[str, list[str]] = {}
    for c in range(plan.configurations):
        fingerprint = plan.fingerprint(c)
        names[plan.name(c)] = []
        for ensemble in chains.read(_long_run(plan, c), s.liquid):
            names[plan.name(c)].append(ensemble.name)
            if not writer.has(ensemble.name, fingerprint):
                whole = reduce_ensemble(ensemble, plan.liquid.sigma)
                writer.add(compacted(whole) if s.compact else whole, fingerprint)
    _remove_runs(plan)
    for remark in chains.remarks:
        log.warning("%s", remark)
    told = {"as": "chain", "chains": chains.records, "reliability": chains.reliability()}
    source = Source(how="simulate", runs=(1, 2), particle_steps=_particle_steps(plan), **told)
    splits = {
        split: [name for start in starts for name in names[start]]
        for split, starts in plan.splits().items()
    }
    return writer.finish(splits, [source], liquid=plan.liquid_settings)


def _long_run(plan: Plan, configuration: int) -> Ensemble:
    """Return the frames of one long run as if they had been read from a file."""
    s, path = plan.settings, plan.result_path(configuration, "production")
    start, evidence = read_kept(plan.snapshot_path(configuration))
    arrays, record = read_kept(path, ("times", "displacements"))
    pressure = {} if s.pressure is None else {"pressure": s.pressure}

    def frames() -> Iterator[RunFrame]:
        for row, moved in enumerate(arrays["displacements"]):
            yield RunFrame(row, 0, start["positions"] + moved, path)

    return Ensemble(
        name=plan.name(configuration),
        sources=(path,),
        parent=Frame(
            positions=start["positions"], types=start["types"], box=start["box"], absolute=True
        ),
        times=arrays["times"],
        frames=frames,
        metadata={
            "species": list(plan.liquid.species),
            "liquid": plan.liquid_settings.name,
            "temperature": s.temperature,
            **pressure,
            "source": [f"glasscast {__version__} simulate"],
            "records": {
                "seed": [s.seed, configuration],
                "chain": list(plan.chain_of(configuration)),
                "time_step": plan.step,
                "equilibration": evidence,
            }
            | _without_clock({"production": record}),
        },
    )


def _particle_steps(plan: Plan) -> dict[str, int]:
    """Cost of the data: molecular dynamics on the way to the starts, and of the runs."""
    every = range(plan.configurations)
    return {
        "equilibration": sum(plan.snapshot_steps(c) * plan.size(c) for c in every),
        "runs": sum(plan.runs * plan.steps[-1] * plan.size(c) for c in every),
    }


def _remove_runs(plan: Plan) -> None:
    """Delete what runs went on from when all are averaged, as is left by a kill in between."""
    names = {plan.name(c) for c in range(plan.configurations)}
    for path in (plan.folder / RESULTS).glob(f"*{RUN}*.npz"):
        if path.name.rpartition(RUN)[0] in names:
            path.unlink(missing_ok=True)
    for c in range(plan.configurations):
        plan.way_path(c).unlink(missing_ok=True)


def assemble(plan: Plan, configuration: int) -> Configuration:
    """Put the results of one configuration together."""
    start, evidence = read_kept(plan.snapshot_path(configuration))
    fields: dict[str, Any] = {key: start[key] for key in ("positions", "types", "box")}
    records: dict[str, Any] = {}
    for result in plan.results():
        arrays, records[result] = read_kept(plan.result_path(configuration, result))
        fields |= {key: value for key, value in arrays.items() if key in FIELDS}
    s, liquid = plan.settings, plan.liquid_settings.name
    # results of version 0.1.0 do not hold the number of their runs
    fields.setdefault("runs", np.full(len(fields["times"]), s.runs))
    whole = Configuration(
        name=plan.name(configuration),
        **fields,
        metadata=Metadata(
            species=tuple(plan.liquid.species),
            state_point=StatePoint(liquid, s.temperature, pressure=s.pressure),
            definitions=definitions(len(fields["box"])),
            equilibrium=_how_made(s),
            relaxation=_relaxation(plan, fields["times"], records["production"]),
            source=(f"glasscast {__version__} simulate",),
            records={
                "seed": [s.seed, configuration],
                "chain": list(plan.chain_of(configuration)),
                "time_step": plan.step,
                "equilibration": evidence,
            }
            | _without_clock(records),
        ),
    )
    return compacted(whole) if s.compact else whole


def _how_made(s: SimulationSettings) -> dict[EquilibriumField, Equilibrium]:
    """How the equilibrium positions were found."""
    made: dict[EquilibriumField, Equilibrium] = {}
    if s.inherent is not None:
        made["inherent"] = how_made("inherent", s.inherent.model_dump())
    if s.cage is not None:
        made["cage"] = how_made("cage", s.cage.model_dump(), s.temperature)
    return made


def _relaxation(plan: Plan, times: FloatArray, record: dict[str, Any]) -> MeasuredRelaxation:
    """How the runs relaxed, and the relaxation time that is published for the state point."""
    known = find_set(plan.liquid_settings.name, plan.settings.temperature)
    published = None if known is None else known.tau_alpha
    return MeasuredRelaxation(
        q=2 * np.pi / plan.liquid.sigma[0, 0],
        q_from="2 pi / sigma_AA",
        species=plan.liquid.species[0],
        times=tuple(times.tolist()),
        scattering=tuple(record["scattering"]),
        squared_displacement=tuple(record["squared_displacement"]),
        tau_alpha=published,
        tau_from=None if published is None else "published",
    )


def _without_clock(records: dict[str, Any]) -> dict[str, Any]:
    """Leave wall times out of the records: they differ between equal runs."""
    return {
        result: {key: value for key, value in record.items() if key != "seconds"}
        for result, record in records.items()
    }
