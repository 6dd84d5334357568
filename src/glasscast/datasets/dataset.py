"""A dataset: a folder with ``dataset.json`` and one npz a configuration, opened lazily."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from glasscast import __version__
from glasscast.datasets.configuration import FIELDS, Configuration
from glasscast.datasets.files import (
    UNREADABLE_ARCHIVE,
    npz_bytes,
    read_npz,
    remove_partials,
    sha256,
    sha256_of_file,
    write_atomically,
)
from glasscast.errors import InputError, ShapeError

MANIFEST = "dataset.json"
FORMAT_VERSION = 1
#: Metadata that must agree within a dataset; several state points are joined, not mixed.
STATE_KEYS = ("liquid", "temperature", "density", "pressure", "tau_alpha")


def configuration_bytes(configuration: Configuration) -> bytes:
    """Serialise a configuration; equal configurations give equal bytes."""
    arrays = dict(configuration.arrays())
    arrays["name"] = np.array(configuration.name)
    arrays["metadata"] = np.array(json.dumps(configuration.metadata, sort_keys=True))
    return npz_bytes(arrays)


def read_configuration(path: Path, checksum: str | None = None) -> Configuration:
    """Read one configuration file.

    Parameters
    ----------
    path : an npz written by :class:`DatasetWriter`.
    checksum : SHA-256 that its bytes must have.

    Raises
    ------
    InputError : naming file and key, if it is missing, damaged, altered, or breaks the contract.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    if checksum is not None and sha256(content) != checksum:
        raise InputError(
            path,
            "differs from the checksum in dataset.json",
            "it was altered or damaged: import or simulate it again",
        )
    arrays = read_npz(content, ("positions", "types", "box", "name", "metadata"), name=path)
    unknown = arrays.keys() - FIELDS.keys() - {"name", "metadata"}
    if unknown:
        raise InputError(path, f"holds the unknown key '{min(unknown)}'")
    try:
        metadata = json.loads(str(arrays.pop("metadata")))
        name = str(arrays.pop("name"))
        return Configuration(name=name, metadata=metadata, **arrays)
    except json.JSONDecodeError as error:
        raise InputError(path, f"'metadata' is not JSON ({error})") from None
    except ShapeError as error:
        raise InputError(path, str(error)) from None


@dataclass(frozen=True)
class Entry:
    """Where one configuration lies and what its bytes must be.

    ``name`` is unique in the dataset; ``parent`` groups what must not be torn apart by a split.
    ``kept_times`` are the only times it is read with (all when None), ``stages`` the numbers that
    stand for them.
    """

    name: str
    path: Path
    checksum: str
    size: int
    parent: str
    kept_times: tuple[float, ...] | None = None
    stages: tuple[float, ...] | None = None


def _why_no_manifest(folder: Path) -> tuple[str, str]:
    """Problem and remedy of a folder without ``dataset.json``."""
    finished = sum(_is_configuration_file(file) for file in sorted(folder.glob("*.npz")))
    if (folder / "inputs" / "settings.json").is_file():
        parts = len(list(folder.glob("parts/*.npz")))
        return (
            f"has no {MANIFEST}: it is an unfinished simulation with {parts} parts done so far",
            "run the same 'glasscast simulate' again to finish it; what is done is kept",
        )
    if finished or any(folder.glob(".*.partial")):
        return (
            f"has no {MANIFEST}: it is an unfinished import with {finished} configurations done "
            "so far",
            "run the same 'glasscast import' again to finish it; what is done is kept",
        )
    return f"has no {MANIFEST}", "make a dataset with 'glasscast import'"


