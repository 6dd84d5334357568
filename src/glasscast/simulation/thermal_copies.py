"""More snapshots of the same structure: short runs from each configuration, with its labels."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.dataset import Dataset, Entry, qualified
from glasscast.datasets.files import remove_partials
from glasscast.datasets.kept import fingerprint_of, is_kept, keep, read_kept
from glasscast.datasets.state_points import Quantity, StatePoint
from glasscast.datasets.writer import STATE_KEYS, DatasetWriter
from glasscast.errors import SettingsError
from glasscast.liquid.box import wrap
from glasscast.liquid.definition import LiquidSettings, load_liquid_settings
from glasscast.progress import Progress, Silent
from glasscast.simulation.checks import check_engine, check_snapshot
from glasscast.simulation.equilibrium import resolved
from glasscast.simulation.executors import Scheduler, finish
from glasscast.simulation.isoconfigurational import nve_runs
from glasscast.simulation.lammps.commands import steps_of, time_step
from glasscast.simulation.settings import EngineSettings

#: Where finished runs lie, below the new dataset, until all are there.
PARTS = "parts"
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
    seed : with the snapshot itself it seeds the velocities.
    """

    liquid: LiquidSettings
    temperature: float
    copies: int
    time: float
    seed: int

    @classmethod
    def make(
        cls,
        name: str,
        metadata: Mapping[str, Any],
        given: StatePoint,
        copies: int,
        time: float,
        seed: int,
    ) -> CopyPlan:
        """Plan for a dataset or snapshot of this name, whose metadata may tell the state point.

        Raises
        ------
        SettingsError : if liquid or temperature are unknown or contradict the metadata.
        """
        needs: dict[Quantity, str] = {"liquid": "the runs", "temperature": "their velocities"}
        point = resolved(name, metadata, given, needs)
        assert point.temperature is not None
        liquid = load_liquid_settings(str(point.liquid))
        return cls(liquid, point.temperature, copies, time, seed)

    def fingerprint(self, snapshot: Configuration) -> str:
        """Identity of the copies of a snapshot."""
        liquid = self.liquid.model_dump(exclude={"notes", "density", "name"})
        settings = [self.temperature, self.copies, self.time, self.seed]
        return fingerprint_of({"of": snapshot.fingerprint(), "liquid": liquid, "runs": settings})

    def run(self, snapshot: Configuration) -> NDArray[np.float64]:
        """Positions of the copies: (copies, N, d), wrapped."""
        liquid, engine = self.liquid.liquid(), EngineSettings()
        steps = steps_of([self.time], time_step(liquid, engine))
        seed = [self.seed, int(snapshot.fingerprint()[:12], 16)]
        types, box = snapshot.types, snapshot.box
        start = wrap(snapshot.positions, box)
        runs = nve_runs(
            liquid, start, types, box, self.temperature, steps, self.copies, seed, engine
        )
        return np.stack([wrap(sample.positions, box) for _, index, sample in runs if index > 0])


