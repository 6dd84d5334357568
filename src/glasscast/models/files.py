"""A saved model: ``weights.safetensors`` beside ``model.json``, which is written last.

A model is meant by its folder, by that of its training, or by name if it is ready: trained and
part of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from glasscast.datasets.files import sha256, write_atomically, write_json
from glasscast.datasets.manifest import WRITTEN_BY, check_header
from glasscast.datasets.metadata import Equilibrium, species_names
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.state_points import StatePoint
from glasscast.errors import InputError
from glasscast.inputs import read_bytes, read_json
from glasscast.liquid.definition import MOST_SPECIES
from glasscast.models.record import check_record

FORMAT: Final = "glasscast model"
FORMAT_VERSION: Final = 2
RECORD, WEIGHTS, CARD = "model.json", "weights.safetensors", "card.md"
#: Bytes of the longest files that are read of a model.
LONGEST_WEIGHTS, LONGEST_OTHER = 1 << 31, 20_000_000
#: Key of the checksums of further files that a forecast reads.
_FILES = "files_sha256"
#: Folder of the model within that of its training.
MODEL = "model"


def write_model(
    folder: Path,
    record: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]],
    others: Mapping[str, bytes] | None = None,
) -> None:
    """Write a model so that a reader finds it whole or not at all.

    Parameters
    ----------
    folder : created when absent.
    record : JSON values: settings, species, times, statistics, provenance.
    weights : named arrays.
    others : content of further files that a forecast reads, by name.
    """
    others = others or {}
    for name, text in others.items():
        write_atomically(folder / name, text)
    content = save({key: np.asarray(value, order="C") for key, value in weights.items()})
    write_atomically(folder / WEIGHTS, content)
    header = {"format": FORMAT, "version": FORMAT_VERSION, "written_by": WRITTEN_BY}
    sums = {"weights_sha256": sha256(content)}
    files = {_FILES: {name: sha256(text) for name, text in others.items()}} if others else {}
    write_json(folder / RECORD, {**header, **record, **sums, **files})


def read_record(folder: Path) -> dict[str, Any]:
    """Read ``model.json``, of version 1 as what it would be today.

    Raises
    ------
    InputError : if the folder holds no model, or one of a newer format.
    """
    path = folder / RECORD
    if not path.is_file():
        raise InputError(folder, f"holds no model ({RECORD} is missing)", "train one first")
    record = read_json(path)
    check_header(path, record, FORMAT, FORMAT_VERSION)
    try:
        found = upgraded(record) if record["version"] == 1 else dict(record)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(path, f"is not a model record ({error!r:.200})") from None
    check_record(path, found)
    return found


def upgraded(record: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a record of version 1 into one of version 2; KeyError or TypeError if it cannot be.

    Species were numbers, and all rows times. How the equilibrium positions were made that it reads
    was not told.
    """
    found = {key: value for key, value in record.items() if key != "times"}
    points = record.get("state_points", ())
    liquid = points[0].get("liquid") if points else None
    times = [float(time) for time in record["times"]]
    count = max(map(int, record["species"])) + 1
    if not 1 <= count <= MOST_SPECIES:
        raise ValueError(f"'species' names one up to {count - 1}")
    spans = [[time, time] for time in times]
    return found | {
        "version": FORMAT_VERSION,
        "species": list(species_names(count, liquid)),
        "stages": {"by": "time", "values": times},
        "state_points": [dict(point) | {"times": spans} for point in points],
        "reads": {},
    }


def read_others(folder: Path, record: Mapping[str, Any]) -> dict[str, bytes]:
    """Read the further files that belong to a record, by name.

    Raises
    ------
    InputError : if one is missing, or not that of the record.
    """
    found, told = {}, record.get(_FILES, {})
    if not isinstance(told, Mapping) or any(Path(name).name != name for name in told):
        raise InputError(folder / RECORD, f"garbles the key '{_FILES}'")
    for name, checksum in told.items():
        found[name] = read_bytes(folder / name, LONGEST_OTHER)
        if sha256(found[name]) != checksum:
            raise InputError(folder / name, f"does not belong to {RECORD} beside it")
    return found


