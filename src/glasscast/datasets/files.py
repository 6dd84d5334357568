"""Files that are whole or absent: atomic writes, deterministic npz, safe npz reading."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import InputError
from glasscast.inputs import refuse_irregular

#: What a damaged archive makes the standard library and numpy raise: RuntimeError stands for
#: unknown compression and encryption, MemoryError for a forged array shape.
UNREADABLE_ARCHIVE: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(KeyError, AttributeError, RuntimeError, MemoryError, ValueError, TypeError),
    *(tokenize.TokenError, SyntaxError, OverflowError),  # headers are Python literals
)
_DAMAGED = "copy it again from its source"
_MOST_ARRAYS = 10_000
#: An archive expands at most so many fold, beyond so many bytes.
_GROWTH, _SMALL = 50, 1 << 28
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside the target to write to; flush it to disk, then rename it.

    Readers see the old file or the new one, never half of it.

    Raises
    ------
    InputError : if the disk is full or the folder cannot be written; nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):  # the folder itself may be what is wrong
            partial.unlink(missing_ok=True)
        raise InputError(path, f"cannot be written ({error.strerror or error})") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write some bytes whole or not at all; see :func:`replacing`."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, record: Any) -> None:
    """Write a record as JSON for people to read, whole or not at all.

    Raises
    ------
    InputError : as :func:`write_atomically`.
    """
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())


def remove_partials(folder: Path) -> None:
    """Delete what an earlier, killed run left half-written in a folder."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)


def npz_bytes(arrays: Mapping[str, NDArray[Any]], compress: bool = True) -> bytes:
    """Serialise arrays as npz; equal arrays give equal bytes (numpy's own carries the clock)."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=6 if compress else None) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.compress_type = method
            data = io.BytesIO()
            np.lib.format.write_array(data, np.asarray(array, order="C"), allow_pickle=False)
            archive.writestr(member, data.getvalue())
    return buffer.getvalue()


def read_npz(
    source: Path | bytes,
    required: Iterable[str] = (),
    name: Path | str | None = None,
    only: Collection[str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Read an npz without ever executing what it holds, or taking memory for what it claims.

    Parameters
    ----------
    source : the file, or its bytes (then ``name`` is used in messages).
    required : keys that must be present.
    only : keys to read where they are present; by default all.

    Returns
    -------
    dict of arrays.

    Raises
    ------
    InputError : if the file is missing, truncated, expands beyond reason, holds Python objects, or
        lacks a key.
    """
    path = name or (source if isinstance(source, Path) else "<memory>")
    if isinstance(source, Path):
        refuse_irregular(source)
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as handle:
            if not zipfile.is_zipfile(handle):
                raise InputError(path, "is truncated or not an npz file", _DAMAGED)
            handle.seek(0)
            with zipfile.ZipFile(handle) as archive:
                members = _members(path, archive)
                arrays = {
                    key: _read_member(path, archive, key, member)
                    for key, member in members.items()
                    if only is None or key in only
                }
    except UNREADABLE_ARCHIVE as error:
        raise InputError(path, f"is truncated or not an npz file ({error})", _DAMAGED) from None
    missing = [key for key in required if key not in members]
    if missing:
        held = ", ".join(sorted(members)) or "none"
        raise InputError(path, f"lacks the key '{missing[0]}'", f"it holds {held}")
    return arrays


def _members(path: Path | str, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Arrays of an archive by key.

    Raises
    ------
    InputError : if there are too many, or they expand beyond reason.
    """
    infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    packed = sum(info.compress_size for info in infos)
    if len(infos) > _MOST_ARRAYS or sum(i.file_size for i in infos) > _SMALL + _GROWTH * packed:
        raise InputError(path, "expands beyond reason and is refused", _DAMAGED)
    return {info.filename.removesuffix(".npy"): info for info in infos}


def _read_member(
    path: Path | str, archive: zipfile.ZipFile, key: str, member: zipfile.ZipInfo
) -> NDArray[Any]:
    """Read an array whose header claims no more than the archive holds of it."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = _HEADERS.get(version)
        if read_header is None:
            raise ValueError(f"'{key}' is of the npy version {version}")
        shape, _, dtype = read_header(stream)
        length = stream.tell()
    if dtype.hasobject:
        raise InputError(
            path,
            "holds Python objects, which could run code and are refused",
            "save plain numeric arrays instead",
        )
    if length + math.prod(shape) * max(dtype.itemsize, 1) > member.file_size + 1:
        raise ValueError(f"'{key}' is cut: {shape} of {dtype} in {member.file_size} bytes")
    with archive.open(member) as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, streamed."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