def make_copies(
    source: Path,
    out: Path,
    *,
    copies: int = 10,
    time: float = 5.0,
    liquid: str | None = None,
    temperature: float | None = None,
    seed: int = 1,
    scheduler: Scheduler | None = None,
    progress: Progress | None = None,
) -> Dataset:
    r"""Write a dataset of thermal copies: the particles a short while later, with the same labels.

    After a few vibrations a particle stands elsewhere in the same cage, while its propensity at
    :math:`t \gg t_{copy}` is nearly what it was. Trained on copies beside the snapshots a model
    learns not to read the vibrations, which no single snapshot can teach. The runs are those of an
    isoconfigurational ensemble: NVE, velocities from the Maxwell-Boltzmann distribution. Labels at
    times below :data:`SEPARATION` times that of the runs are left out. Inherent and cage
    positions are those of the snapshot; what refers to the exact places at t = 0, mean vectors
    and the halves behind the noise ceiling, is left out. Each copy has its snapshot as parent, so
    that splits keep them together. A killed call goes on with the same call.

    Parameters
    ----------
    source : dataset folder.
    out : dataset folder to write.
    copies : of each configuration.
    time : between the snapshot and a copy, in LJ units; long against vibrations.
    liquid, temperature : where the dataset's metadata do not tell.
    scheduler : where the work is done; in this process if absent.

    Raises
    ------
    InputError : if a folder is no dataset, or a snapshot does not suit the liquid.
    SettingsError : if liquid or temperature are unknown, or no label is late enough.
    SimulationError : if runs still fail after the retries; the others are kept.
    """
    dataset = Dataset.open(source)
    if out.resolve() == source.resolve():
        raise SettingsError(f"the copies need a folder of their own, not {source}")
    if copies < 1 or not time > 0:
        raise SettingsError(f"copies and time must be positive, got {copies} and {time:g}")
    given = StatePoint.stated(liquid, temperature)
    plan = CopyPlan.make(dataset.name, dataset.state, given, copies, time, seed)
    late = [t for t in dataset.state.get("times", []) if t >= SEPARATION * time * (1 - 1e-9)]
    if not late:
        raise SettingsError(
            f"{dataset.name} has no label at {SEPARATION:g} times the {time:g} of the copies or "
            "later; shorten their time",
            "time",
        )
    check_engine(EngineSettings())
    parts = out / PARTS
    prints = {entry: plan.fingerprint(_checked(entry, plan)) for entry in dataset.entries}
    writer, before = DatasetWriter(out), DatasetWriter(out)
    if parts.is_dir():
        remove_partials(parts)

    def done(entry: Entry) -> bool:
        return is_kept(_part(parts, entry), prints[entry]) or all(
            before.has(*_name_and_mark(entry, number, prints[entry])) for number in range(copies)
        )

    finish(
        "thermal copies",
        {e: (_run, plan, parts, e, prints[e]) for e in dataset.entries if not done(e)},
        done,
        lambda entry: entry.name,
        scheduler or Scheduler(),
        progress or Silent(),
    )
    for entry, snapshot in zip(dataset.entries, dataset.at_times(late), strict=True):
        for number in range(copies):
            name, mark = _name_and_mark(entry, number, prints[entry])
            if not writer.has(name, mark):
                positions = read_kept(_part(parts, entry)).arrays["positions"][number]
                parent = qualified(dataset.name, entry.parent)
                writer.add(_copy(snapshot, name, parent, positions, plan), mark)
    result = writer.finish()
    shutil.rmtree(parts, ignore_errors=True)
    return result


def copies_of(
    snapshot: Configuration,
    copies: int,
    time: float,
    liquid: str | None = None,
    temperature: float | None = None,
    seed: int = 1,
) -> list[Configuration]:
    """Thermal copies of one snapshot, for a forecast; see :func:`make_copies`.

    Raises
    ------
    SettingsError : if liquid or temperature are unknown or contradict the metadata.
    InputError : if the snapshot does not suit the liquid.
    """
    check_engine(EngineSettings())
    given = StatePoint.stated(liquid, temperature)
    plan = CopyPlan.make(snapshot.name, snapshot.metadata, given, copies, time, seed)
    state = (snapshot.positions, snapshot.types, snapshot.box)
    check_snapshot(snapshot.name, plan.liquid.liquid(), *state, None)
    found = plan.run(snapshot)
    return [snapshot.with_fields(positions=positions) for positions in found]


def _checked(entry: Entry, plan: CopyPlan) -> Configuration:
    """Read a snapshot that the liquid can run from."""
    snapshot = read_configuration(entry.path, entry.checksum)
    state = (snapshot.positions, snapshot.types, snapshot.box)
    check_snapshot(entry.path, plan.liquid.liquid(), *state, None)
    return snapshot


def _run(plan: CopyPlan, folder: Path, entry: Entry, fingerprint: str) -> None:
    """Run all copies of one configuration: one task, idempotent."""
    positions = plan.run(read_configuration(entry.path, entry.checksum))
    keep(_part(folder, entry), fingerprint, {"positions": positions}, {})


def _name_and_mark(entry: Entry, number: int, fingerprint: str) -> tuple[str, str]:
    """Name and fingerprint of one copy."""
    return f"{entry.name}-copy-{number + 1:02d}", f"{fingerprint} {number}"


def _part(folder: Path, entry: Entry) -> Path:
    return folder / f"{entry.path.stem}.npz"


def _copy(
    snapshot: Configuration,
    name: str,
    parent: str,
    positions: NDArray[np.float64],
    plan: CopyPlan,
) -> Configuration:
    """Return the snapshot with other positions, without what refers to the old ones."""
    kept = {key: snapshot.metadata[key] for key in STATE_KEYS if key in snapshot.metadata}
    run = {"temperature": plan.temperature, "time": plan.time, "seed": plan.seed}
    return snapshot.with_fields(
        name=name,
        positions=positions,
        tendency=None,
        propensity_halves=None,
        metadata={**kept, "parent": parent, "thermal_copy": run},
    )