def state_points(record: Mapping[str, Any]) -> list[StatePoint]:
    """State points in the record of a model; none in records of old.

    Raises
    ------
    InputError : if they are garbled.
    """
    try:
        return [StatePoint.from_record(point) for point in record.get("state_points", ())]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(RECORD, f"garbles the key 'state_points' ({error!r})") from None


def equilibrium(record: Mapping[str, Any]) -> dict[EquilibriumField, Equilibrium]:
    """How the equilibrium positions were made that a model read in training, as far as known.

    Raises
    ------
    InputError : if the record garbles it.
    """
    try:
        return {key: Equilibrium(**how) for key, how in record.get("reads", {}).items() if how}
    except (AttributeError, ValueError, TypeError) as error:
        raise InputError(RECORD, f"garbles the key 'reads' ({error!r})") from None


def trained_on(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the record of a model says of all that was read; records of old give names.

    Returns
    -------
    ``inputs``, each with its ``use``, ``name`` and ``sha256``, and the hash ``identity``; of
    old ones only ``inputs`` without a checksum.
    """
    told = record.get("trained_on", ())
    if isinstance(told, Mapping) and told:
        return dict(told)
    of_old = {"train": told or record.get("provenance", {}).get("trained_on", ())}
    of_old["validation"] = record.get("provenance", {}).get("validated_on", ())
    inputs = [{"use": use, "name": str(n)} for use, names in of_old.items() for n in names]
    return {"inputs": inputs} if inputs else {}


def read_weights(folder: Path, record: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read the weights that belong to a record.

    Raises
    ------
    InputError : if they are missing, damaged, not finite, or not those of the record.
    """
    path = folder / WEIGHTS
    content = read_bytes(path, LONGEST_WEIGHTS)
    if sha256(content) != record.get("weights_sha256"):
        raise InputError(path, f"does not belong to {RECORD} beside it", "save the model anew")
    try:
        weights = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"is not a safetensors file ({error})") from None
    for key, array in weights.items():
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise InputError(path, f"'{key}' is not finite numbers", "train the model again")
    return dict(weights)


def ready_folder() -> Path:
    """Folder of the ready models of this installation; absent while there are none."""
    return Path(str(files("glasscast.models"))) / "ready"


def ready_models(folder: Path | None = None) -> dict[str, Path]:
    """Folders of the ready models, by name.

    Parameters
    ----------
    folder : that holds them, a folder each; by default that of the installation.
    """
    folder = folder or ready_folder()
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{RECORD}"))}


def model_folder(model: Path | str, folder: Path | None = None) -> Path:
    """Return the folder of a model, given it, that of its training, or a ready model's name.

    What exists on disk wins: NAME is a ready model only where there is no file or folder NAME,
    and ``./NAME`` never is one.

    Parameters
    ----------
    folder : of the ready models, as in :func:`ready_models`.

    Raises
    ------
    InputError : if a bare name is neither there nor a ready model; lists these.
    """
    path = Path(model)
    if path.exists() or str(model) != path.name:
        return inner_folder(path)
    ready = ready_models(folder)
    if str(model) not in ready:
        raise unknown_name(path, folder)
    return ready[str(model)]


def inner_folder(path: Path) -> Path:
    """Return the folder of the model in that of its training; any other path as it is."""
    return path / MODEL if (path / MODEL).is_dir() else path


def unknown_name(path: Path, folder: Path | None = None) -> InputError:
    """Error for a name that stands for nothing."""
    listed = ", ".join(ready_models(folder)) or "none in this installation"
    return InputError(path, "is neither a file or folder nor a ready model", f"ready: {listed}")
