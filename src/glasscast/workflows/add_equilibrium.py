"""Add equilibrium positions, inherent structures and cage states, to a dataset in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glasscast.config import checked
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset, locate
from glasscast.datasets.entries import Entry
from glasscast.datasets.files import remove_partials
from glasscast.datasets.kept import is_kept, keep, read_kept
from glasscast.datasets.locks import locked
from glasscast.datasets.metadata import how_made
from glasscast.datasets.ownership import disown, owned, visible
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.state_points import StatePoint
from glasscast.datasets.writer import replace_configurations, settle_replacement
from glasscast.errors import SettingsError
from glasscast.progress import Progress, Silent
from glasscast.simulation.checks import check_snapshot
from glasscast.simulation.equilibrium_positions import EquilibriumPlan
from glasscast.simulation.executors import Scheduler, finish
from glasscast.simulation.registry import EngineChoice, load_engine
from glasscast.simulation.settings import CageSettings, EquilibriumSettings, InherentSettings

#: Where finished results lie, below the dataset, until all are there.
RESULTS = "equilibrium"


def add_equilibrium(
    folder: Path | str,
    inherent: InherentSettings | Mapping[str, Any] | bool | None = None,
    cage: CageSettings | Mapping[str, Any] | bool | None = None,
    *,
    liquid: str | None = None,
    temperature: float | None = None,
    seed: int = 1,
    engine: EngineChoice | None = None,
    scheduler: Scheduler | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Add inherent structures, cage states or both to every configuration of a dataset.

    Finished results gather in a folder of the dataset; when all are there the configurations are
    replaced, so the dataset opens at every moment and never has some with and some without. A
    killed call goes on with the same call. What the dataset holds from the same settings is left
    alone, anything else under these names is replaced. Targets, splits and all else stay.

    Parameters
    ----------
    folder : of the dataset.
    inherent, cage : settings, or keys and values of them, or True for the defaults; None and
        False leave that field as it is. ``{"by": "runs"}`` finds cages by short runs instead of
        Monte Carlo.
    liquid, temperature : where the dataset's metadata do not tell.
    engine : that minimises; see :func:`glasscast.simulation.registry.load_engine`.
    scheduler : where the work is done; in this process if absent.
    progress : advanced by one a configuration.

    Raises
    ------
    InputError : if the folder is no dataset, or a snapshot does not suit the liquid.
    SettingsError : if liquid or temperature are unknown or contradict the metadata, or the engine
        cannot find them, or if something else lies in the folder for the results.
    SimulationError : if configurations still fail after the retries; the others are kept.
    """
    asked = checked(EquilibriumSettings, {"inherent": inherent, "cage": cage})
    if asked.inherent is None and asked.cage is None:
        raise SettingsError("nothing to add: ask for the inherent structures, the cages, or both")
    Dataset.open(folder)
    folder = locate(Path(folder))
    with locked(folder, "equilibrium"):
        settle_replacement(folder)
        dataset = Dataset.open(folder)
        given = StatePoint.stated(liquid, temperature)
        plan = EquilibriumPlan.make(
            dataset.name,
            dataset.state_point,
            given,
            asked.inherent,
            asked.cage,
            load_engine(engine),
            seed,
        )
        with owned(folder / RESULTS, "equilibrium", {}, lambda made: _ours(made, dataset)):
            dataset = _add(folder, dataset, plan, scheduler or Scheduler(), progress)
        disown(folder / RESULTS)
        return dataset


def _ours(results: Path, dataset: Dataset) -> bool:
    """Whether a folder holds nothing but results for this dataset."""
    known = {
        _result_path(results, entry, field).name
        for entry in dataset.entries
        for field in ("inherent", "cage")
    }
    return {path.name for path in visible(results)} <= known


def _add(
    folder: Path,
    dataset: Dataset,
    plan: EquilibriumPlan,
    scheduler: Scheduler,
    progress: Progress | None,
) -> Dataset:
    """Find what is missing, then replace the configurations."""
    wanted = {entry: prints for entry in dataset.entries if (prints := _wanted(entry, plan))}
    results = folder / RESULTS
    if results.is_dir():
        remove_partials(results)
    todo = [entry for entry in wanted if _missing(results, entry, wanted[entry])]
    if todo and scheduler.here:
        plan.check()
    finish(
        "equilibrium positions",
        {entry: (_find, plan, results, entry, wanted[entry]) for entry in todo},
        lambda entry: not _missing(results, entry, wanted[entry]),
        lambda entry: entry.name,
        scheduler,
        progress or Silent(),
    )
    if wanted:
        dataset = replace_configurations(folder, _merged(results, wanted))
    for entry, prints in wanted.items():
        for field in prints:
            _result_path(results, entry, field).unlink(missing_ok=True)
    return dataset


def _find(
    plan: EquilibriumPlan, folder: Path, entry: Entry, wanted: dict[EquilibriumField, str]
) -> None:
    """Make the missing fields of one configuration: one task, idempotent."""
    missing = _missing(folder, entry, wanted)
    snapshot = entry.read() if missing else None
    for field in missing:
        assert snapshot is not None
        positions, record = plan.find(field, snapshot)
        fingerprint = wanted[field]
        path = _result_path(folder, entry, field)
        keep(path, fingerprint, {field: positions}, record | {"fingerprint": fingerprint})


def _merged(
    folder: Path, wanted: dict[Entry, dict[EquilibriumField, str]]
) -> Iterator[Configuration]:
    for entry, prints in wanted.items():
        configuration = entry.read()
        told = configuration.metadata
        records, made = dict(told.records), dict(told.equilibrium)
        fields = {}
        for field in prints:
            arrays, record = read_kept(_result_path(folder, entry, field), [field])
            fields[field], records[field] = arrays[field], record
            made[field] = how_made(field, record["settings"], record.get("temperature"))
        yield configuration.with_fields(
            **fields, metadata=told.changed(records=records, equilibrium=made)
        )


def _wanted(entry: Entry, plan: EquilibriumPlan) -> dict[EquilibriumField, str]:
    """Fields that the dataset does not hold from these settings, after a check of the snapshot."""
    c = entry.read()
    check_snapshot(entry.path, plan.liquid.liquid(), c, plan.cage)
    records = c.metadata.records
    return {
        field: fingerprint
        for field, fingerprint in plan.fingerprints(c).items()
        if getattr(c, field) is None or records.get(field, {}).get("fingerprint") != fingerprint
    }


def _missing(
    folder: Path, entry: Entry, wanted: dict[EquilibriumField, str]
) -> list[EquilibriumField]:
    return [f for f, mark in wanted.items() if not is_kept(_result_path(folder, entry, f), mark)]


def _result_path(folder: Path, entry: Entry, field: str) -> Path:
    return folder / f"{entry.name}.{field}.npz"
