"""Small mixtures of one's own for tests: any form, three different pairs."""

from __future__ import annotations

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
