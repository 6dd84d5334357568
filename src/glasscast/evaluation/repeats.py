"""Several trainings of a model that differ in their seed alone: median, worst and best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from glasscast.datasets.files import write_atomically
from glasscast.evaluation.score_table import COLUMNS, Score, ScoreTable
from glasscast.evaluation.table_text import csv_text


def combine_repeats(tables: Sequence[ScoreTable]) -> ScoreTable:
    """Return the median training of each row, with the worst, the best and the spread of all.

    Of an even number of trainings the worse of the two in the middle is the median, so that
    intervals belong to a training that there was. A score that is not defined is the worst.

    Parameters
    ----------
    tables : of the trainings, with the same rows in the same order.
    """
    if len(tables) == 1:
        return tables[0]
    return ScoreTable(tuple(_median(rows) for rows in zip(*tables, strict=True)))


def _median(rows: Sequence[Score]) -> Score:
    sign = -1 if rows[0].metric == "rmse" else 1
    ordered = sorted(rows, key=lambda row: -math.inf if math.isnan(row.value) else sign * row.value)
    return replace(
        ordered[(len(rows) - 1) // 2],
        trainings=len(rows),
        worst=ordered[0].value,
        best=ordered[-1].value,
        spread=float(np.std([row.value for row in rows], ddof=1)),
    )


def write_repeats(path: Path, tables: Mapping[int, ScoreTable]) -> None:
    """Write a CSV: the columns of the score table behind the seed of each training."""
    rows = ({"seed": seed, **asdict(row)} for seed, table in tables.items() for row in table)
    write_atomically(path, csv_text(["seed", *COLUMNS], rows).encode())
