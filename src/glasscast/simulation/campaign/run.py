"""Carry out a plan: submit tasks as their inputs come to be, go on, try again, tell progress."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool

from glasscast.errors import SimulationError
from glasscast.progress import Progress, task
from glasscast.simulation.cage import check_cage
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.campaign.tasks import make_snapshot, measure
from glasscast.simulation.engine import NPT, NVE, NVT, require
from glasscast.simulation.equilibration import box_of
from glasscast.simulation.executors import InlineExecutor, Scheduler, work_off
from glasscast.simulation.registry import sampler_for


def carry_out(
    plan: Plan, configurations: Sequence[int], scheduler: Scheduler, progress: Progress
) -> None:
    """Make the missing results of some configurations, and the snapshots they need.

    Parameters
    ----------
    progress : of the particle-steps done; what existed already is not counted.

    Raises
    ------
    GlasscastError : at once for what can be known to fail.
    SimulationError : if tasks still fail after the retries; the others are finished first.
    """
    todo = [c for c in configurations if plan.missing(c)]
    if not todo:
        return
    _check(plan, todo, scheduler)
    with task(progress, "simulate", _particle_steps(plan, todo)) as steps:

        def attempt(left: list[int]) -> dict[int, Exception]:
            with scheduler.open() as executor:
                return _Pass(plan, left, executor, steps).run()

        work_off(todo, attempt, lambda c: not plan.missing(c), plan.name, scheduler.retries)


class _Pass:
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
                    future = self.executor.submit(measure, self.plan, c, self.progress)
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


def _check(plan: Plan, todo: Sequence[int], scheduler: Scheduler) -> None:
    """Refuse now what would fail after hours: the box, the cage, the engine, missing libraries."""
    s, liquid = plan.settings, plan.liquid
    if s.equilibration is not None and s.particles is not None:
        box = box_of(liquid, s.particles, plan.density)
        liquid.counts(s.particles)
        if s.cage is not None:
            check_cage(liquid, box, s.cage)
    if not scheduler.here:
        return  # the machine that submits to a cluster need not be able to run the tasks
    missing = {result for c in todo for result in plan.missing(c)}
    if "production" in missing:
        require(plan.engine, liquid, NVE)
    if "inherent" in missing:
        require(plan.engine, liquid, minimises=True)
    if "cage" in missing:
        require(sampler_for(plan.engine), liquid, samples=True)
    if s.equilibration is not None and not all(map(plan.has_snapshot, todo)):
        thermostats = {NVT} if s.pressure is None else {NVT, NPT}
        require(plan.engine, liquid, *thermostats, minimises=True)


def _particle_steps(plan: Plan, todo: Sequence[int]) -> int:
    """Molecular-dynamics work ahead for some configurations."""
    needed = set()
    for c in todo:
        while c >= 0 and not plan.has_snapshot(c):
            needed.add(c)
            c -= plan.chains
    steps = sum(plan.snapshot_steps(c) for c in needed)
    steps += sum("production" in plan.missing(c) for c in todo) * plan.production_steps()
    return steps * (plan.settings.particles or 1)
