"""Scores as a table: selected, written as CSV, JSON, Markdown and LaTeX, and read back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from glasscast.datasets.stages import By, in_time, row_text
from glasscast.errors import InputError, SettingsError
from glasscast.evaluation.table_text import (
    csv_text,
    escape_latex,
    escape_markdown,
    latex_text,
    markdown_text,
    unknown,
    write_text,
)
from glasscast.inputs import read_json

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
    species : A, B, C, ...; of pairs A-A, A-B, ...
    time : in LJ units, or the value of a stage.
    metric : ``pearson_mean``, ``pearson_pooled`` or ``rmse`` (in units of the target).
    value : the score.
    low, high : bootstrap interval over configurations; NaN for a single configuration.
    ceiling : the score of a predictor that knows the exact isoconfigurational mean. For
        ``rmse`` this is a floor. NaN when the halves of the ensemble are not known.
    share : value / ceiling of a correlation; NaN for ``rmse``.
    n_configurations, n_particles : what was averaged over; particles, or pairs, are summed over
        configurations.
    trainings : that differ in their seed alone; of several the median is shown.
    worst, best, spread : of the values of several trainings, and their standard deviation.
    by : what ``time`` is a value of; see :class:`~glasscast.datasets.stages.Stages`.
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
    trainings: int = 1
    worst: float = math.nan
    best: float = math.nan
    spread: float = math.nan
    by: By = "time"


COLUMNS = tuple(f.name for f in fields(Score))
#: Columns that tables written before there were repeats or stages lack.
_LATER = {"trainings", "worst", "best", "spread", "by"}


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

    @property
    def by(self) -> By:
        """What the times of its rows are values of."""
        return self.rows[0].by if self.rows else "time"

    def times(self) -> list[float]:
        """Return the times of its rows, or values of stages, in order of time."""
        return in_time(self.by, self.values_of("time"))

    def values_of(self, column: str) -> list[Any]:
        """Values of a column without repeats, in order of appearance."""
        return list(dict.fromkeys(getattr(row, column) for row in self.rows))

    def ceilings(self, column: str = "time") -> dict[Any, float]:
        """Known ceiling by the value of a column, of the model scored on most configurations."""
        best: dict[Any, Score] = {}
        for row in self.rows:
            key = getattr(row, column)
            most = best[key].n_configurations if key in best else 0
            if math.isfinite(row.ceiling) and row.n_configurations > most:
                best[key] = row
        return {key: row.ceiling for key, row in best.items()}

    def to_csv(self) -> str:
        """All columns at full precision; see :func:`csv_text`."""
        return csv_text(COLUMNS, map(asdict, self.rows))

    def to_json(self) -> str:
        """JSON with ``null`` for numbers that are not known; :func:`read_scores` reads it."""
        rows = [{k: None if unknown(v) else v for k, v in asdict(r).items()} for r in self.rows]
        return json.dumps({"schema": SCHEMA, "scores": rows}, indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Write a pipe table, rounded for reading."""
        return markdown_text(_HEADS, (_cells(row, escape_markdown) for row in self.rows))

    def to_latex(self) -> str:
        """Write a booktabs ``tabular``, rounded for reading."""
        rows = (_cells(row, escape_latex) for row in self.rows)
        return latex_text(r"llllr@{\quad}lrlrrlr", _HEADS, rows)

    def write(self, path: Path) -> None:
        """Write atomically in the format that the ending names: csv, json, md or tex.

        Raises
        ------
        SettingsError : for another ending.
        InputError : if the file cannot be written.
        """
        formats = {
            ".csv": self.to_csv,
            ".json": self.to_json,
            ".md": self.to_markdown,
            ".tex": self.to_latex,
        }
        write_text(path, formats)


#: Number of training configurations -> scores of all models.
LearningCurve = dict[int, ScoreTable]
#: Value of a setting, as it is written -> scores of the models that have it.
SweptScores = dict[str, ScoreTable]


