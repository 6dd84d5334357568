"""Files of a dataset: where each configuration lies, and whether it is the one that was written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.files import read_npz
from glasscast.datasets.manifest import KEPT_RUNS, EntryRecord, Manifest, read_manifest
from glasscast.datasets.records import Kind
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError
from glasscast.liquid.definition import IN_DATASET

MANIFEST = IN_DATASET
ALTERED = "it was altered or damaged: import or simulate it again"


@dataclass(frozen=True)
class Entry:
    """Where one configuration lies and what its bytes must be.

    Parameters
    ----------
    name : unique in the dataset.
    path, checksum, size : of its file.
    parent : what it was made from, its own name if from none.
    root : of its family, see :class:`~glasscast.datasets.metadata.Origin`; None: not recorded.
    kind : see :data:`~glasscast.datasets.metadata.Kind`.
    trajectories : file of the runs behind its labels, if they are kept.
    stored : its name in the ``dataset.json`` beside the file; its own where that is empty.
    kept_times : the times, or values of stages, it is read with, labels NaN where it has none;
        None: all.
    scattering : values of F_s(q, t) that its rows are to be taken at; None: no such.
    stages : that its rows are taken for; None: those of its file.
    liquid : file that describes the liquid that its own names; None: built in, or not known.
    """

    name: str
    path: Path
    checksum: str
    size: int
    parent: str
    root: str | None = None
    kind: Kind = "start"
    trajectories: Path | None = None
    stored: str = ""
    kept_times: tuple[float, ...] | None = None
    scattering: tuple[float, ...] | None = None
    stages: Stages | None = None
    liquid: Path | None = None

    def read(self) -> Configuration:
        """Read the file as it is, its liquid known by the content that the dataset holds of it.

        Its dataset may have been changed in place since it was opened: where the file is gone,
        ``dataset.json`` is read once more.

        Raises
        ------
        InputError : as :func:`~glasscast.datasets.configuration_file.read_configuration`.
        """
        entry = self
        while True:
            try:
                return _with_liquid(read_configuration(entry.path, entry.checksum), self.liquid)
            except InputError:
                before, entry = entry, entry.current()
                if entry == before:
                    raise

    def current(self) -> Entry:
        """Return the entry; of a file that is gone, with the one that took its place."""
        path = self.path.parent / MANIFEST
        if self.path.exists() or not path.exists():
            return self
        for record in read_manifest(path).configurations:
            if record.name == (self.stored or self.name):
                file, checksum, size = path.parent / record.file, record.sha256, record.bytes
                return replace(self, path=file, checksum=checksum, size=size)
        return self


def _with_liquid(configuration: Configuration, described: Path | None) -> Configuration:
    """Return a configuration whose liquid, named alone in its file, is found where it lies."""
    if described is None:
        return configuration
    point = replace(configuration.metadata.state_point, liquid=str(described))
    return configuration.with_fields(metadata=configuration.metadata.changed(state_point=point))


def read_entries(folder: Path) -> tuple[Manifest, tuple[Entry, ...]]:
    """Read what a dataset holds; once more if it was changed in place meanwhile.

    Raises
    ------
    InputError : if a file is missing or has another size.
    """
    manifest = read_manifest(folder / MANIFEST)
    while True:
        entries = tuple(_entry(folder, manifest.name, each) for each in manifest.configurations)
        try:
            for entry in entries:
                _check_size(entry)
        except InputError:
            before, manifest = manifest, read_manifest(folder / MANIFEST)
            if manifest == before:
                raise
        else:
            return manifest, entries


def _entry(folder: Path, dataset: str, record: EntryRecord) -> Entry:
    parent = record.parent or record.name
    return Entry(
        name=record.name,
        path=folder / record.file,
        checksum=record.sha256,
        size=record.bytes,
        parent=parent.removeprefix(f"{dataset}/"),
        root=record.root,
        kind=record.kind,
        trajectories=folder / KEPT_RUNS / record.trajectories.file if record.trajectories else None,
    )


def _check_size(entry: Entry) -> None:
    try:
        found = entry.path.stat().st_size
    except OSError:
        raise InputError(entry.path, f"is named in {MANIFEST} but missing") from None
    if found != entry.size:
        raise InputError(
            entry.path,
            f"has {found} bytes, not the {entry.size} of {MANIFEST}",
            ALTERED,
        )


def root_of(entry: Entry) -> str | None:
    """Root of an entry's family; version 1 recorded none, but a snapshot of its own has its own."""
    if entry.root is not None or entry.kind != "start":
        return entry.root
    return _root_of_file(entry.path, entry.checksum)


@cache
def _root_of_file(path: Path, checksum: str) -> str:
    keys = ("positions", "types", "box")
    arrays = read_npz(path, keys, only=keys)
    return Configuration(
        name=checksum,
        positions=arrays["positions"],
        types=arrays["types"],
        box=arrays["box"],
    ).fingerprint()[:16]
