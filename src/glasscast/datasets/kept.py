"""Kept results: arrays, a JSON record and the fingerprint of all that decides them, in one file.

A file is kept while its fingerprint is the wanted one, else what is in it is made anew. So work
that was interrupted goes on with the same call, and work whose settings changed does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.files import npz_bytes, read_npz, sha256, write_atomically
from glasscast.errors import InputError


class Kept(NamedTuple):
    """What a file holds: arrays, and a record of how they came about as JSON values."""

    arrays: dict[str, NDArray[Any]]
    record: Any


def fingerprint_of(content: Mapping[str, Any]) -> str:
    """Hash of everything that decides a result, as JSON values."""
    return sha256(json.dumps(content, sort_keys=True).encode())[:32]


def keep(
    path: Path,
    fingerprint: str,
    arrays: Mapping[str, NDArray[Any]],
    record: Mapping[str, Any],
    compress: bool = True,
) -> None:
    """Write a result whole or not at all.

    Parameters
    ----------
    compress : worth its time for what is written once.

    Raises
    ------
    InputError : if the disk is full or the folder cannot be written.
    """
    text = {"record": json.dumps(record), "fingerprint": fingerprint}
    content = {**arrays, **{key: np.array([value]) for key, value in text.items()}}
    write_atomically(path, npz_bytes(content, compress))


def read_kept(path: Path, required: Sequence[str] = ()) -> Kept:
    """Read a result that holds some arrays at least.

    Raises
    ------
    InputError : if the file is absent, damaged, or was not written by :func:`keep`.
    """
    arrays = read_npz(path, required=("record", "fingerprint", *required))
    arrays.pop("fingerprint")
    try:
        record = json.loads(str(arrays.pop("record")[0]))
    except (ValueError, IndexError) as error:
        raise InputError(path, f"garbles the key 'record' ({error})", "delete it") from None
    return Kept(arrays, record)


def is_kept(path: Path, fingerprint: str) -> bool:
    """Whether a result is there, whole, and made from the same settings."""
    return kept_record(path, fingerprint) is not None


def kept_record(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Record of a result that is there, whole, and made from the same settings; else None."""
    if not path.exists():
        return None
    keys = ("fingerprint", "record")
    try:
        found = read_npz(path, required=keys, only=keys)
        same = found["fingerprint"].shape == (1,) and str(found["fingerprint"][0]) == fingerprint
        record = json.loads(str(found["record"][0])) if same else None
    except (InputError, ValueError, IndexError):
        return None  # torn by something else than us: it is made again
    return record if isinstance(record, dict) else None
