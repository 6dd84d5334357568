"""Which files to read, in which order, and which of those below a folder are left out."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from glasscast.datasets.ownership import OWNER
from glasscast.errors import InputError
from glasscast.inputs import refuse_irregular

_PUBLISHED = re.compile(
    r"^(?:isoconfig_)?N(?P<size>\d{1,9})T(?P<temperature>\d{1,9}(?:\.\d{1,9})?)_"
    r"(?P<number>\d{1,18})(?:_tc(?P<tag>\d{1,9}))?$",
    re.ASCII,
)
_SPLITS = ("train", "validation", "test")
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".z")
#: Depth of folders, and entries below one, of any source.
_DEEPEST, _MOST = 32, 1_000_000


@dataclass(frozen=True)
class PublishedName:
    """What a name such as ``isoconfig_N4096T0.44_1_tc07.npz`` says.

    Parameters
    ----------
    size, temperature, number : particles, temperature, and running number of the configuration.
    tag : number after ``tc``, or None.
    """

    size: int
    temperature: float
    number: int
    tag: int | None

    @property
    def configuration(self) -> str:
        """Name shared by all tags of a configuration."""
        return f"N{self.size}T{self.temperature:.2f}_{self.number}"


def parse_name(path: Path) -> PublishedName | None:
    """Read a published file name; None if it is not one."""
    match = _PUBLISHED.match(path.stem)
    if match is None:
        return None
    tag = match["tag"]
    return PublishedName(
        int(match["size"]),
        float(match["temperature"]),
        int(match["number"]),
        None if tag is None else int(tag),
    )


def published_name(path: Path) -> PublishedName:
    """Read a published file name.

    Raises
    ------
    InputError : if the name has another form.
    """
    name = parse_name(path)
    if name is None:
        raise InputError(
            path,
            "the file name tells neither temperature nor configuration",
            "name it like N4096T0.44_1_tc07.npz",
        )
    return name


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Sort key that puts 2 before 10."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def kind_of(file: Path) -> str:
    """Suffix of a file in lower case, that of its content if it is compressed."""
    suffix = file.suffix.lower()
    return file.with_suffix("").suffix.lower() if suffix in _COMPRESSED else suffix


def stem_of(file: Path) -> str:
    """Name of a file without its suffix, nor that of a compression."""
    return (file.with_suffix("") if file.suffix.lower() in _COMPRESSED else file).stem


@dataclass(frozen=True)
class Survey:
    """What lies below a folder.

    Parameters
    ----------
    root : the folder, or a single file.
    files : regular, visible files, in natural order.
    others : what else lies there, and why it is not looked at.
    """

    root: Path
    files: tuple[Path, ...]
    others: dict[Path, str] = field(default_factory=dict)

    def left_out(self, taken: Collection[Path]) -> list[tuple[Path, str]]:
        """Files and folders that were not read, and why; a folder stands for all below it.

        Parameters
        ----------
        taken : the files that were read.
        """
        read = set(taken)
        used = {folder for file in read for folder in file.parents}
        why = {file: _why(file) for file in self.files if file not in read} | self.others
        together: dict[Path, list[str]] = {}
        for path, reason in why.items():
            together.setdefault(_highest(path, self.root, used), []).append(reason)
        told = {path: _summed(reasons, path in why) for path, reasons in together.items()}
        return sorted(told.items(), key=lambda item: natural_key(item[0]))


def survey(path: Path) -> Survey:
    """Look at everything below a folder once, through links to folders, too.

    Raises
    ------
    InputError : if nothing is there, it is no regular file, or there is too much.
    """
    if not path.is_dir():
        refuse_irregular(path)
        return Survey(path, (path,))
    files: list[Path] = []
    others: dict[Path, str] = {}
    # Links come after all that lies in the tree itself: what is reached twice is read once.
    waiting, links = [path], list[Path]()
    seen: dict[tuple[int, int], Path] = {}
    count = 0
    while waiting or links:
        here = waiting.pop() if waiting else links.pop(0)
        linked = here != path and here.is_symlink()
        try:
            status = here.stat()
        except OSError as error:
            others[here] = "a link to nothing" if linked else f"cannot be read: {error.strerror}"
            continue
        known = seen.setdefault((status.st_dev, status.st_ino), here)
        if known != here and (linked or stat.S_ISDIR(status.st_mode)):
            others[here] = f"a link to {_below(known, path)}, which is looked at already"
        elif stat.S_ISREG(status.st_mode):
            files.append(here)
        elif not stat.S_ISDIR(status.st_mode):
            others[here] = "no regular file"
        elif here != path and (here / OWNER).exists():
            others[here] = "a folder made by glasscast"
        elif len(here.parts) - len(path.parts) > _DEEPEST:
            others[here] = "too deep"
        else:
            for entry in _entries(here, others):
                count += 1
                if entry.name.startswith("."):
                    others[entry] = "hidden"
                else:
                    (links if entry.is_symlink() else waiting).append(entry)
        if count > _MOST:
            raise InputError(path, f"holds more than {_MOST} files", "import it part by part")
    return Survey(path, tuple(sorted(files, key=natural_key)), others)


def list_files(path: Path, suffixes: Collection[str]) -> list[Path]:
    """List visible files with these suffixes below a folder, in natural order; or the file itself.

    Raises
    ------
    InputError : if nothing is there; it says what lies there instead.
    """
    found = survey(path)
    if not path.is_dir():
        return list(found.files)
    chosen = [file for file in found.files if kind_of(file) in suffixes]
    if not chosen:
        left = found.left_out(())
        empty = not left or path in found.others
        lies = "it is empty" if empty else f"there is {tell_left_out(path, left, 3)}"
        raise InputError(path, f"holds no {' or '.join(sorted(suffixes))} file", lies)
    return chosen


def tell_left_out(root: Path, left: Collection[tuple[Path, str]], most: int) -> str:
    """Name what was left out of a folder, the first so many of it, each with the reason."""
    named = [f"{_below(path, root)} ({why})" for path, why in left]
    more = [f"{len(named) - most} more"] if len(named) > most else []
    return ", ".join(named[:most] + more)


def name_below(path: Path, root: Path) -> str:
    """Name for a configuration file: its path below the folder that was read, without suffix."""
    folders = path.parent.relative_to(root).parts if root.is_dir() else ()
    return "-".join((*folders, stem_of(path)))


def split_of(path: Path, root: Path) -> dict[str, str]:
    """Tell the split that a folder above the file and below the source names, as metadata."""
    parts = path.relative_to(root).parts[:-1] if path != root else ()
    for part in reversed(parts):
        if part.lower() in _SPLITS:
            return {"split": part.lower()}
    return {}


def _entries(folder: Path, others: dict[Path, str]) -> Iterator[Path]:
    """Entries of a folder, in reverse of the natural order; none is a reason to name it."""
    try:
        found = [Path(entry.path) for entry in os.scandir(folder)]
    except OSError as error:
        others[folder] = f"cannot be read: {error.strerror or error}"
        return
    if not found:
        others[folder] = "empty"
    yield from sorted(found, key=natural_key, reverse=True)


def _why(file: Path) -> str:
    suffix = file.suffix.lower()
    if suffix in _COMPRESSED or suffix in _ARCHIVES:
        return "compressed"
    return f"of another kind, {suffix}" if suffix else "without a suffix"


def _highest(path: Path, root: Path, used: Collection[Path]) -> Path:
    """Highest folder above a path from which nothing was read, else the path."""
    above = [folder for folder in path.parents if folder.is_relative_to(root) and folder != root]
    unread = [folder for folder in above if folder not in used]
    return unread[-1] if unread else path


def _summed(reasons: Collection[str], alone: bool) -> str:
    """One reason for all that a folder holds."""
    if alone:
        return next(iter(reasons))
    told = (f"{number} {why}" for why, number in Counter(reasons).most_common(2))
    return f"nothing in it is read: {', '.join(told)}"


def _below(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path != root else path.name or str(path)
