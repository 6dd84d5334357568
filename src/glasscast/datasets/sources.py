"""Files from outside, read by position wherever they lie: on a web server or on this machine."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from glasscast.datasets.remote import Patience, RemoteFile
from glasscast.errors import InputError, SettingsError


class LocalFile(io.FileIO):
    """A file on this machine, with what is known of a remote one.

    Raises
    ------
    InputError : if it cannot be read.
    """

    ranged = True

    def __init__(self, path: Path) -> None:
        try:
            super().__init__(path, "rb")
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror or error})") from None
        status = os.fstat(self.fileno())
        self.address, self.size = str(path), status.st_size
        self.identity = f"{path.resolve()} of {status.st_mtime_ns}"


SourceFile = LocalFile | RemoteFile


@contextmanager
def buffered(source: SourceFile) -> Iterator[io.BufferedReader]:
    """Read a file in small pieces; it stays open after, somewhere behind what was read."""
    reader = io.BufferedReader(cast(Any, source), 1 << 16)
    try:
        yield reader
    finally:
        reader.detach()


def read_exactly(source: SourceFile, size: int) -> bytes:
    """Read so many bytes, fewer only at the end of the file."""
    data = b""
    while len(data) < size and (block := source.read(size - len(data))):
        data += block
    return data


def is_address(text: str | Path) -> bool:
    """Tell an address from a path.

    Raises
    ------
    SettingsError : for an address of another kind than http and https.
    """
    kind = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", str(text))
    if kind is not None and kind[1].lower() not in ("http", "https"):
        raise SettingsError(f"'{text}' is no https address; give one, a folder or a file", "source")
    return kind is not None


def open_source(where: str | Path, patience: Patience | None = None) -> SourceFile:
    """Open an address or a path for reading by position.

    Raises
    ------
    InputError : if it cannot be read.
    SettingsError : for an address that is neither http nor https.
    """
    return RemoteFile(str(where), patience) if is_address(where) else LocalFile(Path(where))
