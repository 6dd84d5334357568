"""Archives from outside, read member by member; only regular files are given out.

A zip tells at its end where each member lies, so that one member can be read alone. A tar is a
chain of headers: those of a plain one are read by jumping from one to the next, those of a
compressed one only by reading everything before them. What an archive claims is bounded before
memory is taken for it; whoever writes the members checks their sizes.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, cast

from glasscast.datasets.members import is_hidden, safe_name
from glasscast.datasets.sources import SourceFile, read_exactly
from glasscast.errors import InputError

_LONGEST = 1 << 26  # bytes of a table or header that is believed
_GROWTH, _SMALL = 50, 1 << 30  # an archive expands at most so many fold, beyond so many bytes
_BLOCK = 1 << 20
_LOCAL = struct.Struct("<4s22xHH")  # a zip's header before a member: signature, two lengths
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile),
    *(EOFError, struct.error, NotImplementedError, OverflowError, RecursionError, ValueError),
)
_DAMAGED = "fetch it again, or from another source"


def zip_members(stream: io.BufferedReader, archive: str, root: str) -> dict[str, zipfile.ZipInfo]:
    """Read the table of a zip: path -> what the table says of this file.

    Parameters
    ----------
    archive : its name, for messages.
    root : folder in it from which on paths count; what lies elsewhere is left out.

    Raises
    ------
    InputError : if it is no zip, or a name is unsafe.
    """
    bounded = cast(IO[bytes], _Bounded(stream))
    with _readable(archive), zipfile.ZipFile(bounded) as table:
        infos = table.infolist()
    names = {safe_name(info.filename, archive): info for info in infos if not info.is_dir()}
    start = f"{root}/" if root else ""
    return {
        name.removeprefix(start): info
        for name, info in names.items()
        if name.startswith(start) and not is_hidden(name)
    }


def packed_extent(source: SourceFile, info: zipfile.ZipInfo) -> tuple[int, int]:
    """Where a member's compressed bytes begin in the zip, and how many they are.

    Raises
    ------
    InputError : if the member is a link, encrypted, compressed in an unusual way, or not where
        the table says.
    """
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise _irregular(source.address, info.filename)
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            source.address, f"holds '{info.filename}' encrypted or compressed in an unusual way"
        )
    source.seek(info.header_offset)
    header = read_exactly(source, _LOCAL.size)
    if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
        raise InputError(
            source.address, f"has no member where '{info.filename}' should be", _DAMAGED
        )
    _, name, extra = _LOCAL.unpack(header)
    return info.header_offset + _LOCAL.size + name + extra, info.compress_size


def unpacked(packed: IO[bytes], info: zipfile.ZipInfo, archive: str) -> io.BufferedReader:
    """Content of a zip's member, from its compressed bytes.

    Reading raises InputError if they are damaged; at the end the CRC-32 of the table is checked.
    """
    content = zipfile.ZipExtFile(packed, "r", info)
    return io.BufferedReader(_Content(content.read, archive), _BLOCK)


def tar_members(
    stream: io.BufferedReader, archive: str
) -> Iterator[tuple[str, int, io.BufferedReader]]:
    """Walk through a tar, plain, gzip or xz, in one pass.

    Yields
    ------
    (name, bytes, content) of each file. The content is to be read before the next is asked for;
    reading raises InputError if it is damaged, or the member is a link or a device.

    Raises
    ------
    InputError : if it is no tar, is damaged, expands beyond reason, or holds an unsafe name.
    """
    with _readable(archive):
        plain, limit = _decompressed(stream)
        bounded = cast(IO[bytes], _OnePass(plain, jumps=plain is stream))
        with tarfile.open(fileobj=bounded, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would remember them all
                if member.offset_data + member.size > limit():
                    raise InputError(archive, "expands beyond reason and is refused")
                name = safe_name(member.name, archive)
                if not member.isdir() and not is_hidden(name):
                    yield name, member.size, _content(tar, member, archive)
        while block := plain.read(_BLOCK):  # the checksum of gzip and xz stands at their end
            if block.strip(b"\0"):
                raise InputError(archive, "is damaged: data after its end", _DAMAGED)


class _Bounded(io.RawIOBase):
    """A stream of which no parser takes more memory than is sane."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, _LONGEST + 1) if size >= 0 else _LONGEST + 1)
        if len(data) > _LONGEST:
            raise ValueError("it claims a header that is too long")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)


class _OnePass(_Bounded):
    """A stream that never goes back; where it cannot jump, it reads what lies between."""

    def __init__(self, stream: IO[bytes], *, jumps: bool) -> None:
        super().__init__(stream)
        self._jumps = jumps

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        ahead = offset - self.tell()
        if whence != os.SEEK_SET or ahead < 0:
            raise ValueError("its members overlap")
        if self._jumps:
            return super().seek(offset)
        while ahead > 0 and (block := self._stream.read(min(ahead, _BLOCK))):
            ahead -= len(block)
        return self.tell()


class _Content(io.RawIOBase):
    """Content of a member, whose damage is said in one line."""

    def __init__(self, read: Callable[[int], bytes], archive: str) -> None:
        super().__init__()
        self._read, self._archive, self._position = read, archive, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _readable(self._archive):
            data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: str) -> io.BufferedReader:
    regular = member.isreg() and not member.issparse()
    content = tar.extractfile(member) if regular else None

    def read(size: int) -> bytes:
        if content is None:
            raise _irregular(archive, member.name)
        return content.read(size)

    return io.BufferedReader(_Content(read, archive), _BLOCK)


def _decompressed(stream: io.BufferedReader) -> tuple[IO[bytes], Callable[[], float]]:
    """Uncompressed content of a stream, and how long this may be by now."""
    start, magic = stream.tell(), stream.peek(6)

    def limit() -> float:
        return _SMALL + _GROWTH * (stream.tell() - start)

    if magic[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream)), limit
    if magic[:6] == b"\xfd7zXZ\0":
        return cast(IO[bytes], lzma.LZMAFile(stream)), limit
    return stream, lambda: float("inf")


def _irregular(archive: str, name: str) -> InputError:
    return InputError(archive, f"holds '{name}', which is no regular file and is refused")


@contextmanager
def _readable(archive: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise InputError(archive, f"is damaged or no archive ({error})", _DAMAGED) from None
