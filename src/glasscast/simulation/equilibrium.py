"""Add equilibrium positions, inherent structures and cage states, to a dataset in place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.amend import amend, settle
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.dataset import Dataset, Entry
from glasscast.datasets.files import remove_partials
from glasscast.datasets.kept import fingerprint_of, is_kept, keep, read_kept
from glasscast.datasets.state_points import Quantity, StatePoint, resolve
from glasscast.errors import SettingsError
from glasscast.liquid.definition import LiquidSettings, load_liquid_settings
from glasscast.progress import Progress, Silent
from glasscast.simulation.cage import find_cage
from glasscast.simulation.checks import check_engine, check_snapshot
from glasscast.simulation.executors import Scheduler, finish
from glasscast.simulation.inherent import find_inherent
from glasscast.simulation.settings import CageSettings, EngineSettings, InherentSettings

#: Where finished parts lie, below the dataset, until all are there.
PARTS = "equilibrium"


@dataclass(frozen=True)
class EquilibriumPlan:
    """What decides the equilibrium positions of a snapshot.

    Parameters
    ----------
    liquid : its pair potential.
    temperature : of the Metropolis rule; needed for the cage state only.
    inherent, cage : settings; None leaves this part alone.
    seed : with the snapshot itself it seeds the cage state, so neither the order nor the number
        of workers matters.
    """

    liquid: LiquidSettings
    temperature: float | None
    inherent: InherentSettings | None
    cage: CageSettings | None
    seed: int = 1

    @classmethod
    def make(
        cls,
        name: str,
        metadata: Mapping[str, Any],
        given: StatePoint,
        inherent: InherentSettings | None,
        cage: CageSettings | None,
        seed: int = 1,
    ) -> EquilibriumPlan:
        """Plan for a dataset or snapshot of this name, whose metadata may tell the state point.

        Raises
        ------
        SettingsError : if liquid or temperature are unknown or contradict the metadata.
        """
        needs: dict[Quantity, str] = {"liquid": "equilibrium positions"}
        if cage is not None:
            needs["temperature"] = "cage states"
        point = resolved(name, metadata, given, needs)
        liquid = load_liquid_settings(str(point.liquid))
        return cls(liquid, point.temperature, inherent, cage, seed)

    def fingerprints(self, snapshot: Configuration) -> dict[str, str]:
        """Fingerprint of each wanted part of a snapshot."""
        common = {"snapshot": snapshot.fingerprint(), "liquid": self._liquid()}
        prints = {}
        if self.inherent is not None:
            prints["inherent"] = fingerprint_of(common | {"inherent": self.inherent.model_dump()})
        if self.cage is not None:
            state = {"temperature": self.temperature, "seed": self.seed}
            prints["cage"] = fingerprint_of(common | state | {"cage": self.cage.model_dump()})
        return prints

    def find(self, part: str, snapshot: Configuration) -> tuple[NDArray[np.float64], Any]:
        """Positions of one part, and a record of how they were found."""
        liquid = self.liquid.liquid()
        state = (snapshot.positions, snapshot.types, snapshot.box)
        record: dict[str, Any] = {"liquid": liquid.name}
        if part == "inherent":
            assert self.inherent is not None
            minimum = find_inherent(liquid, *state, self.inherent)
            record["settings"] = self.inherent.model_dump()
            return minimum.positions, record | minimum.record()
        assert self.cage is not None
        assert self.temperature is not None
        seed = [self.seed, int(snapshot.fingerprint()[:12], 16)]
        cage = find_cage(liquid, *state, self.temperature, seed, self.cage)
        record |= {"temperature": self.temperature, "seed": seed}
        record["settings"] = self.cage.model_dump()
        return cage.positions, record | cage.record()

    def _liquid(self) -> dict[str, Any]:
        return self.liquid.model_dump(exclude={"notes", "density", "name", "time_step"})


def add_equilibrium(
    folder: Path,
    inherent: InherentSettings | None,
    cage: CageSettings | None,
    *,
    liquid: str | None = None,
    temperature: float | None = None,
    seed: int = 1,
    scheduler: Scheduler | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Add inherent structures, cage states or both to every configuration of a dataset.

    Finished parts gather in a folder of the dataset; when all are there the configurations are
    replaced, so the dataset opens at every moment and never has some with and some without. A
    killed call goes on with the same call. What the dataset holds from the same settings is left
    alone, anything else under these names is replaced. Targets, splits and all else stay.

    Parameters
    ----------
    folder : of the dataset.
    inherent, cage : settings; None leaves that field as it is.
    liquid, temperature : where the dataset's metadata do not tell.
    scheduler : where the work is done; in this process if absent.
    progress : advanced by one a configuration.

    Raises
    ------
    InputError : if the folder is no dataset, or a snapshot does not suit the liquid.
    SettingsError : if liquid or temperature are unknown or contradict the metadata.
    SimulationError : if configurations still fail after the retries; the others are kept.
    """
    if inherent is None and cage is None:
        raise SettingsError("nothing to add: ask for the inherent structures, the cages, or both")
    settle(folder)
    dataset = Dataset.open(folder)
    given = StatePoint.stated(liquid, temperature)
    plan = EquilibriumPlan.make(dataset.name, dataset.state, given, inherent, cage, seed)
    wanted = {entry: parts for entry in dataset.entries if (parts := _wanted(entry, plan))}
    parts_folder = folder / PARTS
    if parts_folder.is_dir():
        remove_partials(parts_folder)
    todo = [entry for entry in wanted if _missing(parts_folder, entry, wanted[entry])]
    if todo and inherent is not None:
        check_engine(EngineSettings())
    finish(
        "equilibrium positions",
        {entry: (_find, plan, parts_folder, entry, wanted[entry]) for entry in todo},
        lambda entry: not _missing(parts_folder, entry, wanted[entry]),
        lambda entry: entry.name,
        scheduler or Scheduler(),
        progress or Silent(),
    )
    if wanted:
        dataset = amend(folder, _merged(parts_folder, wanted))
    shutil.rmtree(parts_folder, ignore_errors=True)
    return dataset


