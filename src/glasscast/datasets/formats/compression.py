"""Content of files that may be compressed: told by their first bytes, never by their names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Compression:
    """A way to compress a file, told by how it begins.

    Parameters
    ----------
    name : for messages.
    magic : first bytes.
    unpack : command that undoes it.
    open : gives the content of a stream; None for archives of several files.
    """

    name: str
    magic: bytes
    unpack: str
    open: Callable[[IO[bytes]], IO[bytes]] | None = None


_KNOWN = (
    Compression("gzip", b"\x1f\x8b", "gunzip", _open_gzip),
    Compression("zstandard", b"\x28\xb5\x2f\xfd", "zstd -d", _open_zstandard),
    Compression("bzip2", b"BZh", "bunzip2", bz2.BZ2File),
    Compression("xz", b"\xfd7zXZ\0", "unxz", lzma.LZMAFile),
    Compression("7z", b"7z\xbc\xaf", "7z x"),
    Compression("rar", b"Rar!", "unrar x"),
)


def compression_of(first: bytes) -> Compression | None:
    """Tell the compression from first bytes; None if there is none."""
    return next((known for known in _KNOWN if first.startswith(known.magic)), None)


def open_content(path: Path) -> io.BufferedReader:
    """Open a file for reading once, from its beginning to its end, decompressed.

    Reading raises InputError where the file is damaged, cut off, or holds a line without end.

    Raises
    ------
    InputError : if it cannot be opened, or is an archive of files.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    known = compression_of(stream.peek(_LONGEST_MAGIC))
    try:
        content = _opened(path, stream, known)
    except InputError:
        stream.close()
        raise
    return io.BufferedReader(_Content(path, known, content, stream), 1 << 16)


def _opened(path: Path, stream: IO[bytes], known: Compression | None) -> IO[bytes]:
    if known is None:
        return stream
    if known.open is None:
        raise InputError(path, f"is a {known.name} archive", f"{known.unpack} {path.name}")
    try:
        return known.open(stream)
    except ImportError:
        raise InputError(
            path,
            f"is compressed by {known.name}, which needs the package backports.zstd",
            f"pip install 'glasscast[formats]', or unpack it: {known.unpack} {path.name}",
        ) from None


def refuse_compressed(path: Path) -> None:
    """Refuse a file of a binary format that is compressed: its library reads it in place.

    Raises
    ------
    InputError : naming the command that unpacks it.
    """
    try:
        with path.open("rb") as stream:
            known = compression_of(stream.read(_LONGEST_MAGIC))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    if known is not None:
        raise InputError(
            path,
            f"is compressed ({known.name}); only text files are read so",
            f"unpack it: {known.unpack} {path.name}",
        )


class _Content(io.RawIOBase):
    """Content of a file; whatever breaks it is said in one line."""

    def __init__(
        self, path: Path, compression: Compression | None, content: IO[bytes], file: IO[bytes]
    ) -> None:
        super().__init__()
        self._path, self._name = path, compression.name if compression else ""
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
                f"is cut off: its {self._name} stream has no end",
                "copy it again, or let the run finish",
            ) from None
        except Exception as error:  # every library of compression has its own kinds
            what = f"decompressed ({self._name}: " if self._name else "read ("
            raise InputError(self._path, f"cannot be {what}{error})") from None
        buffer[: len(data)] = data
        found = data.rfind(b"\n")
        self._line = self._line + len(data) if found < 0 else len(data) - found
        if self._line > _LONGEST_LINE:
            raise InputError(self._path, f"has a line of more than {_LONGEST_LINE} bytes")
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._content.close()
            self._file.close()
        super().close()
