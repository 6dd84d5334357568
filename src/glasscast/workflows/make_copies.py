"""More snapshots of the same structure: short runs from each configuration, with its labels."""

from __future__ import annotations

from pathlib import Path

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset, qualified
from glasscast.datasets.entries import Entry
from glasscast.datasets.files import remove_partials
from glasscast.datasets.kept import is_kept, keep, read_kept
from glasscast.datasets.manifest import Source
from glasscast.datasets.metadata import MeasuredRelaxation, Metadata, Origin
from glasscast.datasets.ownership import disown, owned, place_of
from glasscast.datasets.state_points import StatePoint
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import SettingsError
from glasscast.evaluation.bonds import bond_lengths
from glasscast.liquid.box import FloatArray
from glasscast.progress import Progress, Silent
from glasscast.simulation.checks import check_snapshot
from glasscast.simulation.copies import SEPARATION, CopyPlan
from glasscast.simulation.executors import Scheduler, finish
from glasscast.simulation.registry import EngineChoice, load_engine

#: Where finished runs lie, below the new dataset, until all are there.
RESULTS = "parts"


def make_copies(
    source: Path | str,
    out: Path | str,
    *,
    copies: int = 10,
    time: float = 5.0,
    liquid: str | None = None,
    temperature: float | None = None,
    seed: int = 1,
    engine: EngineChoice | None = None,
    scheduler: Scheduler | None = None,
    progress: Progress | None = None,
) -> Dataset:
    r"""Write a dataset of thermal copies: the particles a short while later, with the same labels.

    After a few vibrations a particle stands elsewhere in the same cage, while its propensity at
    :math:`t \gg t_{copy}` is nearly what it was. Trained on copies beside the snapshots a model
    learns not to read the vibrations, which no single snapshot can teach. The runs are those of an
    isoconfigurational ensemble: NVE, velocities from the Maxwell-Boltzmann distribution. Labels at
    times below :data:`~glasscast.simulation.copies.SEPARATION` times that of the runs are left out.
    Inherent and cage positions are those of the snapshot; what refers to the exact places at
    t = 0, mean vectors and the halves behind the noise ceiling, is left out. Each copy has its
    snapshot as parent, so that splits keep them together. A killed call goes on with the same call.

    Parameters
    ----------
    source : dataset folder.
    out : dataset folder to write.
    copies : of each configuration.
    time : between the snapshot and a copy, in LJ units; long against vibrations.
    liquid, temperature : where the dataset's metadata do not tell.
    engine : of the runs; see :func:`glasscast.simulation.registry.load_engine`.
    scheduler : where the work is done; in this process if absent.

    Raises
    ------
    InputError : if a folder is no dataset, or a snapshot does not suit the liquid.
    SettingsError : if liquid or temperature are unknown, no label is late enough, or something
        else than an earlier call for the same copies lies in ``out``.
    SimulationError : if runs still fail after the retries; the others are kept.
    """
    dataset, source, out = Dataset.open(source), Path(source), Path(out)
    if out.resolve() == source.resolve():
        raise SettingsError(f"the copies need a folder of their own, not {source}", "out")
    if copies < 1 or not time > 0:
        raise SettingsError(f"copies and time must be positive, got {copies} and {time:g}")
    given = StatePoint.stated(liquid, temperature)
    chosen = load_engine(engine)
    plan = CopyPlan.make(dataset.name, dataset.state_point, given, copies, time, chosen, seed)
    rows = zip(dataset.times, dataset.stages.spans, strict=True)
    late = [row for row, span in rows if span and span[0] >= SEPARATION * time * (1 - 1e-9)]
    if not late:
        raise SettingsError(
            f"{dataset.name} has no label at {SEPARATION:g} times the {time:g} of the copies or "
            "later; shorten their time",
            "time",
        )
    work = {"source": place_of(source, out), "time": time, "seed": seed}
    with owned(out, "thermal-copies", work, _unfinished):
        return _make(dataset, out, plan, copies, late, scheduler or Scheduler(), progress)