def _is_configuration_file(path: Path) -> bool:
    """Whether a file looks like one that :class:`DatasetWriter` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"name.npy", "metadata.npy"} <= set(archive.namelist())
    except UNREADABLE_ARCHIVE:
        return False


def _entry(folder: Path, record: Mapping[str, Any]) -> Entry:
    """Read an entry of ``dataset.json``; while its file is being replaced there are two versions.

    See :mod:`glasscast.datasets.amend`.
    """
    path, version = folder / record["file"], record
    successor = record.get("successor")
    if successor and path.is_file() and sha256_of_file(path) == successor["sha256"]:
        version = successor
    return Entry(record["name"], path, version["sha256"], version["bytes"], record["parent"])


@dataclass(frozen=True)
class Dataset(Sequence[Configuration]):
    """Configurations on disk, read one at a time and checked against their checksums.

    Parameters
    ----------
    name : shown in tables.
    entries : what it holds, in order.
    state : what all configurations share: times, dimension, species, state point.
    splits : name of a split -> names of its configurations.
    """

    name: str
    entries: tuple[Entry, ...]
    state: Mapping[str, Any]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Open a dataset folder; sizes are checked now, checksums when a file is read.

        Raises
        ------
        InputError : if the folder is no dataset, or a file is missing or has another size.
        """
        path = folder / MANIFEST
        if not folder.is_dir():
            raise InputError(folder, "is not a folder", "make one with 'glasscast import'")
        if not path.exists():
            raise InputError(folder, *_why_no_manifest(folder))
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(path, f"is not readable JSON ({error})") from None
        return cls._from_record(folder, path, record)

    @classmethod
    def _from_record(cls, folder: Path, path: Path, record: Any) -> Dataset:
        try:
            if record["format"] != "glasscast dataset":
                raise InputError(path, f"has the format '{record['format']}'")
            if record["version"] > FORMAT_VERSION:
                raise InputError(
                    path, f"has version {record['version']}", "upgrade glasscast to read it"
                )
            entries = tuple(_entry(folder, e) for e in record["configurations"])
            splits = {key: tuple(names) for key, names in record["splits"].items()}
            dataset = cls(record["name"], entries, record["state"], splits)
        except (KeyError, TypeError) as error:
            raise InputError(path, f"lacks or garbles the key {error}") from None
        for entry in entries:
            if entry.path.parent != folder:
                raise InputError(path, f"names a file outside its folder: {entry.path}")
            if not entry.path.is_file():
                raise InputError(entry.path, f"is named in {MANIFEST} but missing")
            if entry.path.stat().st_size != entry.size:
                raise InputError(
                    entry.path,
                    f"has {entry.path.stat().st_size} bytes, not the {entry.size} of {MANIFEST}",
                    "it was altered or damaged: import or simulate it again",
                )
        return dataset

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Configuration: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> Configuration | Dataset:
        if isinstance(index, slice):
            return self.subset([entry.name for entry in self.entries[index]])
        entry = self.entries[index]
        configuration = read_configuration(entry.path, entry.checksum)
        if configuration.name != entry.name:  # renamed by a join
            configuration = configuration.with_fields(name=entry.name)
        if entry.kept_times is not None:
            rows = [configuration.time_index(time) for time in entry.kept_times]
            configuration = configuration.at_times(rows)
        if entry.stages is not None:
            configuration = configuration.with_fields(times=np.array(entry.stages))
        return configuration

    def __iter__(self) -> Iterator[Configuration]:
        return (self[i] for i in range(len(self)))

    @property
    def names(self) -> list[str]:
        """Names of the configurations, in order."""
        return [entry.name for entry in self.entries]

    @property
    def times(self) -> list[float]:
        """Times of the dynamic labels; empty when joined datasets differ in them."""
        return list(self.state.get("times", ()))

    def subset(self, names: Sequence[str]) -> Dataset:
        """Return a view on some configurations, in the order given.

        Raises
        ------
        InputError : if a name is not in the dataset.
        """
        by_name = {entry.name: entry for entry in self.entries}
        missing = [name for name in names if name not in by_name]
        if missing:
            raise InputError(self.name, f"holds no configuration '{missing[0]}'")
        return replace(self, entries=tuple(by_name[name] for name in names), splits={})

    def at_times(self, times: Sequence[float]) -> Dataset:
        """Return a view whose configurations carry only these times.

        Raises
        ------
        InputError : if a time is not among the dataset's.
        """
        if any(entry.stages for entry in self.entries):
            raise InputError(self.name, "has numbered stages", "choose its times before")
        known = np.array(self.state.get("times", times))
        for time in times:
            if not np.isclose(known, time, rtol=1e-3, atol=0).any():
                listed = ", ".join(f"{t:g}" for t in known)
                raise InputError(self.name, f"has no time {time:g}", f"its times: {listed}")
        entries = tuple(replace(entry, kept_times=tuple(times)) for entry in self.entries)
        return replace(self, entries=entries, state={**self.state, "times": list(times)})

    def at_stages(self, stages: Sequence[float]) -> Dataset:
        """Return a view whose times go by other numbers.

        State points relax at rates of their own; datasets whose times are numbered alike, from
        the ballistic regime to the relaxation time, can be joined and compared.

        Raises
        ------
        InputError : unless there is one number for each time.
        """
        if len(stages) != len(self.times):
            raise InputError(
                self.name, f"has {len(self.times)} times for {len(stages)} stages of relaxation"
            )
        entries = tuple(replace(entry, stages=tuple(stages)) for entry in self.entries)
        return replace(self, entries=entries, state={**self.state, "times": list(stages)})

    def split(self, name: str) -> Dataset:
        """Return the configurations of a named split.

        Raises
        ------
        InputError : if there is no such split.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise InputError(self.name, f"has no split '{name}'", f"its splits: {known}")
        return self.subset(self.splits[name])

    def verify(self) -> None:
        """Check every file against its checksum, without keeping any in memory.

        Raises
        ------
        InputError : naming the first file that differs.
        """
        for entry in self.entries:
            if sha256_of_file(entry.path) != entry.checksum:
                raise InputError(entry.path, f"differs from the checksum in {MANIFEST}")

    @staticmethod
    def join(datasets: Sequence[Dataset]) -> Dataset:
        """Put datasets one after the other, for example to train on several temperatures.

        Names that occur twice are prefixed by their dataset's. The state keeps what agrees.

        Raises
        ------
        InputError : if dimensions differ.
        """
        if len(datasets) == 1:
            return datasets[0]
        first = datasets[0]
        for other in datasets[1:]:
            if other.state["dimension"] != first.state["dimension"]:
                raise InputError(other.name, f"has another dimension than {first.name}")
        counts: dict[str, int] = {}
        for name in (name for dataset in datasets for name in dataset.names):
            counts[name] = counts.get(name, 0) + 1
        entries = tuple(
            replace(
                e,
                name=f"{dataset.name}/{e.name}" if counts[e.name] > 1 else e.name,
                parent=f"{dataset.name}/{e.parent}",
            )
            for dataset in datasets
            for e in dataset.entries
        )
        state = {
            key: value
            for key, value in first.state.items()
            if all(d.state.get(key) == value for d in datasets)
        }
        return Dataset("+".join(d.name for d in datasets), entries, state)


def state_of(configuration: Configuration) -> dict[str, Any]:
    """Return what all configurations of a dataset must share."""
    state: dict[str, Any] = {
        "dimension": configuration.dimension,
        "species": list(configuration.species),
        "times": configuration.times.tolist(),
    }
    return state | {
        key: configuration.metadata[key] for key in STATE_KEYS if key in configuration.metadata
    }


class DatasetWriter:
    """Writes a dataset so that an interrupted run goes on where it stopped.

    Each configuration is a whole file or none. ``dataset.json`` comes last, so a folder without
    it is unfinished. A configuration whose ``fingerprint`` (of its sources and settings) is
    already on disk is not made again.

    Parameters
    ----------
    folder : created when absent.
    name : of the dataset; the folder's by default.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        self.folder = folder
        self.name = name or folder.resolve().name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(folder, f"cannot be made ({error.strerror or error})") from None
        remove_partials(folder)
        self._entries: dict[str, Entry] = {}
        self._state: dict[str, Any] | None = None
        self._state_from = ""

    def has(self, name: str, fingerprint: str) -> bool:
        """Whether this configuration lies finished on disk; if so it is taken as it is."""
        path = self._path(name)
        if not path.exists():
            return False
        try:
            configuration = read_configuration(path)
        except InputError:
            return False
        if configuration.metadata.get("fingerprint") != fingerprint:
            return False
        self._register(configuration, sha256_of_file(path))
        return True

    def add(self, configuration: Configuration, fingerprint: str) -> None:
        """Write one configuration.

        Raises
        ------
        InputError : if its state point differs from the others', its name is taken, or the
            disk is full.
        """
        if configuration.name in self._entries:
            raise InputError(self.folder, f"two configurations are named '{configuration.name}'")
        metadata = {**configuration.metadata, "fingerprint": fingerprint}
        configuration = configuration.with_fields(metadata=metadata)
        self._check_state(configuration)
        content = configuration_bytes(configuration)
        write_atomically(self._path(configuration.name), content)
        self._register(configuration, sha256(content))

    def finish(self, splits: Mapping[str, Sequence[str]] | None = None) -> Dataset:
        """Write ``dataset.json`` and open the dataset.

        Raises
        ------
        InputError : if there is no configuration, or a split names one that does not exist.
        """
        if self._state is None:
            raise InputError(self.folder, "would be a dataset without configurations")
        for key, names in (splits or {}).items():
            if set(names) - self._entries.keys():
                raise InputError(self.folder, f"split '{key}' names unknown configurations")
        record = {
            "format": "glasscast dataset",
            "version": FORMAT_VERSION,
            "name": self.name,
            "written_by": f"glasscast {__version__}",
            "state": self._state,
            "splits": {key: list(names) for key, names in (splits or {}).items()},
            "configurations": [
                {
                    "name": e.name,
                    "parent": e.parent,
                    "file": e.path.name,
                    "bytes": e.size,
                    "sha256": e.checksum,
                }
                for e in self._entries.values()
            ],
        }
        text = json.dumps(record, indent=1) + "\n"
        write_atomically(self.folder / MANIFEST, text.encode())
        return Dataset.open(self.folder)

    def _path(self, name: str) -> Path:
        if not name or Path(name).name != name or name.startswith("."):
            raise InputError(self.folder, f"'{name}' cannot name a file")
        return self.folder / f"{name}.npz"

    def _check_state(self, configuration: Configuration) -> None:
        state = state_of(configuration)
        if self._state is None:
            self._state, self._state_from = state, configuration.name
        for key in sorted(self._state.keys() | state.keys()):
            mine, theirs = self._state.get(key), state.get(key)
            if mine != theirs:
                raise InputError(
                    self.folder,
                    f"mixes state points: '{key}' is {mine} for {self._state_from} but {theirs} "
                    f"for {configuration.name}",
                    "import each state point into a folder of its own and list them together",
                )

    def _register(self, configuration: Configuration, checksum: str) -> None:
        self._check_state(configuration)
        path = self._path(configuration.name)
        self._entries[configuration.name] = Entry(
            configuration.name,
            path,
            checksum,
            path.stat().st_size,
            str(configuration.metadata.get("parent", configuration.name)),
        )
