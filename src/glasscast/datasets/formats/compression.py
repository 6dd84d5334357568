"""Content of files that may be compressed: told by their first bytes, never by their names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from glasscast.errors import InputError

_LONGEST_LINE = 1 << 20  # bytes without a line break that still may be text
_LONGEST_MAGIC = 6


def _open_zstandard(stream: IO[bytes]) -> IO[bytes]:
    try:
        from compression import zstd
    except ImportError:  # before Python 3.14
        from backports import zstd
    return cast(IO[bytes], zstd.ZstdFile(stream))


def _open_gzip(stream: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream))


#: First bytes -> name, and what opens it; None: an archive of files.
_COMPRESSIONS: dict[bytes, tuple[str, Callable[[IO[bytes]], IO[bytes]] | None]] = {
    b"\x1f\x8b": ("gzip", _open_gzip),
    b"\x28\xb5\x2f\xfd": ("zstandard", _open_zstandard),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\0": ("xz", lzma.LZMAFile),
    b"7z\xbc\xaf": ("7z", None),
    b"Rar!": ("rar", None),
}


def compression_of(first: bytes) -> str:
    """Name of the compression that first bytes tell; '' if there is none."""
    return next((name for magic, (name, _) in _COMPRESSIONS.items() if first.startswith(magic)), "")


def open_content(path: Path) -> IO[bytes]:
    """Open a file for reading once, from its beginning to its end, decompressed.

    Reading raises InputError where the file is damaged, cut off, or holds a line without end.

    Raises
    ------
    InputError : if it cannot be opened, or is an archive.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    first = stream.peek(_LONGEST_MAGIC)
    name = compression_of(first)
    opener = next((o for magic, (_, o) in _COMPRESSIONS.items() if first.startswith(magic)), None)
    if name and opener is None:
        stream.close()
        raise InputError(path, f"is a {name} archive", "unpack it")
    try:
        content = stream if opener is None else opener(stream)
    except ImportError:
        stream.close()
        raise InputError(
            path,
            "is compressed by zstandard, which needs the package backports.zstd",
            "pip install 'glasscast[formats]', or unpack it: zstd -d",
        ) from None
    return io.BufferedReader(_Content(path, name, content, stream), 1 << 16)


def refuse_compressed(path: Path) -> None:
    """Refuse a file of a binary format that is compressed: its library reads it in place.

    Raises
    ------
    InputError : naming the command that unpacks it.
    """
    try:
        with path.open("rb") as stream:
            name = compression_of(stream.read(_LONGEST_MAGIC))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    command = {"gzip": "gunzip", "zstandard": "zstd -d", "bzip2": "bunzip2", "xz": "unxz"}
    if name:
        raise InputError(
            path,
            f"is compressed ({name}); only text files are read so",
            f"unpack it: {command.get(name, name)} {path.name}",
        )


class _Content(io.RawIOBase):
    """Content of a file; whatever breaks it is said in one line."""

    def __init__(self, path: Path, compression: str, content: IO[bytes], file: IO[bytes]) -> None:
        super().__init__()
        self._path, self._compression = path, compression
        self._content, self._file = content, file
        self._line = 0  # bytes since the last line break

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._content.read(len(buffer))
        except EOFError:
            raise InputError(
                self._path,
                f"is cut off: its {self._compression} stream has no end",
                "copy it again, or let the run finish",
            ) from None
        except (OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise self._broken(error) from None
        except Exception as error:
            if type(error).__name__ != "ZstdError":  # of whichever module there is
                raise
            raise self._broken(error) from None
        buffer[: len(data)] = data
        found = data.rfind(b"\n")
        self._line = self._line + len(data) if found < 0 else len(data) - found
        if self._line > _LONGEST_LINE:
            raise InputError(self._path, f"has a line of more than {_LONGEST_LINE} bytes")
        return len(data)

    def _broken(self, error: Exception) -> InputError:
        what = f"cannot be decompressed ({self._compression}: {error})"
        return InputError(self._path, what if self._compression else f"cannot be read ({error})")

    def close(self) -> None:
        if not self.closed:
            self._content.close()
            self._file.close()
        super().close()
