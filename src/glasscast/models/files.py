"""A saved model: ``weights.safetensors`` beside ``model.json``, which is written last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from glasscast.datasets.files import sha256, write_atomically, write_json
from glasscast.errors import InputError
from glasscast.runtime import __version__

FORMAT_VERSION = 1
RECORD, WEIGHTS = "model.json", "weights.safetensors"


def write_model(
    folder: Path, record: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
) -> None:
    """Write a model so that a reader finds it whole or not at all.

    Parameters
    ----------
    folder : created when absent.
    record : JSON values: hyperparameters, species, times, statistics, provenance.
    weights : named arrays.
    """
    content = save({key: np.ascontiguousarray(value) for key, value in weights.items()})
    write_atomically(folder / WEIGHTS, content)
    header = {"format": "glasscast model", "version": FORMAT_VERSION, "written_by": __version__}
    write_json(folder / RECORD, {**header, **record, "weights_sha256": sha256(content)})


def read_record(folder: Path) -> dict[str, Any]:
    """Read ``model.json``.

    Raises
    ------
    InputError : if the folder holds no model, or one of a newer format.
    """
    path = folder / RECORD
    if not path.is_file():
        raise InputError(folder, f"holds no model ({RECORD} is missing)", "train one first")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != "glasscast model":
            raise InputError(path, f"has the format '{record['format']}'")
        if record["version"] > FORMAT_VERSION:
            raise InputError(path, f"has version {record['version']}", "upgrade glasscast")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is not a model record ({error!r})") from None
    return dict(record)


def read_weights(folder: Path, record: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read the weights that belong to a record.

    Raises
    ------
    InputError : if they are missing, damaged, or not those of the record.
    """
    path = folder / WEIGHTS
    try:
        content = path.read_bytes()
        if sha256(content) != record.get("weights_sha256"):
            raise InputError(path, f"does not belong to {RECORD} beside it", "save the model anew")
        return dict(load(content))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    except SafetensorError as error:
        raise InputError(path, f"is not a safetensors file ({error})") from None
