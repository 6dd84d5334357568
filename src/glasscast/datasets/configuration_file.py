"""One configuration as an npz file that carries its name and metadata."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from glasscast.datasets.configuration import FIELDS, Configuration
from glasscast.datasets.files import npz_bytes, read_npz, sha256
from glasscast.errors import InputError, ShapeError


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
    path : an npz written by :func:`configuration_bytes`.
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
