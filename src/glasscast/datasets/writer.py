"""Write a dataset configuration by configuration, and change a finished one in place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import configuration_bytes, read_configuration
from glasscast.datasets.dataset import FORMAT_VERSION, MANIFEST, Dataset, Entry
from glasscast.datasets.files import (
    remove_partials,
    sha256,
    sha256_of_file,
    write_atomically,
    write_json,
)
from glasscast.errors import InputError
from glasscast.runtime import __version__

#: Where replacements wait, below the dataset.
_BESIDE = ".amended"
#: Metadata that must agree within a dataset; several state points are joined, not mixed.
SHARED_METADATA = ("liquid", "temperature", "density", "pressure", "tau_alpha")


def shared_by(configuration: Configuration) -> dict[str, Any]:
    """Return what all configurations of a dataset must share."""
    state: dict[str, Any] = {
        "dimension": configuration.dimension,
        "species": list(configuration.species),
        "times": configuration.times.tolist(),
    }
    told = configuration.metadata
    # at constant pressure every box is its own
    free = {"density"} if told.get("pressure") is not None else set()
    return state | {key: told[key] for key in SHARED_METADATA if key in told and key not in free}


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
        self._shared: dict[str, Any] | None = None
        self._shared_from = ""

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
        self._check_shared(configuration)
        content = configuration_bytes(configuration)
        write_atomically(self._path(configuration.name), content)
        self._register(configuration, sha256(content))

    def finish(self, splits: Mapping[str, Sequence[str]] | None = None) -> Dataset:
        """Write ``dataset.json`` and open the dataset.

        Raises
        ------
        InputError : if there is no configuration, or a split names one that does not exist.
        """
        if self._shared is None:
            raise InputError(self.folder, "would be a dataset without configurations")
        for key, names in (splits or {}).items():
            if set(names) - self._entries.keys():
                raise InputError(self.folder, f"split '{key}' names unknown configurations")
        record = {
            "format": "glasscast dataset",
            "version": FORMAT_VERSION,
            "name": self.name,
            "written_by": f"glasscast {__version__}",
            "state": self._shared,
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
        write_json(self.folder / MANIFEST, record)
        return Dataset.open(self.folder)

    def _path(self, name: str) -> Path:
        if not name or Path(name).name != name or name.startswith("."):
            raise InputError(self.folder, f"'{name}' cannot name a file")
        return self.folder / f"{name}.npz"

    def _check_shared(self, configuration: Configuration) -> None:
        state = shared_by(configuration)
        if self._shared is None:
            self._shared, self._shared_from = state, configuration.name
        for key in sorted(self._shared.keys() | state.keys()):
            mine, theirs = self._shared.get(key), state.get(key)
            if mine != theirs:
                raise InputError(
                    self.folder,
                    f"mixes state points: '{key}' is {mine} for {self._shared_from} but {theirs} "
                    f"for {configuration.name}",
                    "import each state point into a folder of its own and list them together",
                )

    def _register(self, configuration: Configuration, checksum: str) -> None:
        self._check_shared(configuration)
        path = self._path(configuration.name)
        self._entries[configuration.name] = Entry(
            configuration.name,
            path,
            checksum,
            path.stat().st_size,
            str(configuration.metadata.get("parent", configuration.name)),
        )


def replace_configurations(folder: Path, changed: Iterable[Configuration]) -> Dataset:
    """Replace configurations of a finished dataset by others of the same names and state point.

    The dataset can be read at every moment. New files are written beside, into a hidden folder.
    Then ``dataset.json`` names a ``successor`` to each file that changes, the files are renamed one
    by one, and ``dataset.json`` is written again. In between a reader takes whichever version lies
    there.

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
    record = _manifest(folder)
    entries = {entry["name"]: entry for entry in record["configurations"]}
    for configuration in changed:
        if configuration.name not in entries:
            raise InputError(folder, f"holds no configuration '{configuration.name}'")
        if shared_by(configuration) != record["state"]:
            raise InputError(folder, f"has another state point than '{configuration.name}'")
        content = configuration_bytes(configuration)
        entry = entries[configuration.name]
        write_atomically(folder / _BESIDE / entry["file"], content)
        entry["successor"] = {"bytes": len(content), "sha256": sha256(content)}
    write_json(folder / MANIFEST, record)
    settle_replacement(folder)
    return Dataset.open(folder)


def settle_replacement(folder: Path) -> None:
    """End a replacement that was interrupted: forward if it was decided, else back.

    Raises
    ------
    InputError : if the folder is no dataset.
    """
    Dataset.open(folder)  # checks that no entry points out of the folder
    remove_partials(folder)
    record = _manifest(folder)
    decided = [entry for entry in record["configurations"] if "successor" in entry]
    for entry in decided:
        successor = entry.pop("successor")
        path, staged = folder / entry["file"], folder / _BESIDE / entry["file"]
        if staged.is_file() and sha256_of_file(staged) == successor["sha256"]:
            os.replace(staged, path)
        if sha256_of_file(path) == successor["sha256"]:
            entry |= successor
    if decided:
        write_json(folder / MANIFEST, record)
    shutil.rmtree(folder / _BESIDE, ignore_errors=True)


def _manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
