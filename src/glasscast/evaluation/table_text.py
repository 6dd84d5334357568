"""Tables as text: CSV at full precision, Markdown and LaTeX rounded for reading."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glasscast.datasets.files import write_atomically
from glasscast.errors import SettingsError


def unknown(value: object) -> bool:
    """Whether a number is not known: NaN or infinite."""
    return isinstance(value, float) and not math.isfinite(value)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Comma-separated, full precision; numbers that are not known are left empty."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if unknown(value) else value for key, value in row.items()})
    return stream.getvalue()


def markdown_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Pipe table of cells that are escaped already."""
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def latex_text(alignment: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Booktabs ``tabular`` of cells that are escaped already."""
    lines = [
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        " & ".join(escape_latex(head) for head in heads) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def write_text(path: Path, formats: Mapping[str, Callable[[], str]]) -> None:
    """Write atomically in the format that the ending names.

    Raises
    ------
    SettingsError : for another ending.
    InputError : if the file cannot be written.
    """
    if path.suffix not in formats:
        raise SettingsError(f"{path}: tables are written as {', '.join(formats)}")
    write_atomically(path, formats[path.suffix]().encode())


def escape_markdown(text: str) -> str:
    """Text that a Markdown table shows as it is."""
    for character in "\\|`*_<>[]":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is."""
    table = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{c: "\\" + c for c in "&%$#_{}"},
    }
    return "".join(table.get(c, c) for c in " ".join(text.split()))
