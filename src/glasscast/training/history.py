"""How a training went, epoch by epoch. No torch here: reports read it too."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from glasscast.datasets.files import write_atomically
from glasscast.errors import InputError


@dataclass(frozen=True)
class Epoch:
    """One row of the training curve; NaN where something is not learned or was not measured.

    Pearson correlations are means over configurations, times and learned species. Those of pairs
    are of nearest neighbours of species A (Shiba et al. 2023, eq. 15), of all learned pairs where
    there are none. Those of training are of the steps, so of weights that change, and of what
    augmentation makes of the configurations.

    Parameters
    ----------
    epoch : counted from 1.
    seconds : since the fit began, over all its sessions.
    loss : mean over the epoch's steps, of standardised targets.
    gradient_norm : largest in the epoch, before clipping.
    pearson, pair_pearson : of the training configurations.
    validation_loss, validation_pearson, validation_pair_pearson : of the validation ones.
    test_loss, test_pearson, test_pair_pearson : of configurations that decide nothing.
    """

    epoch: int
    seconds: float
    loss: float
    learning_rate: float
    gradient_norm: float
    pearson: float = math.nan
    pair_pearson: float = math.nan
    validation_loss: float = math.nan
    validation_pearson: float = math.nan
    validation_pair_pearson: float = math.nan
    test_loss: float = math.nan
    test_pearson: float = math.nan
    test_pair_pearson: float = math.nan


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """Write the training curve so far as CSV, whole at every moment."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(f.name for f in fields(Epoch))
    writer.writerows([f"{v:.9g}" for v in asdict(row).values()] for row in history)
    write_atomically(path, text.getvalue().encode())


def history_paths(checkpoint: Path) -> list[Path]:
    """Files of the history beside a checkpoint: one, or one a phase; empty if there are none."""
    alone = checkpoint.with_suffix(".csv")
    if alone.exists():
        return [alone]
    found: list[Path] = []
    while (path := phase_path(alone, len(found) + 1)).exists():
        found.append(path)
    return found


def phase_path(path: Path, phase: int) -> Path:
    """Name of a file of one phase of several, counted from 1."""
    return path.with_name(f"{path.stem}-phase{phase}{path.suffix}")


def read_history(path: Path) -> list[Epoch]:
    """Read what :func:`write_history` wrote.

    Raises
    ------
    InputError : if it is no such file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                {key: float(value) for key, value in row.items()} for row in csv.DictReader(file)
            ]
        return [Epoch(int(row.pop("epoch")), **row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(path, f"is no history of a training ({error!r:.200})") from None
