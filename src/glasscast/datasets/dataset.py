"""A dataset: a folder with ``dataset.json`` and one npz a configuration, opened lazily."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, overload

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.files import UNREADABLE_ARCHIVE, sha256_of_file
from glasscast.errors import InputError

MANIFEST = "dataset.json"
#: Name of the data set that comes with the library.
SAMPLE = "sample"
FORMAT_VERSION = 1


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


def locate(folder: Path) -> Path:
    """Return where a dataset lies; ``sample`` is the bundled one, but for a folder of that name."""
    if folder == Path(SAMPLE) and not folder.exists():
        return Path(str(files("glasscast.datasets"))) / SAMPLE
    return folder


def _why_no_manifest(folder: Path) -> tuple[str, str]:
    """Problem and remedy of a folder without ``dataset.json``."""
    finished = sum(_is_configuration_file(file) for file in sorted(folder.glob("*.npz")))
    if (folder / "inputs" / "settings.json").is_file():
        results = len(list(folder.glob("parts/*.npz")))
        return (
            f"has no {MANIFEST}: it is an unfinished simulation with {results} results so far",
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
    """Whether a file looks like one that :class:`glasscast.datasets.writer.DatasetWriter` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"name.npy", "metadata.npy"} <= set(archive.namelist())
    except UNREADABLE_ARCHIVE:
        return False


def is_unfinished(folder: Path) -> bool:
    """Whether a folder holds nothing but configurations that wait for their ``dataset.json``."""
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return all(path.suffix == ".npz" and _is_configuration_file(path) for path in visible)


def _entry(folder: Path, record: Mapping[str, Any]) -> Entry:
    """Read an entry of ``dataset.json``; while its file is being replaced there are two versions.

    See :func:`glasscast.datasets.writer.replace_configurations`.
    """
    path, version = folder / record["file"], record
    successor = record.get("successor")
    if successor and path.is_file() and sha256_of_file(path) == successor["sha256"]:
        version = successor
    return Entry(record["name"], path, version["sha256"], version["bytes"], record["parent"])


def qualified(dataset: str, parent: str) -> str:
    """Name of a parent beyond its dataset."""
    return parent if "/" in parent else f"{dataset}/{parent}"


def file_stem(name: str) -> str:
    """File name for a configuration; the names in joined datasets have a slash."""
    return name.replace("/", "__")


@dataclass(frozen=True)
class Dataset(Sequence[Configuration]):
    """Configurations on disk, read one at a time and checked against their checksums.

    Parameters
    ----------
    name : shown in tables.
    entries : what it holds, in order.
    shared : what all configurations share: times, dimension, species, state point.
    splits : name of a split -> names of its configurations.
    """

    name: str
    entries: tuple[Entry, ...]
    shared: Mapping[str, Any]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @staticmethod
    def is_one(folder: Path) -> bool:
        """Whether this is a dataset: a folder with a ``dataset.json``, or the bundled sample."""
        return (locate(folder) / MANIFEST).exists()

    @classmethod
    def open(cls, folder: Path | str) -> Dataset:
        """Open a dataset folder; sizes are checked now, checksums when a file is read.

        Parameters
        ----------
        folder : or ``sample``, the data set that comes with the library, where nothing of that
            name lies on disk.

        Raises
        ------
        InputError : if the folder is no dataset, or a file is missing or has another size.
        """
        folder = locate(Path(folder))
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

    def facts(self) -> list[tuple[str, str]]:
        """Name and value of what tells a dataset from others, in a few words each."""
        found = [("name", self.name), ("configurations", str(len(self)))]
        found += [(k, str(self.shared[k])) for k in ("liquid", "temperature") if self.shared.get(k)]
        if self.times:
            ends = dict.fromkeys(f"{t:g}" for t in (self.times[0], self.times[-1]))
            found.append(("times", f"{len(self.times)} ({' to '.join(ends)})"))
        if self.splits:
            found.append(("splits", ", ".join(f"{k} {len(v)}" for k, v in self.splits.items())))
        return found

    def __repr__(self) -> str:
        return f"Dataset({', '.join(f'{key}={text}' for key, text in self.facts())})"

    def _repr_html_(self) -> str:
        rows = (f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in self.facts())
        return f"<table>{''.join(rows)}</table>"

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
        return list(self.shared.get("times", ()))

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
        known = np.array(self.shared.get("times", times))
        for time in times:
            if not np.isclose(known, time, rtol=1e-3, atol=0).any():
                listed = ", ".join(f"{t:g}" for t in known)
                raise InputError(self.name, f"has no time {time:g}", f"its times: {listed}")
        entries = tuple(replace(entry, kept_times=tuple(times)) for entry in self.entries)
        return replace(self, entries=entries, shared={**self.shared, "times": list(times)})

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
        return replace(self, entries=entries, shared={**self.shared, "times": list(stages)})

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

        Names that occur twice are prefixed by their dataset's. So are parents, unless they name
        their dataset already, as those of thermal copies do. ``shared`` keeps what agrees.

        Raises
        ------
        InputError : if dimensions differ.
        """
        if len(datasets) == 1:
            return datasets[0]
        first = datasets[0]
        for other in datasets[1:]:
            if other.shared["dimension"] != first.shared["dimension"]:
                raise InputError(other.name, f"has another dimension than {first.name}")
        counts: dict[str, int] = {}
        for name in (name for dataset in datasets for name in dataset.names):
            counts[name] = counts.get(name, 0) + 1
        entries = tuple(
            replace(
                e,
                name=f"{dataset.name}/{e.name}" if counts[e.name] > 1 else e.name,
                parent=qualified(dataset.name, e.parent),
            )
            for dataset in datasets
            for e in dataset.entries
        )
        shared = {
            key: value
            for key, value in first.shared.items()
            if all(d.shared.get(key) == value for d in datasets)
        }
        return Dataset("+".join(d.name for d in datasets), entries, shared)