def best_model(scores: ScoreTable) -> str:
    """Model that headlines and figures show: the best mean correlation within configurations.

    The mean is over all data sets, targets, species and times that every model was scored at, so
    that a model which leaves out the difficult ones gains nothing by it; over all of its own if
    there are none. A score that is not defined counts as the worst there is, -1. Scores of pairs
    count only where no model forecasts particles.

    Raises
    ------
    SettingsError : if there are no scores of ``pearson_mean``.
    """
    values: dict[str, dict[tuple[str, str, str, float], float]] = {}
    rows = scores.select(metric="pearson_mean").rows
    for row in [row for row in rows if row.target != "bond_change"] or rows:
        place = (row.dataset, row.target, row.species, row.time)
        values.setdefault(row.model, {})[place] = row.value if math.isfinite(row.value) else -1.0
    if not values:
        raise SettingsError("without scores of 'pearson_mean' no model is the best")
    shared = set.intersection(*(set(found) for found in values.values()))

    def merit(model: str) -> float:
        found = [v for place, v in values[model].items() if place in shared or not shared]
        return math.fsum(found) / len(found)

    return max(values, key=merit)


def read_scores(path: Path) -> ScoreTable:
    """Read the JSON that :meth:`ScoreTable.write` wrote.

    Raises
    ------
    InputError : naming what cannot be used.
    """
    content = read_json(path, LONGEST_SCORES)
    if not isinstance(content.get("scores"), list):
        raise InputError(path, "lacks the list 'scores'", "write it with ScoreTable.write")
    if content.get("schema") != SCHEMA:
        raise InputError(path, f"has schema {content.get('schema')!r:.100}, not {SCHEMA}")
    return scores_in(path, content["scores"])


def scores_in(path: Path, rows: Iterable[Any]) -> ScoreTable:
    """Take up rows of JSON values that stand in a file.

    Raises
    ------
    InputError : naming what cannot be used.
    """
    return ScoreTable(tuple(_row(path, i, row) for i, row in enumerate(rows)))


def _row(path: Path, index: int, row: Any) -> Score:
    """Check one row column by column."""
    known = isinstance(row, dict) and set(COLUMNS) - _LATER <= set(row) <= set(COLUMNS)
    if not known:
        raise InputError(path, f"score {index} must have the columns {', '.join(COLUMNS)}")
    values: dict[str, Any] = {}
    wanted_types = get_type_hints(Score).items()
    for column, wanted in ((name, kind) for name, kind in wanted_types if name in row):
        value = row[column]
        if wanted is float:
            value = math.nan if value is None else float(value) if _is_number(value) else value
        choices = get_args(wanted)
        unfit = value not in choices if choices else not isinstance(value, wanted)
        if unfit or isinstance(value, bool):
            raise InputError(path, f"score {index}: '{column}' cannot be {value!r:.100}")
        values[column] = value
    return Score(**values)


#: Bytes of the longest table of scores.
LONGEST_SCORES = 1 << 28
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
    "trainings",
    "configurations",
)


def _cells(row: Score, escape: Callable[[str], str]) -> list[str]:
    interval = "–" if unknown(row.low) else f"{row.low:.3f} to {row.high:.3f}"
    numbers = ["–" if unknown(v) else f"{v:.3f}" for v in (row.value, row.ceiling, row.share)]
    names = (row.model, row.dataset, row.target, row.species)
    return [
        *(escape(name) for name in names),
        _time(row),
        escape(row.metric),
        numbers[0],
        interval,
        numbers[1],
        numbers[2],
        _repeats(row),
        str(row.n_configurations),
    ]


def _time(row: Score) -> str:
    return f"{row.time:g}" if row.by == "time" else row_text(row.by, row.time)


def _repeats(row: Score) -> str:
    """Say how many trainings there were, and what the worst and the best of several have."""
    if row.trainings == 1:
        return "1"
    return f"{row.trainings}: {row.worst:.3f} to {row.best:.3f}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
