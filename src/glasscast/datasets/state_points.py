"""Where a model is at home: the liquid, temperature, density and mixture it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any, Self

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.interactions import species_name

#: Lowest and highest value among the configurations of a state point.
Range = tuple[float, float]

#: What counts as the same. The relaxation of Lennard-Jones mixtures is a function of rho^gamma / T
#: with gamma near 5 (Coslovich and Roland, arXiv:0709.1090), so that one per cent of density is
#: worth five of temperature.
_DENSITY = 0.01  # relative
_TEMPERATURE = 0.01  # relative
_SHARE = 0.02  # of all particles


@dataclass(frozen=True)
class StatePoint:
    """What a model was trained on. Reduced Lennard-Jones units.

    Parameters
    ----------
    liquid : its name; None where the data did not tell.
    temperature : None where the data did not tell.
    density : number density.
    composition : share of the particles that are of species 0, 1, ...
    """

    liquid: str | None
    temperature: float | None
    density: Range
    composition: tuple[Range, ...]

    @classmethod
    def of(cls, snapshot: Configuration) -> Self:
        """State point of one snapshot."""
        density = float(f"{snapshot.density:.8g}")
        counts = np.bincount(snapshot.types) / max(1, snapshot.size)
        shares = tuple((round(float(c), 6),) * 2 for c in counts)
        liquid, temperature = (snapshot.metadata.get(k) for k in ("liquid", "temperature"))
        return cls(*_told(liquid, temperature), (density, density), shares)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read what :meth:`record` wrote; KeyError, ValueError or TypeError if it cannot be."""
        low, high = record["density"]
        shares = tuple((float(a), float(b)) for a, b in record["composition"])
        told = _told(record["liquid"], record["temperature"])
        return cls(*told, (float(low), float(high)), shares)

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        liquid = f"liquid {self.liquid}" if self.liquid else "unnamed liquid"
        temperature = "unknown" if self.temperature is None else f"{self.temperature:g}"
        return f"{liquid}, T = {temperature}, density {_range(self.density)}, {self.mixture}"

    @property
    def mixture(self) -> str:
        """Composition for people: ``80 % A, 20 % B``."""
        return ", ".join(
            f"{_range((100 * low, 100 * high))} % {species_name(s)}"
            for s, (low, high) in enumerate(self.composition)
            if high > 0
        )


def merged(points: Iterable[StatePoint]) -> tuple[StatePoint, ...]:
    """One state point for each liquid and temperature, in order of appearance."""
    found: dict[tuple[str | None, float | None], StatePoint] = {}
    for point in points:
        key = (point.liquid, point.temperature)
        known = found.get(key, point)
        shares = zip_longest(known.composition, point.composition, fillvalue=(0.0, 0.0))
        found[key] = StatePoint(
            *key, _join(known.density, point.density), tuple(_join(a, b) for a, b in shares)
        )
    return tuple(found.values())


def always_there(points: Sequence[StatePoint]) -> set[int]:
    """Species that every configuration of every state point held."""
    there = [{s for s, (low, _) in enumerate(p.composition) if low > 0} for p in points]
    return set.intersection(*there) if there else set()


def departures(snapshot: StatePoint, points: Sequence[StatePoint]) -> list[str]:
    """Say where a snapshot lies outside of what a model was trained on, a phrase each.

    Empty when it lies inside, or when nothing is recorded of the training. What the snapshot or
    the record do not tell is not compared.
    """
    if not points:
        return []
    found = []
    liquids = list(dict.fromkeys(p.liquid for p in points))
    if snapshot.liquid is not None and None not in liquids and snapshot.liquid not in liquids:
        found.append(f"liquid {snapshot.liquid} (trained on {', '.join(map(str, liquids))})")
    known = [p.temperature for p in points if p.temperature is not None]
    t = snapshot.temperature
    if t is not None and len(known) == len(points) and not _near(t, known, _TEMPERATURE):
        found.append(f"T = {t:g} (trained on {', '.join(f'{x:g}' for x in known)})")
    low, high = snapshot.density
    if not any(
        p.density[0] * (1 - _DENSITY) <= low and high <= p.density[1] * (1 + _DENSITY)
        for p in points
    ):
        texts = dict.fromkeys(_range(p.density) for p in points)
        found.append(f"density {low:.4g} (trained on {', '.join(texts)})")
    if not any(_inside(snapshot.composition, p.composition) for p in points):
        mixtures = dict.fromkeys(p.mixture for p in points)
        found.append(f"{snapshot.mixture} (trained on {'; '.join(mixtures)})")
    return found


def _told(liquid: Any, temperature: Any) -> tuple[str | None, float | None]:
    return (
        None if liquid is None else str(liquid),
        None if temperature is None else float(temperature),
    )


def _inside(shares: Sequence[Range], trained: Sequence[Range]) -> bool:
    return all(
        b[0] - _SHARE <= a[0] and a[1] <= b[1] + _SHARE
        for a, b in zip_longest(shares, trained, fillvalue=(0.0, 0.0))
    )


def _near(value: float, known: Sequence[float], tolerance: float) -> bool:
    return any(abs(value - x) <= tolerance * abs(x) for x in known)


def _join(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])


def _range(values: Range) -> str:
    low, high = (f"{v:.4g}" for v in values)
    return low if low == high else f"{low} to {high}"
