"""From where published files lie into a folder: one way for each layout."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from glasscast.datasets.archives import packed_extent, tar_members, unpacked, zip_members
from glasscast.datasets.bucket import list_bucket
from glasscast.datasets.catalogue import Entry, PublishedFile, in_bytes
from glasscast.datasets.members import is_hidden, literal, matches, may_match_below
from glasscast.datasets.remote import Patience
from glasscast.datasets.sources import LocalFile, SourceFile, buffered, is_address, open_source
from glasscast.datasets.store import LARGEST, Expected, Store, md5_of_file
from glasscast.errors import InputError, SettingsError
from glasscast.progress import Progress, task

log = logging.getLogger("glasscast")

_PACKED = (".tar.gz", ".tar.xz")  # archives within an archive
_BLOCK = 1 << 20


class Delivery:
    """Brings the files of one entry that are asked for.

    Parameters
    ----------
    entry : what is published.
    store : folder to bring them into.
    patterns : of the files asked for.
    source : of the files, in place of the published address: a mirror, a folder or an archive.
    patience : with servers.
    """

    def __init__(
        self,
        entry: Entry,
        store: Store,
        patterns: Sequence[str],
        source: str | Path | None,
        patience: Patience | None,
        progress: Progress,
    ) -> None:
        self.entry, self.store, self.patterns, self.source = entry, store, patterns, source
        self._patience, self._progress = patience, progress

    def bring(self) -> list[str]:
        """Bring the files; return the names of those asked for, also of those already here.

        Raises
        ------
        InputError, SettingsError : as :func:`glasscast.workflows.fetch.fetch`.
        """
        ways = {"files": self._files, "bucket": self._bucket, "zip": self._zip, "tar": self._tar}
        return ways[self.entry.layout]()

    def _files(self) -> list[str]:
        chosen = [file for file in self.entry.files if matches(file.path, self.patterns)]
        return self._bring_named({f.path: Expected(f.size, f.sha256) for f in chosen})

    def _bucket(self) -> list[str]:
        """Files that a bucket lists, or a folder holds, or a mirror is asked for by name."""
        if self.source is None:
            listing = str(self.entry.listing)
            return self._bring_named(
                list_bucket(listing, self.entry.root, self.patterns, self._patience)
            )
        if not is_address(self.source):
            folder = Path(self.source)
            found = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
            names = [n for n in found if matches(n, self.patterns) and not is_hidden(n)]
        elif all(map(literal, self.patterns)):
            names = list(self.patterns)
        else:
            raise SettingsError(
                "a mirror of this collection cannot be listed; give every file by its path",
                "members",
            )
        return self._bring_named(dict.fromkeys(names, Expected()))

    def _zip(self) -> list[str]:
        """Members of a zip, each by its own range; archives among them are unpacked."""
        names: list[str] = []
        with self._archive() as archive:
            if not archive.ranged:
                raise _other(archive, "is on a server that ignores ranges: no member can be taken")
            with buffered(archive) as stream:
                table = zip_members(stream, archive.address, self.entry.root)
            for name, info in table.items():
                folder = unpacked_name(name)
                if folder is None and matches(name, self.patterns):
                    names += self._member(archive, name, info)
                elif folder is not None and may_match_below(folder, self.patterns):
                    names += self._inner_archive(archive, name, info, folder)
        return names

    def _tar(self) -> list[str]:
        """Members of a tar, picked out while it passes by."""
        names: list[str] = []
        wanted = set(self.patterns) if all(map(literal, self.patterns)) else None
        with (
            self._archive() as archive,
            buffered(archive) as stream,
            task(self._progress, Path(archive.address).name, archive.size),
        ):
            passed = 0
            for name, size, content in tar_members(stream, archive.address):
                if matches(name, self.patterns):
                    names.append(name)
                    self._unpack(name, size, content, archive.address)
                self._progress.advance(steps=archive.tell() - passed)
                passed = archive.tell()
                if wanted is not None and wanted <= set(names):
                    break
        return names

    def _bring_named(self, wanted: dict[str, Expected]) -> list[str]:
        """Bring files by name, those that are not here yet."""
        missing = {n: e for n, e in wanted.items() if not self.store.has(n, e)}
        if len(missing) < len(wanted):
            log.info("%d of %d files are here already", len(wanted) - len(missing), len(wanted))
        self.store.require_room(sum(e.size or 0 for e in missing.values()))
        with task(self._progress, "files", len(missing)):
            for name, expected in missing.items():
                with open_source(self._whereabouts(name), self._patience) as source:
                    self._take(source, name, expected)
                self._progress.advance()
        return list(wanted)

    def _take(self, source: SourceFile, name: str, expected: Expected) -> None:
        """Bring a whole file."""
        if expected.size is not None and source.size not in (None, expected.size):
            raise _other(source, f"has {source.size} bytes, {expected.size} are published")
        size = expected.size if source.size is None else source.size
        if expected.size is None and (size or 0) > LARGEST:
            raise _other(source, f"has {in_bytes(size or 0)}, more than any file of its kind")
        self.store.require_room(size or 0)
        with task(self._progress, name, size):
            part = self.store.collect(
                name, source, (0, size), sure=expected.sure, progress=self._progress
            )
        self.store.place(part, name, expected)

    def _member(self, archive: SourceFile, name: str, info: zipfile.ZipInfo) -> list[str]:
        """Bring a member of a zip as a file."""
        if not self.store.has(name):
            part = self._packed(archive, name, info)
            with part.open("rb") as packed:
                content = unpacked(packed, info, archive.address)
                self._unpack(name, info.file_size, content, archive.address)
            self.store.discard(part)
        return [name]

    def _inner_archive(
        self, archive: SourceFile, name: str, info: zipfile.ZipInfo, folder: str
    ) -> list[str]:
        """Bring files of an archive within a zip: it is taken whole, checked, then read."""
        if self.store.finished(name, self.patterns):
            return [n for n in self.store.names(self.patterns) if n.startswith(f"{folder}/")]
        log.info("%s, %s, is fetched whole and read", name, in_bytes(info.compress_size))
        part, names = self._packed(archive, name, info), []
        with part.open("rb") as packed:
            content = unpacked(packed, info, archive.address)
            for inner, size, stream in tar_members(content, f"{archive.address}, {name}"):
                path = str(PurePosixPath(name).parent / inner)
                if matches(path, self.patterns):
                    names.append(path)
                    self._unpack(path, size, stream, archive.address)
        self.store.discard(part)
        self.store.finish(name, self.patterns)
        return names

    def _packed(self, archive: SourceFile, name: str, info: zipfile.ZipInfo) -> Path:
        """Bring the compressed bytes of a zip's member, checked against its CRC-32."""
        known = self.entry.file_by_path.get(name, PublishedFile(path=name))
        if known.size not in (None, info.file_size):
            raise _other(
                archive, f"gives {name} {info.file_size} bytes, published are {known.size}"
            )
        if known.crc32 is not None and int(known.crc32, 16) != info.CRC:
            raise _other(
                archive, f"gives {name} the CRC-32 {info.CRC:08x}, published is {known.crc32}"
            )
        extent = packed_extent(archive, info)
        self.store.require_room(extent[1])
        with task(self._progress, name, extent[1]):
            part = self.store.collect(
                f"{name}.packed", archive, extent, sure=True, progress=self._progress
            )
        try:
            with part.open("rb") as packed:
                content = unpacked(packed, info, f"{archive.address}, {name}")
                while content.read(_BLOCK):
                    pass
        except InputError:
            self.store.discard(part)
            raise
        return part

    def _unpack(self, name: str, size: int, content: io.BufferedReader, archive: str) -> None:
        """Bring a member of an archive into its place, unless it is here."""
        if self.store.has(name):
            return
        if size > LARGEST:
            raise InputError(archive, f"holds {name} of {in_bytes(size)}, which is refused")
        self.store.require_room(size)
        self.store.place(self.store.write(name, content), name, Expected(size))

    def _archive(self) -> SourceFile:
        """Open the archive and compare it with what is published."""
        published = self.entry.address
        where = str(self.source or published)
        file_name = PurePosixPath(urlsplit(published).path).name
        if is_address(where):
            where += file_name if where.endswith("/") else ""
        elif Path(where).is_dir():
            where = str(Path(where) / file_name)
        archive = open_source(where, self._patience)
        if not self.entry.about and archive.size not in (None, self.entry.size):
            raise _other(archive, f"has {archive.size} bytes, {self.entry.size} are published")
        if isinstance(archive, LocalFile) and self.entry.md5 is not None:
            log.info("the MD5 of %s is compared", archive.address)
            if (found := md5_of_file(Path(archive.address))) != self.entry.md5:
                raise _other(archive, f"has the MD5 {found}, {self.entry.md5} is published")
        return archive

    def _whereabouts(self, name: str) -> str | Path:
        """Address or path of a file."""
        if self.source is None:
            return _joined(self.entry.address, str(PurePosixPath(self.entry.root) / name))
        if is_address(self.source):
            return _joined(str(self.source), name)
        path = Path(self.source)
        return path if path.is_file() else path / name


def _joined(address: str, path: str) -> str:
    return f"{address.rstrip('/')}/{quote(path)}"


def unpacked_name(name: str) -> str | None:
    """Folder that holds the files of an archive within an archive; None if it is none."""
    suffix = next((s for s in _PACKED if name.endswith(s)), None)
    return name.removesuffix(suffix) if suffix else None


def _other(source: SourceFile, problem: str) -> InputError:
    """Error for a source that is not what is published; closes it."""
    source.close()
    return InputError(source.address, problem, "give the published file, or a mirror", "source")
