"""A figure with the words that belong to it, and how it becomes files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from matplotlib.figure import Figure

from glasscast.datasets.files import write_atomically
from glasscast.report.style import styled


@dataclass(frozen=True, eq=False)
class Illustration:
    """What every figure function returns.

    All words are plain text; names in them that come from outside are not escaped yet.

    Parameters
    ----------
    name : file name without ending.
    title : what question the figure answers.
    caption : how it was made and what to look at.
    alternative : what is drawn, for who cannot see it.
    figure : as drawn.
    """

    name: str
    title: str
    caption: str
    alternative: str
    figure: Figure

    @property
    def width(self) -> float:
        """Width in inches."""
        return float(self.figure.get_figwidth())

    @property
    def png(self) -> bytes:
        """Content of the PNG file."""
        return self._contents["png"]

    def save(self, folder: Path) -> None:
        """Write ``name.png`` and ``name.pdf`` into a folder, atomically.

        Raises
        ------
        InputError : if a file cannot be written.
        """
        for kind, content in self._contents.items():
            write_atomically(folder / f"{self.name}.{kind}", content)

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        return _rendered(self.figure)


@styled
def _rendered(figure: Figure) -> dict[str, bytes]:
    """Bytes of each kind of file, without time stamps: equal figures give equal files."""
    contents = {}
    for kind, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, dpi=200, metadata=metadata)
        contents[kind] = stream.getvalue()
        figure.set_layout_engine("none")  # both files alike, and laid out only once
    return contents


def listed(names: Sequence[str], most: int = 6) -> str:
    """Write names as a reader would, "A, B and C"; of many the first few and how many more."""
    left_out = len(names) - most + 1
    shown = list(names) if left_out < 2 else [*names[: most - 1], f"{left_out} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
