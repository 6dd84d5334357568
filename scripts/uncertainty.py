"""How true stated uncertainties are, of every model that a benchmark or ``reproduce`` has kept.

Each forecast is tried with what was learned from the forecasts of other configurations. Beside the
rank correlation of width and error stands that of normal errors with just these widths, and with
``--search`` what gradient boosting finds that sees 392 descriptors of the surroundings and the
forecast: how much more could be known. Makes the tables of docs/scores.md:

    glasscast reproduce --out figures
    python scripts/uncertainty.py figures/trainings sample --split test --search
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis, spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.splits import fold_indices
from glasscast.evaluation.coverage import Coverage
from glasscast.evaluation.table_text import markdown_text
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast
from glasscast.structure.descriptors.shells import ShellDescriptors
from glasscast.workflows.calibrate import checked_coverage
from glasscast.workflows.fits import read_forecasts

HEADS = (
    "model",
    "species",
    "t",
    "within 1 (%)",
    "within 1.96 (%)",
    "mean sd",
    "rank",
    "of its widths",
    "noise (%)",
)


def main() -> None:
    """Print a row a model, species and time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="that holds forecasts/")
    parser.add_argument("dataset", help="that was forecast")
    parser.add_argument("--split")
    parser.add_argument("--models", default="", help="labels that begin like this, by commas")
    parser.add_argument("--times", type=float, nargs="*", help="these alone")
    parser.add_argument("--species", default="AB", help="these alone")
    parser.add_argument("--search", action="store_true", help="what could be known: slow")
    told = parser.parse_args()
    data = Dataset.open(told.dataset)
    data = data.split(told.split) if told.split else data
    heads = (*HEADS, *(("kurtosis", "boosting") if told.search else ()))
    lines = []
    for folder in sorted((told.folder / "forecasts").iterdir()):
        there = {path.stem for path in folder.glob("*.npz")}
        known = data.subset([name for name in data.names if name in there])
        if len(known) < 2 or not folder.name.startswith(tuple(told.models.split(","))):
            continue
        forecasts = list(read_forecasts(told.folder, folder.name, known))
        for row in checked_coverage(forecasts):
            if row.species in told.species and (not told.times or row.time in told.times):
                found = searched(forecasts, row) if told.search else ()
                lines.append((*cells(row), *found))
    print(markdown_text(heads, lines))


def cells(row: Coverage) -> tuple[str, ...]:
    """Lowest and highest share of the fifths, widths of the first and last, correlations."""
    shares = [f"{100 * min(x):.0f} to {100 * max(x):.0f}" for x in (row.within_68, row.within_95)]
    return (
        re.sub("-[0-9a-f]{12}$", "", row.model),
        row.species,
        f"{row.time:g}",
        *shares,
        f"{row.deviation[0]:.3g} to {row.deviation[-1]:.3g}",
        f"{row.rank_correlation:.2f}",
        f"{row.rank_expected:.2f}",
        f"{100 * row.noise_share:.0f}",
    )


def searched(forecasts: Sequence[ModelForecast], row: Coverage) -> tuple[str, str]:
    """Kurtosis of the errors, and the rank correlation that boosting finds on others."""
    features, errors = [], []
    for forecast in forecasts:
        c = forecast.configuration
        mine = np.array([species_name(kind) == row.species for kind in c.types])
        time = int(np.argmin(np.abs(forecast.times - row.time)))
        surroundings = ShellDescriptors(len(c.species)).compute(c.positions, c.types, c.box)
        own = forecast.values[time, mine]
        features.append(np.column_stack([own, surroundings[mine]]))
        errors.append(forecast.errors()[time, mine])
    sizes = [np.abs(error) for error in errors]
    found: list[float] = []
    for held in fold_indices([*map(str, range(len(sizes)))], min(4, len(sizes)), seed=0):
        rest = [k for k in range(len(sizes)) if k not in held]
        fitted = boosted([features[k] for k in rest], [sizes[k] for k in rest])
        found += [float(spearmanr(fitted.predict(features[k]), sizes[k])[0]) for k in held]
    return f"{3 + kurtosis(np.concatenate(errors)):.2f}", f"{np.nanmean(found):.2f}"


def boosted(
    features: Sequence[NDArray[np.float64]], sizes: Sequence[NDArray[np.float64]]
) -> HistGradientBoostingRegressor:
    """Fit small trees to the mean size of an error, by the likelihood of a gamma distribution."""
    trees = HistGradientBoostingRegressor(
        loss="gamma", max_iter=40, learning_rate=0.06, max_leaf_nodes=8, min_samples_leaf=200,
        l2_regularization=10, random_state=0,
    )  # fmt: skip
    return trees.fit(np.concatenate(features), np.maximum(np.concatenate(sizes), 1e-9))


if __name__ == "__main__":
    main()
