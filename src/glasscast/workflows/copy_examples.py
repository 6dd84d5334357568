"""Give users the example files, and say of each what it is, what it needs and how long it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from glasscast.datasets.files import write_atomically
from glasscast.errors import SettingsError

#: Stands where an example does not tell.
UNTOLD = "not told"
_TOLD = re.compile(r"(Needs|Takes): (.*?)\.(?=\s|$)")


@dataclass(frozen=True)
class Example:
    """One example file.

    Parameters
    ----------
    name : its path within the examples.
    about, needs, takes : what it is, needs beside glasscast, and how long it takes; in words.
    """

    name: str
    about: str
    needs: str
    takes: str


def copy_examples(out: Path | str = "examples") -> list[Example]:
    """Copy the example files that come with glasscast into a folder.

    Files that are there already, with the same content, are left alone.

    Returns
    -------
    What each of the settings files is, in order of their names.

    Raises
    ------
    SettingsError : if a file of the same name and other content is there; nothing is copied then.
    InputError : if a file cannot be written.
    """
    out, source = Path(out), example_folder()
    found = {path.relative_to(source): path.read_bytes() for path in _files(source)}
    for name, content in found.items():
        there = out / name
        if there.exists() and (not there.is_file() or there.read_bytes() != content):
            raise SettingsError(f"{there} is there already, with other content", "out")
    for name, content in found.items():
        if not (out / name).exists():
            write_atomically(out / name, content)
    return [
        described(str(name), content.decode())
        for name, content in found.items()
        if name.suffix == ".yaml"
    ]


def example_folder() -> Path:
    """Folder of the examples: in an installed package beside its modules, else in the checkout."""
    package = Path(str(files("glasscast")))
    inside = package / "examples"
    return inside if inside.is_dir() else package.parents[1] / "examples"


def described(name: str, text: str) -> Example:
    """Read the comment that an example begins with."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#"))
    prose = " ".join(line.strip() for line in lines if not line.startswith("   "))
    told = dict(_TOLD.findall(prose))
    about = prose.partition("Needs: ")[0].strip()
    return Example(name, about, told.get("Needs", UNTOLD), told.get("Takes", UNTOLD))


def _files(source: Path) -> list[Path]:
    return sorted(
        path
        for path in source.rglob("*")
        if path.is_file() and not any("egg-info" in p or p == "__pycache__" for p in path.parts)
    )
