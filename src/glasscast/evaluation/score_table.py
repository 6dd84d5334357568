"""Scores as a table: selected, written as CSV, JSON, Markdown and LaTeX, and read back."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from glasscast.datasets.files import write_atomically
from glasscast.errors import InputError, SettingsError

#: Layout of the JSON file; raise it when a column changes its meaning.
SCHEMA = 1
METRICS = ("pearson_mean", "pearson_pooled", "rmse")


@dataclass(frozen=True, kw_only=True)
class Score:
    """One score of one model. NaN where a number is not known.

    Parameters
    ----------
    model, dataset : names.
    target : field of Configuration that was forecast.
    species : A, B, C, ...
    time : in LJ units.
    metric : ``pearson_mean``, ``pearson_pooled`` or ``rmse`` (in units of the target).
    value : the score.
    low, high : bootstrap interval over configurations; NaN for a single configuration.
    ceiling : the score of a predictor that knows the exact isoconfigurational mean. For
        ``rmse`` this is a floor. NaN when the halves of the ensemble are not known.
    share : value / ceiling of a correlation; NaN for ``rmse``.
    n_configurations, n_particles : what was averaged over; particles are summed over
        configurations.
    """

    model: str
    dataset: str
    target: str
    species: str
    time: float
    metric: str
    value: float
    low: float
    high: float
    ceiling: float
    share: float
    n_configurations: int
    n_particles: int


COLUMNS = tuple(f.name for f in fields(Score))


@dataclass(frozen=True)
class ScoreTable:
    """Scores of any number of models, in the order they were added."""

    rows: tuple[Score, ...] = ()

    def __iter__(self) -> Iterator[Score]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: ScoreTable) -> ScoreTable:
        return ScoreTable(self.rows + other.rows)

    def select(self, **where: Any) -> ScoreTable:
        """Rows whose columns have the given values, e.g. ``select(species="A", metric="rmse")``.

        Raises
        ------
        SettingsError : if there is no such column.
        """
        for column in where:
            if column not in COLUMNS:
                raise SettingsError(f"scores have no column '{column}'; {', '.join(COLUMNS)}")
        return ScoreTable(
            tuple(r for r in self.rows if all(getattr(r, k) == v for k, v in where.items()))
        )

    def values_of(self, column: str) -> list[Any]:
        """Values of a column without repeats, in order of appearance."""
        return list(dict.fromkeys(getattr(row, column) for row in self.rows))

    def to_csv(self) -> str:
        """Comma-separated, full precision; numbers that are not known are left empty."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow({k: "" if _unknown(v) else v for k, v in asdict(row).items()})
        return stream.getvalue()

    def to_json(self) -> str:
        """JSON with ``null`` for numbers that are not known; :func:`read_scores` reads it."""
        rows = [{k: None if _unknown(v) else v for k, v in asdict(r).items()} for r in self.rows]
        return json.dumps({"schema": SCHEMA, "scores": rows}, indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Write a pipe table, rounded for reading."""
        lines = ["| " + " | ".join(_HEADS) + " |", "|" + " --- |" * len(_HEADS)]
        lines += ["| " + " | ".join(_cells(row, escape_markdown)) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"

    def to_latex(self) -> str:
        """Write a booktabs ``tabular``, rounded for reading."""
        head = " & ".join(escape_latex(name) for name in _HEADS)
        body = [" & ".join(_cells(row, escape_latex)) + r" \\" for row in self.rows]
        lines = [
            r"\begin{tabular}{llllr@{\quad}lrlrrr}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write atomically in the format that the ending names: csv, json, md or tex.

        Raises
        ------
        SettingsError : for another ending.
        InputError : if the file cannot be written.
        """
        formats: dict[str, Callable[[], str]] = {
            ".csv": self.to_csv,
            ".json": self.to_json,
            ".md": self.to_markdown,
            ".tex": self.to_latex,
        }
        if path.suffix not in formats:
            raise SettingsError(f"{path}: scores are written as {', '.join(formats)}")
        write_atomically(path, formats[path.suffix]().encode())


def read_scores(path: Path) -> ScoreTable:
    """Read the JSON that :meth:`ScoreTable.write` wrote.

    Raises
    ------
    InputError : naming what cannot be used.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "does not exist") from None
    except (OSError, ValueError) as error:
        raise InputError(path, f"is not a readable JSON file ({error})") from None
    if not isinstance(content, dict) or not isinstance(content.get("scores"), list):
        raise InputError(path, "lacks the list 'scores'", "write it with ScoreTable.write")
    if content.get("schema") != SCHEMA:
        raise InputError(path, f"has schema {content.get('schema')!r}, not {SCHEMA}")
    return ScoreTable(tuple(_row(path, i, row) for i, row in enumerate(content["scores"])))


def _row(path: Path, index: int, row: Any) -> Score:
    """Check one row column by column."""
    if not isinstance(row, dict) or set(row) != set(COLUMNS):
        raise InputError(path, f"score {index} must have the columns {', '.join(COLUMNS)}")
    values: dict[str, Any] = {}
    for column, wanted in get_type_hints(Score).items():
        value = row[column]
        if wanted is float:
            value = math.nan if value is None else float(value) if _is_number(value) else value
        if not isinstance(value, wanted) or isinstance(value, bool) or get_args(wanted):
            raise InputError(path, f"score {index}: '{column}' cannot be {value!r}")
        values[column] = value
    return Score(**values)


_HEADS = (
    "model",
    "dataset",
    "target",
    "species",
    "time",
    "metric",
    "value",
    "interval",
    "ceiling",
    "share",
    "configurations",
)


def _cells(row: Score, escape: Callable[[str], str]) -> list[str]:
    interval = "–" if _unknown(row.low) else f"{row.low:.3f} to {row.high:.3f}"
    numbers = ["–" if _unknown(v) else f"{v:.3f}" for v in (row.value, row.ceiling, row.share)]
    names = (row.model, row.dataset, row.target, row.species)
    return [
        *(escape(name) for name in names),
        f"{row.time:g}",
        escape(row.metric),
        numbers[0],
        interval,
        numbers[1],
        numbers[2],
        str(row.n_configurations),
    ]


def _unknown(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
