"""One configuration as an npz file that says all of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import ADDED, FIELDS
from glasscast.datasets.files import npz_bytes, read_npz, sha256
from glasscast.datasets.manifest import check_header
from glasscast.datasets.metadata import Metadata
from glasscast.datasets.records import VERSION
from glasscast.errors import InputError, ShapeError
from glasscast.inputs import read_bytes, reading

FORMAT: Final = "glasscast configuration"
#: Of one configuration: a million particles with all labels at ten times take 3 GB.
MOST_BYTES = 1 << 35
_TEXTS = ("format", "version", "name", "metadata")


def configuration_bytes(configuration: Configuration) -> bytes:
    """Serialise a configuration; equal configurations give equal bytes."""
    told = {
        "species": list(configuration.species_names),
        "state_point": configuration.state_point.record(),
    }
    metadata = json.dumps(configuration.metadata.to_json() | told, sort_keys=True)
    texts = {"format": FORMAT, "version": VERSION, "name": configuration.name, "metadata": metadata}
    arrays = {**dict(configuration.arrays()), **configuration.added}
    return npz_bytes(arrays | {key: np.array(value) for key, value in texts.items()})


def read_configuration(path: Path, checksum: str | None = None) -> Configuration:
    """Read one configuration file, of this version or of version 1.

    Parameters
    ----------
    path : an npz written by :func:`configuration_bytes`.
    checksum : SHA-256 that its bytes must have.

    Raises
    ------
    InputError : naming file and key, if it is missing, damaged, altered, of a newer version, or
        breaks the contract.
    """
    content = read_bytes(path, MOST_BYTES)
    if checksum is not None and sha256(content) != checksum:
        raise InputError(
            path,
            "differs from the checksum in dataset.json",
            "it was altered or damaged: import or simulate it again",
        )
    with reading(path):
        return _configuration(path, content)


def _configuration(path: Path, content: bytes) -> Configuration:
    header = read_npz(content, only=("format", "version"), name=path)
    if header:
        check_header(path, {k: v.item() for k, v in header.items() if v.ndim == 0}, FORMAT, VERSION)
    arrays = read_npz(content, ("positions", "types", "box", "name", "metadata"), name=path)
    texts = {key: arrays.pop(key) for key in _TEXTS if key in arrays}
    added = {key: arrays.pop(key) for key in list(arrays) if key.startswith(ADDED)}
    unknown = arrays.keys() - FIELDS.keys()
    if unknown:
        raise InputError(path, f"holds the unknown key '{min(unknown)}'")
    try:
        metadata = json.loads(str(texts["metadata"]))
        if not isinstance(metadata, dict):
            raise ShapeError("'metadata' must be a JSON object")
        if not header:
            arrays |= _runs(metadata.pop("trajectories", None), arrays)
            metadata = Metadata.of(metadata, tuple(arrays.get("times", ())))
        else:
            metadata = Metadata.checked(metadata)
        return Configuration(name=str(texts["name"]), metadata=metadata, added=added, **arrays)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(path, f"'metadata' is not JSON ({error})") from None
    except ShapeError as error:
        raise InputError(path, str(error)) from None


def _runs(trajectories: Any, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.int32]]:
    """Version 1 kept one number of trajectories for all rows."""
    if not isinstance(trajectories, int) or "times" not in arrays:
        return {}
    return {"runs": np.full(arrays["times"].shape, trajectories, dtype=np.int32)}
