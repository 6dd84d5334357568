"""Configurations to start from, read from whatever holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.entries import MANIFEST
from glasscast.datasets.files import sha256_of_file
from glasscast.datasets.formats.listing import parse_name
from glasscast.datasets.formats.registry import read_snapshot, snapshot_files
from glasscast.errors import InputError
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.checks import check_snapshot
from glasscast.simulation.settings import CageSettings


@dataclass(frozen=True)
class Start:
    """One configuration in a file.

    Parameters
    ----------
    name : of the configuration, as its file has it.
    path : of any readable format.
    frame : its place among those of the file.
    only : whether it is the only one.
    checksum : SHA-256 of the file.
    density : number density, for files without a box.
    size : particles.
    """

    name: str
    path: Path
    frame: int
    only: bool
    checksum: str
    density: float
    size: int

    def read(self) -> Configuration:
        """Read the configuration.

        Raises
        ------
        InputError : if the file is not what it was when the starts were listed.
        """
        found = read_snapshot(self.path, density=self.density)
        if self.frame >= len(found):
            raise InputError(self.path, f"holds no frame {self.frame} any more")
        return found[self.frame]


def find_starts(
    paths: Sequence[str], liquid: Liquid, density: float, cage: CageSettings | None
) -> tuple[Start, ...]:
    """List the configurations that some paths hold, and check that each can be simulated.

    Parameters
    ----------
    paths : files of any readable format, each with one or more frames; folders of them; or
        folders that are a dataset.
    density : number density for files without a box.
    cage : settings of a cage state to be found from each.

    Raises
    ------
    InputError : naming the file that is absent, damaged, or does not suit the liquid.
    """
    starts = []
    for path in map(Path, paths):
        for file, found in _files(path, density):
            checksum = sha256_of_file(file)
            for frame, c in enumerate(found):
                check_snapshot(file, liquid, c, cage)
                starts.append(
                    Start(c.name, file, frame, len(found) == 1, checksum, density, c.size)
                )
    return tuple(starts)


def _files(path: Path, density: float) -> Iterator[tuple[Path, list[Configuration]]]:
    if not path.exists():
        raise InputError(path, "does not exist", "see the setting 'starts'")
    if (path / MANIFEST).exists():
        for entry in Dataset.open(path).entries:
            yield entry.path, [read_configuration(entry.path, entry.checksum)]
        return
    seen = set()
    for file in snapshot_files(path):
        found = read_snapshot(file, density=density)
        if parse_name(file) is not None:  # the time tags of a published configuration share it
            found = [c for c in found if c.name not in seen]
            seen |= {c.name for c in found}
        if found:
            yield file, found
