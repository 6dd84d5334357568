"""Write a dataset configuration by configuration, and change a finished one in place."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.common import Common, common_of, together
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import configuration_bytes, read_configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.entries import MANIFEST
from glasscast.datasets.files import (
    npz_bytes,
    remove_partials,
    sha256,
    sha256_of_file,
    write_atomically,
    write_json,
)
from glasscast.datasets.manifest import (
    KEPT_RUNS,
    RUNS_FORMAT,
    WRITTEN_BY,
    EntryRecord,
    KeptRuns,
    Manifest,
    Source,
    manifest_of,
    read_manifest,
)
from glasscast.datasets.records import VERSION, plain_name
from glasscast.errors import InputError, ShapeError
from glasscast.liquid.definition import BUILT_IN, LiquidSettings

#: Where version 0.1.0 let replacements wait, below the dataset.
_BESIDE = ".amended"
#: Hex digits of a file's checksum in its name, after it was changed in place.
_DIGITS = 8


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
        self._finished = _files(folder)
        self._entries: dict[str, EntryRecord] = {}
        self._common: Common | None = None
        self._taus: list[float] = []
        self._first = ""

    def finished(self, name: str, fingerprint: str) -> Configuration | None:
        """Return this configuration if it lies finished on disk; it is then taken as it is."""
        path = self._path(name)
        if not path.exists():
            return None
        try:
            configuration = read_configuration(path)
        except InputError:
            return None
        if configuration.metadata.fingerprint != fingerprint:
            return None
        self._check_common(configuration)
        self._register(configuration, path)
        return configuration

    def has(self, name: str, fingerprint: str) -> bool:
        """Whether this configuration lies finished on disk; if so it is taken as it is."""
        return self.finished(name, fingerprint) is not None

    def add(self, configuration: Configuration, fingerprint: str) -> None:
        """Write one configuration.

        Raises
        ------
        InputError : if its state point differs from the others', its name is taken, or the
            disk is full.
        """
        if configuration.name in self._entries:
            raise InputError(self.folder, f"two configurations are named '{configuration.name}'")
        configuration = with_root(configuration, fingerprint)
        self._check_common(configuration)
        self._finished.pop(configuration.name, None)
        path = self._path(configuration.name)
        write_atomically(path, configuration_bytes(configuration))
        self._register(configuration, path)

    def finish(
        self,
        splits: Mapping[str, Sequence[str]] | None = None,
        sources: Sequence[Source] = (),
        source_of_rows: Sequence[int] | None = None,
        liquid: LiquidSettings | None = None,
    ) -> Dataset:
        """Write ``dataset.json`` and open the dataset.

        Parameters
        ----------
        splits : name -> names of configurations.
        sources : what was understood of where these come from.
        source_of_rows : which of them gives the labels of each row; absent if it is the first.
        liquid : of one's own, kept with its tables.

        Raises
        ------
        InputError : if there is no configuration, or a split names one that does not exist or
            cuts a family.
        """
        if self._common is None:
            raise InputError(self.folder, "would be a dataset without configurations")
        rows = None if source_of_rows is None else tuple(source_of_rows)
        stages = self._common.stages.model_copy(update={"source": rows})
        if stages.tau_from == "1/e" and self._taus:  # each configuration has its own
            mean = sum(self._taus) / len(self._taus)
            stages = stages.model_copy(update={"tau_alpha": float(f"{mean:.8g}")})
        manifest = manifest_of(
            self.folder / MANIFEST,
            {f.name: getattr(self._common, f.name) for f in fields(Common)}
            | {"stages": stages}
            | {
                "name": self.name,
                "splits": {key: tuple(names) for key, names in (splits or {}).items()},
                "sources": tuple(sources),
                "liquid": _content(liquid),
                "configurations": tuple(self._entries.values()),
            },
        )
        _write(self.folder, manifest)
        return Dataset.open(self.folder)

    def _path(self, name: str) -> Path:
        try:
            plain_name(name)
        except ValueError as error:
            raise InputError(self.folder, f"'{name}' cannot name a file: {error}") from None
        return self.folder / self._finished.get(name, f"{name}.npz")

    def _check_common(self, configuration: Configuration) -> None:
        try:
            mine = common_of(configuration)
            if self._common is None:
                self._common, self._first = mine, configuration.name
            self._common = together(self._common, mine, (self._first, configuration.name))
            if mine.stages.tau_alpha is not None:
                self._taus.append(mine.stages.tau_alpha)
        except ShapeError as error:
            raise InputError(
                self.folder,
                f"mixes state points: {error}",
                "import each state point into a folder of its own and list them together",
            ) from None

    def _register(self, configuration: Configuration, path: Path) -> None:
        size, checksum = path.stat().st_size, sha256_of_file(path)
        kept = self._kept_runs(configuration.name)
        self._entries[configuration.name] = _record(configuration, path.name, size, checksum, kept)

    def keep_runs(
        self, name: str, times: NDArray[np.float64], displacements: NDArray[np.float32]
    ) -> None:
        """Write the runs behind the labels of a configuration.

        To be called before the configuration is added.

        Parameters
        ----------
        times : (T,) of the frames.
        displacements : (R, T, N, d) from its positions, followed across the faces, in sigma.

        Raises
        ------
        InputError : if the disk is full or the folder cannot be written.
        """
        path = self._runs_path(name)
        path.parent.mkdir(exist_ok=True)
        arrays = {
            "format": np.array(RUNS_FORMAT),
            "version": np.array(VERSION),
            "name": np.array(name),
            "times": np.asarray(times, dtype=np.float64),
            "displacements": np.asarray(displacements, dtype=np.float32),
        }
        write_atomically(path, npz_bytes(arrays))

    def keeps_runs(self, name: str) -> bool:
        """Whether the runs of a configuration are there."""
        return self._runs_path(name).is_file()

    def _runs_path(self, name: str) -> Path:
        return self.folder / KEPT_RUNS / f"{name}.npz"

    def _kept_runs(self, name: str) -> KeptRuns | None:
        path = self._runs_path(name)
        if not path.is_file():
            return None
        return KeptRuns(file=path.name, bytes=path.stat().st_size, sha256=sha256_of_file(path))


def _content(liquid: LiquidSettings | None) -> dict[str, Any] | None:
    """Content of the file of a liquid, unless it is built in."""
    if liquid is None or liquid.name in BUILT_IN:
        return None
    return liquid.model_dump(mode="json", exclude_none=True)


def with_root(configuration: Configuration, fingerprint: str | None) -> Configuration:
    """Return a configuration that tells the root of its family, as files do."""
    told = configuration.metadata
    origin = told.origin.model_copy(update={"root": configuration.root})
    return configuration.with_fields(metadata=told.changed(origin=origin, fingerprint=fingerprint))


def _record(
    configuration: Configuration, file: str, size: int, checksum: str, kept: KeptRuns | None
) -> EntryRecord:
    origin = configuration.metadata.origin
    return EntryRecord(
        name=configuration.name,
        file=file,
        bytes=size,
        sha256=checksum,
        root=configuration.root,
        kind=origin.kind,
        parent=origin.parent,
        trajectories=kept,
    )


def _files(folder: Path) -> dict[str, str]:
    """Names of the files of a finished dataset, by configuration; empty if there is none."""
    with suppress(InputError):
        return {e.name: e.file for e in read_manifest(folder / MANIFEST).configurations}
    return {}


def replace_configurations(folder: Path, changed: Iterable[Configuration]) -> Dataset:
    """Replace configurations of a finished dataset by others of the same names and state point.

    The dataset can be read at every moment. New files are written beside the old ones, under
    names of their own; then ``dataset.json`` is replaced, and the old files are deleted.

    Parameters
    ----------
    folder : of the dataset.
    changed : streamed; all are written before the first takes its place.

    Raises
    ------
    InputError : if a name is not in the dataset, the state point differs, or the disk is full;
        the dataset is then as it was.
    """
    settle_replacement(folder)
    manifest = read_manifest(folder / MANIFEST)
    common: Common = Dataset.open(folder)
    records = {record.name: record for record in manifest.configurations}
    equilibrium = dict(manifest.equilibrium)
    for configuration in changed:
        record = records.get(configuration.name)
        if record is None:
            raise InputError(folder, f"holds no configuration '{configuration.name}'")
        try:
            mine = common_of(configuration)
            equilibrium |= mine.equilibrium
            mine = replace(mine, equilibrium=common.equilibrium)
            together(common, mine, ("the dataset", configuration.name))
        except ShapeError as error:
            raise InputError(
                folder, f"has another state point than '{configuration.name}': {error}"
            ) from None
        content = configuration_bytes(with_root(configuration, configuration.metadata.fingerprint))
        checksum = sha256(content)
        file = f"{configuration.name}.{checksum[:_DIGITS]}.npz"
        write_atomically(folder / file, content)
        records[configuration.name] = _record(
            configuration, file, len(content), checksum, record.trajectories
        )
    _write(
        folder,
        manifest.model_copy(
            update={"configurations": tuple(records.values()), "equilibrium": equilibrium}
        ),
    )
    return Dataset.open(folder)


def settle_replacement(folder: Path) -> None:
    """Clear away what a replacement that was interrupted left behind.

    Raises
    ------
    InputError : if the folder is no dataset.
    """
    Dataset.open(folder)
    remove_partials(folder)
    _clear(folder, read_manifest(folder / MANIFEST))
    shutil.rmtree(folder / _BESIDE, ignore_errors=True)


def _write(folder: Path, manifest: Manifest) -> None:
    record = manifest.model_copy(update={"written_by": WRITTEN_BY}).to_json()
    write_json(folder / MANIFEST, record)
    _clear(folder, manifest)


def _clear(folder: Path, manifest: Manifest) -> None:
    """Delete other versions of the files that a dataset names."""
    named = {record.file for record in manifest.configurations}
    for record in manifest.configurations:
        pattern = f"{escape(record.name)}.{'[0-9a-f]' * _DIGITS}.npz"
        for file in (folder / f"{record.name}.npz", *folder.glob(pattern)):
            if file.name not in named:
                file.unlink(missing_ok=True)