def _unfinished(out: Path) -> bool:
    """Whether copies are being made here, by a version that did not say for which work."""
    made = [path for path in out.iterdir() if not path.name.startswith(".")]
    return (out / RESULTS).is_dir() and all(
        path.name == RESULTS or (path.suffix == ".npz" and "-copy-" in path.stem) for path in made
    )


def _make(
    dataset: Dataset,
    out: Path,
    plan: CopyPlan,
    copies: int,
    late: list[float],
    scheduler: Scheduler,
    progress: Progress | None,
) -> Dataset:
    """Make the runs that are missing, then the dataset of their ends."""
    results = out / RESULTS
    prints = {entry: plan.fingerprint(_checked(entry, plan)) for entry in dataset.entries}
    writer, before = DatasetWriter(out), DatasetWriter(out)
    if results.is_dir():
        remove_partials(results)

    def done(entry: Entry) -> bool:
        return is_kept(_result_path(results, entry), prints[entry]) or all(
            before.has(*_name_and_mark(entry, number, prints[entry])) for number in range(copies)
        )

    todo = [e for e in dataset.entries if not done(e)]
    if todo and scheduler.here:
        plan.check()
    finish(
        "thermal copies",
        {entry: (_run, plan, results, entry, prints[entry]) for entry in todo},
        done,
        lambda entry: entry.name,
        scheduler,
        progress or Silent(),
    )
    for entry, snapshot in zip(dataset.entries, dataset.at_times(late), strict=True):
        for number in range(copies):
            name, mark = _name_and_mark(entry, number, prints[entry])
            if not writer.has(name, mark):
                positions = read_kept(_result_path(results, entry)).arrays["positions"][number]
                parent = qualified(dataset.name, entry.parent)
                writer.add(_copy(snapshot, name, parent, positions, plan), mark)
    result = writer.finish(
        sources=[Source(how="copies", of=dataset.name, copies=copies)], liquid=dataset.own_liquid()
    )
    for entry in dataset.entries:
        _result_path(results, entry).unlink(missing_ok=True)
    disown(results)
    return result


def _checked(entry: Entry, plan: CopyPlan) -> Configuration:
    """Read a snapshot that the liquid can run from."""
    snapshot = entry.read()
    check_snapshot(entry.path, plan.liquid.liquid(), snapshot)
    return snapshot


def _run(plan: CopyPlan, folder: Path, entry: Entry, fingerprint: str) -> None:
    """Run all copies of one configuration: one task, idempotent."""
    positions = plan.run(entry.read())
    keep(_result_path(folder, entry), fingerprint, {"positions": positions}, {})


def _name_and_mark(entry: Entry, number: int, fingerprint: str) -> tuple[str, str]:
    """Name and fingerprint of one copy."""
    return f"{entry.name}-copy-{number + 1:02d}", f"{fingerprint} {number}"


def _result_path(folder: Path, entry: Entry) -> Path:
    return folder / f"{entry.name}.npz"


def _copy(
    snapshot: Configuration,
    name: str,
    parent: str,
    positions: FloatArray,
    plan: CopyPlan,
) -> Configuration:
    """Return the snapshot with other positions, without what refers to the old ones."""
    told = snapshot.metadata
    relaxation = told.relaxation and MeasuredRelaxation(
        tau_alpha=told.relaxation.tau_alpha, tau_from=told.relaxation.tau_from
    )
    moved = snapshot.with_fields(positions=positions)
    run = {"temperature": plan.temperature, "time": plan.time, "seed": plan.seed}
    return moved.with_fields(
        name=name,
        tendency=None,
        propensity_halves=None,
        # The mean distance of a pair at t is that of the snapshot; its change counts from here.
        bond_change=None
        if snapshot.bond_change is None
        else snapshot.bond_change + (bond_lengths(snapshot) - bond_lengths(moved)),
        bond_change_halves=None,
        metadata=Metadata(
            species=told.species,
            state_point=told.state_point,
            units=told.units,
            definitions=told.definitions,
            stages=told.stages,
            origin=Origin(kind="copy", parent=parent, root=snapshot.root, time=plan.time),
            equilibrium=told.equilibrium,
            relaxation=relaxation,
            records={"thermal_copy": run},
        ),
    )
