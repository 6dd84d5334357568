"""Carry out a plan: submit tasks, resume, retry, report progress, collect the results."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from glasscast.datasets.configuration import FIELDS, Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import remove_partials
from glasscast.datasets.kept import read_kept
from glasscast.datasets.precision import compacted
from glasscast.datasets.published import find_set
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import SimulationError
from glasscast.progress import Progress, Silent, task
from glasscast.runtime import __version__
from glasscast.simulation.cage import check_cage
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.campaign.tasks import make_snapshot, measure
from glasscast.simulation.checks import check_engine
from glasscast.simulation.equilibration import box_of
from glasscast.simulation.executors import InlineExecutor, Scheduler, work_off
from glasscast.simulation.inputs import write_inputs
from glasscast.simulation.settings import SimulationSettings


def simulate(
    settings: SimulationSettings,
    out: Path,
    scheduler: Scheduler | None = None,
    shard: tuple[int, int] = (0, 1),
    progress: Progress | None = None,
) -> Dataset | None:
    """Generate a data set, or go on with one.

    Results depend on the settings only, not on the workers, the scheduler, or how often the
    generation was interrupted.

    Parameters
    ----------
    settings : what to generate.
    out : folder for snapshots, parts and inputs; made if absent.
    scheduler : where the work is done; in this process if absent.
    shard : (i, n) does only the i-th of n shares of the configurations, for job arrays.
    progress : of the particle-steps done; what existed already is not counted.

    Returns
    -------
    The dataset, which lies in ``out``, or None while other shards are unfinished.

    Raises
    ------
    SimulationError : if tasks still fail after the retries; the others are finished first.
    InputError : if the folder cannot be written.
    """
    plan, scheduler = Plan.make(settings, Path(out)), scheduler or Scheduler()
    _prepare(plan, alone=shard[1] == 1)
    todo = [c for c in plan.shard(shard) if plan.missing_parts(c)]
    if todo:
        _check(plan, todo, scheduler)
        with task(progress or Silent(), "simulate", _particle_steps(plan, todo)) as steps:

            def attempt(left: list[int]) -> dict[int, Exception]:
                with scheduler.open() as executor:
                    return _Campaign(plan, left, executor, steps).run()

            work_off(
                todo, attempt, lambda c: not plan.missing_parts(c), plan.name, scheduler.retries
            )
    if any(plan.missing_parts(c) for c in range(plan.configurations)):
        return None
    return collect(plan)


def collect(plan: Plan) -> Dataset:
    """Write the dataset from the finished parts; files that are right already stay."""
    writer = DatasetWriter(plan.folder, plan.settings.name)
    for c in range(plan.configurations):
        fingerprint = plan.fingerprint(c)
        if not writer.has(plan.name(c), fingerprint):
            writer.add(assemble(plan, c), fingerprint)
    return writer.finish(plan.splits())


def assemble(plan: Plan, configuration: int) -> Configuration:
    """Put the parts of one configuration together."""
    start, evidence = read_kept(plan.snapshot_path(configuration))
    fields: dict[str, Any] = {key: start[key] for key in ("positions", "types", "box")}
    records: dict[str, Any] = {}
    for part in plan.parts():
        arrays, records[part] = read_kept(plan.part_path(configuration, part))
        fields |= {key: value for key, value in arrays.items() if key in FIELDS}
    s, liquid = plan.settings, plan.liquid_settings.name
    known = find_set(liquid, s.temperature)
    whole = Configuration(
        name=plan.name(configuration),
        **fields,
        metadata={
            "source": f"glasscast {__version__} simulate",
            "liquid": liquid,
            "temperature": s.temperature,
            **({} if known is None else {"tau_alpha": known.tau_alpha}),
            "density": float(len(fields["positions"]) / fields["box"].prod()),
            "pressure": s.pressure,
            "trajectories": s.runs,
            "seed": [s.seed, configuration],
            "chain": list(plan.chain_of(configuration)),
            "time_step": plan.step,
            "equilibration": evidence,
            "records": _without_clock(records),
        },
    )
    return compacted(whole) if s.compact else whole


class _Campaign:
    """One pass over the unfinished configurations with one executor."""

    def __init__(self, plan: Plan, todo: list[int], executor: Executor, progress: Progress) -> None:
        self.plan, self.todo, self.executor = plan, set(todo), executor
        self.progress, self.finished = progress, 0
        self.pending: dict[Future[int], tuple[str, int]] = {}
        self.failures: dict[int, Exception] = {}
        self.queue: list[tuple[str, int]] = []

    def run(self) -> dict[int, Exception]:
        """Submit tasks as their inputs come to be; return what failed."""
        last = {}
        for c in sorted(self.todo):
            last[c % self.plan.chains] = c  # chains are advanced up to the last one wanted
        for chain in last:
            self._advance_chain(chain, last[chain])
        while self.queue or self.pending:
            for kind, c in self.queue:
                if kind == "snapshot":
                    future = self.executor.submit(make_snapshot, self.plan, c)
                elif isinstance(self.executor, InlineExecutor):
                    # only a task of this process can report from within
                    future = self.executor.submit(measure, self.plan, c, self._advance)
                else:
                    future = self.executor.submit(measure, self.plan, c)
                self.pending[future] = (kind, c)
            self.queue = []
            done, _ = wait(self.pending, return_when=FIRST_COMPLETED)
            for future in done:
                self._finish(future, last)
        return self.failures

    def _advance_chain(self, configuration: int, last: int) -> None:
        """Queue measurements along a chain, up to the first snapshot that has to be made."""
        while configuration <= last:
            if not self.plan.has_snapshot(configuration):
                self.queue.append(("snapshot", configuration))
                return
            if configuration in self.todo:
                self.queue.append(("measure", configuration))
            configuration += self.plan.chains

    def _advance(self, work: int) -> None:
        self.progress.advance(f"{len(self.todo) - self.finished} configurations left", work)

    def _finish(self, future: Future[int], last: dict[int, int]) -> None:
        kind, c = self.pending.pop(future)
        try:
            work = future.result()
        except BrokenProcessPool:
            raise
        except Exception as error:
            self.failures[c] = error
            return
        if kind == "snapshot":
            if not self.plan.has_snapshot(c):
                self.failures[c] = SimulationError("the snapshot just made does not read back")
                return
            self._advance_chain(c, last[c % self.plan.chains])
        else:
            self.finished += 1
        told = kind == "measure" and isinstance(self.executor, InlineExecutor)
        self._advance(0 if told else work)


def _check(plan: Plan, todo: list[int], scheduler: Scheduler) -> None:
    """Refuse now what would fail after hours: the box, the cage, missing libraries."""
    s, liquid = plan.settings, plan.liquid
    if s.equilibration is not None and s.particles is not None:
        box = box_of(liquid, s.particles, plan.density)
        liquid.counts(s.particles)
        if s.cage is not None:
            check_cage(liquid, box, s.cage)
    moves = any({"production", "inherent"} & set(plan.missing_parts(c)) for c in todo)
    # the machine that submits to a cluster need not be able to run the tasks
    if moves and scheduler.here:
        check_engine(s.engine)


def _prepare(plan: Plan, alone: bool) -> None:
    for folder in ("snapshots", "parts"):
        if alone and (plan.folder / folder).is_dir():  # another shard may be writing just now
            remove_partials(plan.folder / folder)
    write_inputs(plan)


def _particle_steps(plan: Plan, todo: list[int]) -> int:
    """Molecular-dynamics work ahead for some configurations."""
    needed = set()
    for c in todo:
        while c >= 0 and not plan.has_snapshot(c):
            needed.add(c)
            c -= plan.chains
    steps = sum(plan.snapshot_steps(c) for c in needed)
    steps += sum("production" in plan.missing_parts(c) for c in todo) * plan.production_steps()
    return steps * (plan.settings.particles or 1)


def _without_clock(records: dict[str, Any]) -> dict[str, Any]:
    """Leave wall times out of the records: they differ between equal runs."""
    return {
        part: {key: value for key, value in record.items() if key != "seconds"}
        for part, record in records.items()
    }