def completed(
    snapshot: Configuration,
    parts: Sequence[str],
    liquid: str | None = None,
    temperature: float | None = None,
) -> Configuration:
    """Return a snapshot with equilibrium positions, found by the default settings.

    Parameters
    ----------
    parts : of ``inherent`` and ``cage``, those to find; the snapshot itself when empty.
    liquid, temperature : where the snapshot's metadata do not tell.

    Raises
    ------
    SettingsError : if liquid or temperature are unknown or contradict the metadata.
    InputError : if the snapshot does not suit the liquid.
    """
    if not parts:
        return snapshot
    inherent = InherentSettings() if "inherent" in parts else None
    cage = CageSettings() if "cage" in parts else None
    given = StatePoint.stated(liquid, temperature)
    plan = EquilibriumPlan.make(snapshot.name, snapshot.metadata, given, inherent, cage)
    state = (snapshot.positions, snapshot.types, snapshot.box)
    check_snapshot(snapshot.name, plan.liquid.liquid(), *state, cage)
    return snapshot.with_fields(**{part: plan.find(part, snapshot)[0] for part in parts})


def _find(plan: EquilibriumPlan, folder: Path, entry: Entry, wanted: dict[str, str]) -> None:
    """Make the missing parts of one configuration: one task, idempotent."""
    missing = _missing(folder, entry, wanted)
    snapshot = read_configuration(entry.path, entry.checksum) if missing else None
    for part in missing:
        assert snapshot is not None
        positions, record = plan.find(part, snapshot)
        path = _part_path(folder, entry, part)
        keep(path, wanted[part], {part: positions}, record | {"fingerprint": wanted[part]})


def _merged(folder: Path, wanted: dict[Entry, dict[str, str]]) -> Iterator[Configuration]:
    for entry, parts in wanted.items():
        configuration = read_configuration(entry.path, entry.checksum)
        records = dict(configuration.metadata.get("records", {}))
        fields = {}
        for part in parts:
            arrays, records[part] = read_kept(_part_path(folder, entry, part))
            fields[part] = arrays[part]
        metadata = {**configuration.metadata, "records": records}
        yield configuration.with_fields(**fields, metadata=metadata)


def _wanted(entry: Entry, plan: EquilibriumPlan) -> dict[str, str]:
    """Parts that the dataset does not hold from these settings, after a check of the snapshot."""
    c = read_configuration(entry.path, entry.checksum)
    check_snapshot(entry.path, plan.liquid.liquid(), c.positions, c.types, c.box, plan.cage)
    records = c.metadata.get("records", {})
    return {
        part: fingerprint
        for part, fingerprint in plan.fingerprints(c).items()
        if getattr(c, part) is None or records.get(part, {}).get("fingerprint") != fingerprint
    }


def _missing(folder: Path, entry: Entry, wanted: dict[str, str]) -> list[str]:
    return [p for p, mark in wanted.items() if not is_kept(_part_path(folder, entry, p), mark)]


def _part_path(folder: Path, entry: Entry, part: str) -> Path:
    return folder / f"{entry.path.stem}.{part}.npz"


def resolved(
    name: str,
    metadata: Mapping[str, Any],
    given: StatePoint,
    needs: Mapping[Quantity, str],
) -> StatePoint:
    """State point of a dataset or snapshot; see :func:`glasscast.datasets.state_points.resolve`.

    Raises
    ------
    SettingsError : naming the data, if something needed is unknown or contradicted.
    """
    try:
        return resolve(StatePoint.from_metadata(metadata), given, needs=needs).point
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}", error.parameter) from None
