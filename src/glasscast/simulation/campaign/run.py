"""Carry out a plan: submit tasks as their inputs come to be, go on, try again, tell progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from queue import SimpleQueue

from glasscast.errors import SimulationError
from glasscast.progress import Progress, task
from glasscast.simulation.cage import check_cage, require_cage
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.campaign.tasks import Task, work
from glasscast.simulation.engine import NPT, NVE, NVT, require
from glasscast.simulation.equilibration import box_of
from glasscast.simulation.executors import InlineExecutor, Scheduler, work_off


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
        self.progress, self.failures = progress, dict[int, Exception]()
        self.pending: dict[Future[int], Task] = {}
        self.ended: SimpleQueue[Future[int]] = SimpleQueue()
        # tasks of each configuration, from when its snapshot is there
        self.left: dict[int, set[Task]] = {}
        self.finished = 0
        self.last: dict[int, int] = {}

    def run(self) -> dict[int, Exception]:
        """Submit tasks as their inputs come to be; return what failed."""
        for c in sorted(self.todo):
            self.last[c % self.plan.chains] = c  # chains are advanced up to the last one wanted
        self._submit([task for chain in self.last for task in self._along(chain)])
        while self.pending:
            future = self.ended.get()
            self._submit(self._after(self.pending.pop(future), future))
        return self.failures

    def _submit(self, tasks: Iterable[Task]) -> None:
        # snapshots first: others wait for them
        for piece in sorted(tasks, key=lambda piece: piece.kind != "snapshot"):
            here = isinstance(self.executor, InlineExecutor)
            # only a task of this process can report from within
            told = (self.progress,) if here else ()
            future = self.executor.submit(work, self.plan, piece, *told)
            self.pending[future] = piece
            future.add_done_callback(self.ended.put)

    def _along(self, configuration: int) -> Iterator[Task]:
        """Tasks along a chain, up to the first snapshot that has to be made."""
        chain = configuration % self.plan.chains
        while configuration <= self.last[chain]:
            if not self.plan.has_snapshot(configuration):
                yield Task("snapshot", configuration)
                return
            if configuration in self.todo:
                tasks = list(_tasks(self.plan, configuration))
                self.left[configuration] = set(tasks)
                yield from tasks
            configuration += self.plan.chains

    def _after(self, ended: Task, future: Future[int]) -> Iterator[Task]:
        """Take note of a task that ended; yield those that waited for it."""
        c = ended.configuration
        try:
            done = future.result()
        except BrokenProcessPool:
            raise
        except Exception as error:
            self.failures.setdefault(c, error)
            return
        if ended.kind == "snapshot":
            if self.plan.has_snapshot(c):
                yield from self._along(c)
            else:
                self.failures[c] = SimulationError("the snapshot just made does not read back")
        else:
            left = self.left[c]
            left.remove(ended)
            if ended.kind == "runs" and not any(other.kind == "runs" for other in left):
                left.add(Task("production", c))
                yield Task("production", c)
            self.finished += not left
        told = ended.kind == "runs" and isinstance(self.executor, InlineExecutor)
        note = f"{len(self.todo) - self.finished} configurations left"
        self.progress.advance(note, 0 if told else done)


def _tasks(plan: Plan, configuration: int) -> Iterator[Task]:
    """Tasks for the missing results of a configuration that wait for nothing else."""
    for result in plan.missing(configuration):
        runs = plan.missing_runs(configuration) if result == "production" else ()
        for numbers in runs:
            yield Task("runs", configuration, numbers)
        if not runs:
            yield Task(result, configuration)


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
        assert s.cage is not None
        require_cage(plan.engine, liquid, s.cage)
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
    steps = sum(plan.snapshot_steps_left(c) * plan.size(c) for c in needed)
    unfinished = (c for c in todo if "production" in plan.missing(c))
    return steps + sum(plan.run_steps(c) * plan.size(c) for c in unfinished)
