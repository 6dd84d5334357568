"""Fetch published data and weights: only what is asked for, checked, and resumed when cut."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from glasscast.datasets.catalogue import Entry, catalogue, find_entry, in_bytes
from glasscast.datasets.delivery import Delivery, unpacked_name
from glasscast.datasets.members import ALL
from glasscast.datasets.remote import Patience
from glasscast.datasets.store import open_store
from glasscast.errors import SettingsError
from glasscast.progress import Progress, Silent

log = logging.getLogger("glasscast")

#: Environment variable that names the folder of all fetched collections.
DOWNLOADS = "GLASSCAST_DOWNLOADS"
_MUCH = 2 * 10**9  # bytes that nobody means to fetch without saying so


@dataclass(frozen=True)
class Fetched:
    """What :func:`fetch` brought, or found to be here.

    Parameters
    ----------
    name, entry : what was fetched.
    folder : where it lies.
    files : those that were asked for.
    """

    name: str
    entry: Entry
    folder: Path
    files: tuple[Path, ...]

    @property
    def then(self) -> str:
        """Command that uses the files."""
        if self.entry.then:
            return self.entry.then.format(folder=shlex.quote(str(self.folder)))
        common = Path(os.path.commonpath([file.parent for file in self.files]))
        name = "-".join((self.name, *common.relative_to(self.folder).parts))
        return f"glasscast import {shlex.quote(str(common))} data/{name}"


def downloads() -> Path:
    """Folder of all fetched collections: ``downloads``, or what ``GLASSCAST_DOWNLOADS`` names."""
    return Path(os.environ.get(DOWNLOADS) or "downloads")


def fetch(
    name: str,
    out: Path | None = None,
    *,
    members: Sequence[str] = (),
    source: str | Path | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch a published collection, or some of it.

    What lies in the folder already, unchanged, is kept; a file takes its place when it is whole
    and checked. The same call goes on with what an interrupted one left.

    Parameters
    ----------
    name : in the catalogue.
    out : folder; by default ``name`` within :func:`downloads`.
    members : patterns of paths, see :mod:`glasscast.datasets.members`; empty: everything, where
        that is little.
    source : of the same files: the address of a mirror, a folder, or the archive itself.
    patience : with servers.

    Raises
    ------
    SettingsError : for an unknown name, members that do not exist, or none where everything is
        too much to be meant.
    InputError : naming the file or address, and the mend: no connection, a server that cannot give
        parts, a wrong checksum, no room on the disk, an archive that is damaged or hostile.
    """
    return fetch_entry(
        name,
        find_entry(name),
        out,
        members=members,
        source=source,
        patience=patience,
        progress=progress,
    )


def fetch_entry(
    name: str,
    entry: Entry,
    out: Path | None = None,
    *,
    members: Sequence[str] = (),
    source: str | Path | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch what an entry describes; see :func:`fetch`."""
    patterns = tuple(members) or (ALL,)
    if entry.layout == "zip":  # an archive within stands for the folder it is unpacked to
        patterns = tuple(unpacked_name(pattern) or pattern for pattern in patterns)
    for line in terms(name, entry):
        log.info(line)
    if not members and (entry.size or 0) > _MUCH:
        raise SettingsError(
            f"{name} is {entry.size_text} in all; say which members you want, for example "
            f"'{entry.example}', or '{ALL}' for everything",
            "members",
        )
    folder = Path(out) if out is not None else downloads() / name
    with open_store(folder) as store:
        store.describe({"name": name, **entry.model_dump(include={"title", "licence", "cite"})})
        if store.finished("all", patterns):
            names = store.names(patterns)
        else:
            names = Delivery(entry, store, patterns, source, patience, progress or Silent()).bring()
            if not names:
                raise _nothing(name, entry, patterns)
            store.finish("all", patterns)
        return Fetched(name, entry, folder, tuple(store.path(n) for n in sorted(set(names))))


def terms(name: str, entry: Entry) -> list[str]:
    """Say in a few lines what an entry is, its size and licence, whom to cite, what is checked."""
    lines = [
        f"{name}: {entry.title}",
        f"size: {entry.size_text}; licence: {entry.licence}",
        f"from: {entry.address}",
        *(f"cite: {text}" for text in entry.cite),
        f"checked: {entry.checks}",
    ]
    if entry.layout == "zip":
        parts = (f"{file.path} ({in_bytes(file.size or 0)})" for file in entry.files)
        lines.append(f"holds: {', '.join(parts)}")
    return [*lines, f"note: {entry.remarks}"] if entry.remarks else lines


def overview() -> list[dict[str, str]]:
    """Every collection in a few words: heading -> text, the same headings for all."""
    return [
        {
            "name": name,
            "what": entry.title,
            "size": entry.size_text,
            "licence": entry.licence,
            "goes to": str(downloads() / name),
        }
        for name, entry in catalogue().items()
    ]


def _nothing(name: str, entry: Entry, patterns: Sequence[str]) -> SettingsError:
    asked = ", ".join(f"'{pattern}'" for pattern in patterns)
    known = [file.path for file in entry.files[:8]]
    more = ", ..." if len(entry.files) > len(known) else ""
    hint = f"; it holds {', '.join(known)}{more}" if known else f"; for example '{entry.example}'"
    return SettingsError(f"nothing in {name} matches {asked}{hint}", "members")
