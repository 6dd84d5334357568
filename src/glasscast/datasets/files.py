"""Files that are whole or absent: atomic writes, deterministic npz, safe npz reading."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import InputError

#: What a damaged archive makes the standard library and numpy raise: RuntimeError stands for
#: unknown compression and encryption, MemoryError for a forged array shape.
UNREADABLE_ARCHIVE: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(KeyError, AttributeError, RuntimeError, MemoryError, ValueError),
)
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
    """Read an npz without ever executing what it holds.

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
    InputError : if the file is missing, truncated, holds Python objects, or lacks a key.
    """
    path = name or (source if isinstance(source, Path) else "<memory>")
    damaged = "copy it again from its source"
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as handle:
            if not zipfile.is_zipfile(handle):
                raise InputError(path, "is truncated or not an npz file", damaged)
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as archive:
                keys = list(archive.files)
                arrays = {key: archive[key] for key in keys if only is None or key in only}
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(path, "does not exist, or is a folder") from None
    except ValueError as error:
        if "Object arrays" in str(error):
            raise InputError(
                path,
                "holds Python objects, which could run code and are refused",
                "save plain numeric arrays instead",
            ) from None
        raise InputError(path, f"is not a readable npz file ({error})", damaged) from None
    except UNREADABLE_ARCHIVE as error:
        raise InputError(path, f"is truncated or not an npz file ({error})", damaged) from None
    missing = [key for key in required if key not in keys]
    if missing:
        raise InputError(
            path, f"lacks the key '{missing[0]}'", f"it holds {', '.join(sorted(keys)) or 'none'}"
        )
    return arrays


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, streamed."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
