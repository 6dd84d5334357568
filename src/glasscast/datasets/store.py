"""A folder that fetched files lie in: whole and checked, or not there.

``SHA256SUMS`` lists every file that took its place, in the form ``sha256sum -c`` reads;
``fetched.json`` says what the folder holds, whose it is, and what was fetched to the end. A file on
its way is hidden beside its target, with a note of which bytes of what it holds, so that another
call goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from glasscast.datasets.catalogue import in_bytes
from glasscast.datasets.files import UNREADABLE_ARCHIVE, sha256_of_file, write_json
from glasscast.datasets.locks import locked
from glasscast.datasets.members import matches, safe_name
from glasscast.datasets.sources import SourceFile
from glasscast.errors import InputError
from glasscast.progress import Progress

SUMS, RECORD = "SHA256SUMS", "fetched.json"
#: Bytes that a file may have whose size is not published.
LARGEST = 10**9
_BLOCK = 1 << 20
_ZIPS = (".npz", ".pt", ".pth")  # archives of their own, with a CRC-32 for everything in them
_EXPANDED = 1 << 32  # bytes that one of these may expand to
_SPARE = 1 << 26  # bytes of disk that are left free


@dataclass(frozen=True)
class Expected:
    """What a file must be; None where it is not known.

    Parameters
    ----------
    size : in bytes.
    sha256, md5 : hexadecimal.
    """

    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def sure(self) -> bool:
        """Whether a wrong file is always noticed."""
        return self.sha256 is not None or self.md5 is not None


class Store:
    """The folder, held by one process at a time; see :func:`open_store`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sums = dict(_read_sums(folder / SUMS))
        self._record = _read_json(folder / RECORD)
        finished = self._record.get("finished")
        self._finished = list(finished) if isinstance(finished, list) else []

    def describe(self, record: dict[str, Any]) -> None:
        """Say in the folder what it holds and whose it is."""
        self._record |= record
        write_json(self.folder / RECORD, self._record)

    def path(self, name: str) -> Path:
        """Path of a file.

        Raises
        ------
        InputError : if it would lie elsewhere, or in place of what the folder says of itself.
        """
        path = self.folder / safe_name(name, str(self.folder))
        if not path.resolve().is_relative_to(self.folder.resolve()) or name in (SUMS, RECORD):
            raise InputError(path, "cannot hold a fetched file")
        return path

    def has(self, name: str, expected: Expected | None = None) -> bool:
        """Whether a file is here, unchanged since it was checked and as it is published."""
        path, published = self.path(name), (expected or Expected()).sha256
        known = published or self._sums.get(name)
        if known is None or not path.is_file() or path.is_symlink():
            return False
        if sha256_of_file(path) != known:
            return False
        self._list(name, known)
        return True

    def names(self, patterns: Sequence[str]) -> list[str]:
        """Files that took their place here and match any of the patterns, in order."""
        return [name for name in self._sums if matches(name, patterns)]

    def finished(self, unit: str, patterns: Sequence[str]) -> bool:
        """Whether all files of a unit that match were fetched, and are here unchanged."""
        return _task(unit, patterns) in self._finished and all(
            self.has(name) for name in self.names(patterns)
        )

    def finish(self, unit: str, patterns: Sequence[str]) -> None:
        """Remember that all files of a unit that match were fetched."""
        if (done := _task(unit, patterns)) not in self._finished:
            self._finished.append(done)
        self.describe({"finished": self._finished})

    def require_room(self, needed: int) -> None:
        """Make sure that so many bytes fit on the disk.

        Raises
        ------
        InputError : if they do not.
        """
        free = shutil.disk_usage(self.folder).free
        if needed + _SPARE > free:
            raise InputError(
                self.folder,
                f"lies on a disk with {in_bytes(free)} free, {in_bytes(needed)} are needed",
                "make room, choose fewer members or another folder",
                "out",
            )

    def collect(
        self,
        name: str,
        source: SourceFile,
        extent: tuple[int, int | None],
        sure: bool,
        progress: Progress,
    ) -> Path:
        """Copy some bytes of a source into an unfinished file, going on where a call ended before.

        Parameters
        ----------
        extent : first byte, and how many; None: to the end.
        sure : whether a checksum tells if what is here already belongs to another version.

        Returns
        -------
        The unfinished file, whole; :meth:`place` gives it its name.
        """
        part = self._part(name)
        start, length = extent
        what = {"from": source.identity, "bytes": [start, length], "of": source.size}
        known = (bool(source.identity) or sure) and source.ranged
        begun = known and _read_json(_note(part)) == what
        have = part.stat().st_size if begun and part.is_file() else 0
        if length is not None and have > length:
            have = 0
        with _writing(part), part.open("r+b" if have else "wb") as target:
            if not have:
                write_json(_note(part), what)
            target.seek(have)
            progress.advance(steps=have)
            source.seek(start + have)
            left = None if length is None else length - have
            _copy(source, target, left, progress)
        return part

    def write(self, name: str, content: IO[bytes]) -> Path:
        """Write some content into an unfinished file; :meth:`place` gives it its name."""
        part = self._part(name)
        try:
            with _writing(part), part.open("wb") as target:
                shutil.copyfileobj(content, target, _BLOCK)
        except BaseException:
            self.discard(part)
            raise
        return part

    def place(self, part: Path, name: str, expected: Expected) -> Path:
        """Check an unfinished file and give it its name.

        Raises
        ------
        InputError : if it is not what it must be; it is removed then.
        """
        path = self.path(name)
        try:
            found = _check(part, path, expected)
        except InputError:
            self.discard(part)
            raise
        with _writing(path):
            with part.open("rb") as written:
                os.fsync(written.fileno())
            os.replace(part, path)
        self.discard(part)
        self._list(name, found)
        return path

    def discard(self, part: Path) -> None:
        """Remove an unfinished file."""
        for path in (part, _note(part)):
            path.unlink(missing_ok=True)

    def _part(self, name: str) -> Path:
        path = self.path(name)
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".{path.name}.part")

    def _list(self, name: str, checksum: str) -> None:
        if self._sums.get(name) != checksum:
            self._sums[name] = checksum
            with (self.folder / SUMS).open("a", encoding="utf-8") as stream:
                stream.write(f"{checksum}  {name}\n")


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Hold a folder for fetched files; it is created when absent.

    Raises
    ------
    InputError : if it cannot be written, or another process holds it.
    """
    with locked(folder, "fetch"):
        yield Store(folder)


def _check(part: Path, path: Path, expected: Expected) -> str:
    """Compare a file with what it must be; return its SHA-256."""
    again = "fetch it again, or from another source"
    size = part.stat().st_size
    if expected.size is not None and size != expected.size:
        raise InputError(path, f"has {size} bytes, {expected.size} are published", again, "source")
    found = sha256_of_file(part)
    if expected.sha256 is not None and found != expected.sha256:
        raise InputError(
            path, f"has the SHA-256 {found}, {expected.sha256} is published", again, "source"
        )
    if expected.md5 is not None and (got := md5_of_file(part)) != expected.md5:
        raise InputError(path, f"has the MD5 {got}, {expected.md5} is published", again, "source")
    if path.suffix in _ZIPS:
        try:
            with zipfile.ZipFile(part) as archive:
                total = sum(info.file_size for info in archive.infolist())
                broken = "expands beyond reason" if total > _EXPANDED else archive.testzip()
        except UNREADABLE_ARCHIVE as error:
            broken = str(error)
        if broken is not None:
            raise InputError(path, f"is damaged ({broken})", again, "source")
    return found


def md5_of_file(path: Path) -> str:
    """Hexadecimal MD5 of a file, streamed; against accidents, not against forgery."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _copy(source: SourceFile, target: IO[bytes], length: int | None, progress: Progress) -> None:
    """Copy so many bytes; None: to the end, which must come before ``LARGEST``."""
    left = LARGEST if length is None else length
    while left > 0:
        block = source.read(min(_BLOCK, left))
        if not block:
            break
        target.write(block)
        progress.advance(steps=len(block))
        left -= len(block)
    if left > 0 and length is not None:
        raise InputError(source.address, f"ends {left} bytes early", "", "source")
    if left == 0 and length is None:
        raise InputError(source.address, "is longer than any file of its kind", "", "source")


def _task(unit: str, patterns: Sequence[str]) -> str:
    return f"{unit}: {' '.join(sorted(patterns))}"


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_json(path: Path) -> dict[str, Any]:
    """Content of a record; empty if there is none, or none that can be read."""
    with suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return record
    return {}


def _read_sums(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of name and checksum, the last of a name last."""
    with suppress(OSError, UnicodeDecodeError):
        for line in path.read_text(encoding="utf-8").splitlines():
            checksum, _, name = line.partition("  ")
            if name:
                yield name, checksum


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            path, f"cannot be written ({error.strerror or error})", "", "out"
        ) from None
