"""Which files to read, in which order, and what the public data sets write into file names."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from glasscast.errors import InputError

_PUBLISHED = re.compile(
    r"^(?:isoconfig_)?N(?P<size>\d+)T(?P<temperature>\d+(?:\.\d+)?)_(?P<number>\d+)"
    r"(?:_tc(?P<tag>\d+))?$"
)
_SPLITS = ("train", "validation", "test")


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


def list_files(path: Path, suffixes: Collection[str]) -> list[Path]:
    """List visible files with these suffixes below a folder, in natural order; or the file itself.

    Raises
    ------
    InputError : if nothing is there.
    """
    if path.is_file():
        return [path]
    if not path.exists():
        raise InputError(path, "does not exist")
    found = [
        file
        for file in path.rglob("*")
        if file.suffix.lower() in suffixes and file.is_file() and not file.name.startswith(".")
    ]
    if not found:
        raise InputError(path, f"holds no {' or '.join(sorted(suffixes))} file")
    return sorted(found, key=natural_key)


def name_below(path: Path, root: Path) -> str:
    """Name for a configuration file: its path below the folder that was read, without suffix."""
    relative = path.relative_to(root) if root.is_dir() else Path(path.name)
    return "-".join(relative.with_suffix("").parts)


def split_of(path: Path) -> dict[str, str]:
    """Tell the split that a folder above the file names, as metadata."""
    for part in reversed(path.parts[:-1]):
        if part.lower() in _SPLITS:
            return {"split": part.lower()}
    return {}
