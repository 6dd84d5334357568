"""Change configurations of a finished dataset in place; it can be read at every moment.

New files are written beside, into a hidden folder. Then ``dataset.json`` names a ``successor`` to
each file that changes, the files are renamed one by one, and ``dataset.json`` is written again.
In between a reader takes whichever version lies there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import configuration_bytes
from glasscast.datasets.dataset import MANIFEST, Dataset
from glasscast.datasets.files import (
    remove_partials,
    sha256,
    sha256_of_file,
    write_atomically,
    write_json,
)
from glasscast.datasets.writer import state_of
from glasscast.errors import InputError

_STAGE = ".amended"


def amend(folder: Path, changed: Iterable[Configuration]) -> Dataset:
    """Replace configurations by others of the same names and state point.

    Parameters
    ----------
    folder : of the dataset.
    changed : streamed; all are written before the first takes its place.

    Raises
    ------
    InputError : if a name is not in the dataset, the state point differs, or the disk is full;
        the dataset is then as it was.
    """
    settle(folder)
    record = _read(folder)
    entries = {entry["name"]: entry for entry in record["configurations"]}
    for configuration in changed:
        if configuration.name not in entries:
            raise InputError(folder, f"holds no configuration '{configuration.name}'")
        if state_of(configuration) != record["state"]:
            raise InputError(folder, f"has another state point than '{configuration.name}'")
        content = configuration_bytes(configuration)
        entry = entries[configuration.name]
        write_atomically(folder / _STAGE / entry["file"], content)
        entry["successor"] = {"bytes": len(content), "sha256": sha256(content)}
    write_json(folder / MANIFEST, record)
    settle(folder)
    return Dataset.open(folder)


def settle(folder: Path) -> None:
    """End a replacement that was interrupted: forward if it was decided, else back.

    Raises
    ------
    InputError : if the folder is no dataset.
    """
    Dataset.open(folder)  # checks that no entry points out of the folder
    remove_partials(folder)
    record = _read(folder)
    decided = [entry for entry in record["configurations"] if "successor" in entry]
    for entry in decided:
        successor = entry.pop("successor")
        path, staged = folder / entry["file"], folder / _STAGE / entry["file"]
        if staged.is_file() and sha256_of_file(staged) == successor["sha256"]:
            os.replace(staged, path)
        if sha256_of_file(path) == successor["sha256"]:
            entry |= successor
    if decided:
        write_json(folder / MANIFEST, record)
    shutil.rmtree(folder / _STAGE, ignore_errors=True)


def _read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
