"""Small mixtures of one's own for tests: any form, three different pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.definition import LiquidSettings
from glasscast.liquid.interactions import Liquid

#: epsilon and sigma of the pairs: additive in neither, so that no two can be taken for another.
PAIRS = {"AA": (1.0, 1.0), "AB": (1.2, 1.15), "BB": (0.7, 1.4)}


def mixture(form: str, reach: float | None, density: float = 0.7, **options: object) -> Liquid:
    """Equal parts of two species, each pair cut at ``reach`` of its sigma (None: no cutoff)."""
    pairs = {
        key: {"epsilon": epsilon, "sigma": sigma}
        | ({} if reach is None else {"cutoff": reach * sigma})
        for key, (epsilon, sigma) in PAIRS.items()
    }
    return LiquidSettings(
        name=form,
        density=density,
        potential={"form": form, **options},
        species={"A": {"fraction": 0.5}, "B": {"fraction": 0.5}},
        pairs=pairs,
    ).liquid()


def soft_liquids() -> dict[str, Liquid]:
    """Liquids without attraction, by what tells them apart."""
    return {
        "harmonic": mixture("harmonic", None, density=1.0),
        "power 12, smooth": mixture("inverse-power", 1.25, exponent=12),
        "power 12, shifted": mixture("inverse-power", 2.0, exponent=12, cut="shifted"),
        "power 18, shifted": mixture("inverse-power", 1.6, exponent=18, cut="shifted"),
        "power 3, smooth": mixture("inverse-power", 1.8, exponent=3),
    }


def lennard_jones_rows(rows: int, spacing: str = "even") -> dict[str, NDArray[np.float64]]:
    """Lennard-Jones from 0.8 to 2.5 sigma, shifted to end at 0, as a table of each pair."""
    x = np.linspace(0.8, 2.5, rows)
    if spacing == "squared":
        x = np.sqrt(np.linspace(0.8**2, 2.5**2, rows))
    tables = {}
    for key, (epsilon, sigma) in PAIRS.items():
        energy = 4 * epsilon * (x**-12 - x**-6)
        force = 4 * epsilon / sigma * (12 * x**-13 - 6 * x**-7)
        tables[key] = np.column_stack([x * sigma, energy - energy[-1], force])
    return tables


def tabulated(tables: dict[str, NDArray[np.float64]], density: float = 0.7) -> Liquid:
    """Equal parts of two species whose pairs interact by tables."""
    pairs = {key: {"sigma": PAIRS[key][1], "table": rows.tolist()} for key, rows in tables.items()}
    return LiquidSettings(
        name="table",
        density=density,
        potential={"form": "table"},
        species={"A": {"fraction": 0.5}, "B": {"fraction": 0.5}},
        pairs=pairs,
    ).liquid()
