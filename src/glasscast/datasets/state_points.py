"""State points: liquid, temperature, density and mixture of data, and of what a model knows.

Files, users and models each may say something of a state point. :func:`resolve` is the one place
that puts together what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeVar

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import SettingsError
from glasscast.liquid.definition import BUILT_IN, is_liquid_file, load_liquid_settings
from glasscast.liquid.interactions import check_temperature, species_name

#: Lowest and highest value among the configurations of a state point.
Range = tuple[float, float]
#: What of a state point a computation can need.
Quantity = Literal["liquid", "temperature", "density"]
Value = TypeVar("Value")

#: What counts as the same. The relaxation of Lennard-Jones mixtures is a function of rho^gamma / T
#: with gamma near 5 (Coslovich and Roland, arXiv:0709.1090), so that one per cent of density is
#: worth five of temperature.
_DENSITY = 0.01  # relative
_TEMPERATURE = 0.01  # relative
_SHARE = 0.02  # of all particles


@dataclass(frozen=True)
class StatePoint:
    """Where a liquid stands. Reduced Lennard-Jones units; None where it is not told.

    Parameters
    ----------
    liquid : its name, or the path of the file that describes it.
    temperature : of the heat bath.
    density : number density, lowest and highest.
    composition : share of the particles that are of species 0, 1, ...; empty if not told.
    """

    liquid: str | None = None
    temperature: float | None = None
    density: Range | None = None
    composition: tuple[Range, ...] = ()

    @classmethod
    def of(cls, snapshot: Configuration) -> Self:
        """State point of one snapshot."""
        density = float(f"{snapshot.density:.8g}")
        counts = np.bincount(snapshot.types) / max(1, snapshot.size)
        shares = tuple((round(float(c), 6),) * 2 for c in counts)
        told = cls.from_metadata(snapshot.metadata)
        return cls(told.liquid, told.temperature, (density, density), shares)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """Take what the metadata of a configuration, or of a dataset, tell."""
        return cls(*_told(metadata.get("liquid"), metadata.get("temperature")))

    @classmethod
    def stated(
        cls,
        liquid: str | Path | None = None,
        temperature: float | None = None,
        density: float | None = None,
    ) -> Self:
        """Take what a user states of data that may not tell it themselves.

        Raises
        ------
        SettingsError, InputError : for a liquid that is unknown or whose file cannot be used, for
            a temperature or a density that cannot be.
        """
        if liquid is not None:
            load_liquid_settings(liquid)
        if temperature is not None:
            check_temperature(temperature)
        if density is not None and not (np.isfinite(density) and density > 0):
            raise SettingsError(f"density must be positive, got {density:g}", "density")
        told = _told(liquid, temperature)
        return cls(*told, None if density is None else (density, density))

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read what :meth:`record` wrote; KeyError, ValueError or TypeError if it cannot be."""
        density = record["density"]
        shares = tuple(map(_as_range, record["composition"]))
        told = _told(record["liquid"], record["temperature"])
        return cls(*told, None if density is None else _as_range(density), shares)

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        liquid = f"liquid {self.liquid}" if self.liquid else "unnamed liquid"
        temperature = "unknown" if self.temperature is None else f"{self.temperature:g}"
        density = "unknown" if self.density is None else _range(self.density)
        return f"{liquid}, T = {temperature}, density {density}, {self.mixture}"

    @property
    def mixture(self) -> str:
        """Composition for people: ``80 % A, 20 % B``."""
        return ", ".join(
            f"{_range((100 * low, 100 * high))} % {species_name(s)}"
            for s, (low, high) in enumerate(self.composition)
            if high > 0
        )


class Resolved(NamedTuple):
    """A state point put together from all who say something of it.

    Parameters
    ----------
    point : with a liquid that can be loaded, where one was needed.
    assumed : what neither the data nor the user told, in words.
    """

    point: StatePoint
    assumed: tuple[str, ...]


def resolve(
    told: StatePoint,
    given: StatePoint,
    trained: Sequence[StatePoint] = (),
    needs: Mapping[Quantity, str] | None = None,
) -> Resolved:
    """State point of some data: as their file tells, or else the user, or else a model.

    A model speaks for liquid and temperature, if all it was trained on had the same, and for
    liquids that are built in only: one of the user's own is a file, which it does not carry.

    Parameters
    ----------
    told : by the file.
    given : by the user; see :meth:`StatePoint.stated`.
    trained : what a model was trained on.
    needs : what must be known, and what needs it, for the message. Only this is assumed.

    Raises
    ------
    SettingsError : if file and user contradict each other, or something needed is unknown. The
        sentence begins with a verb, for the caller to name the data that it is about.
    """
    needs, assumed = needs or {}, []
    liquid = _one_liquid(told.liquid, given.liquid)
    if liquid is None and "liquid" in needs:
        liquid = _only(p.liquid if p.liquid in BUILT_IN else None for p in trained)
        if liquid is None:
            raise SettingsError(
                f"does not say which liquid it is of, needed by {needs['liquid']}; name one of "
                f"{', '.join(BUILT_IN)}, or give a liquid's file",
                "liquid",
            )
        assumed.append(f"liquid {liquid}")
    if "liquid" in needs and not _loadable(liquid):
        raise SettingsError(
            f"is of the liquid '{liquid}', which is not built in; give its file", "liquid"
        )
    temperature = _one_number("temperature", told.temperature, given.temperature, 1e-5)
    if temperature is None and "temperature" in needs:
        temperature = _only(p.temperature for p in trained)
        if temperature is None:
            raise _untold("temperature", needs)
        assumed.append(f"T = {temperature:g}")
    density = _one_range(told.density, given.density)
    if density is None and "density" in needs:
        raise _untold("density", needs)
    return Resolved(StatePoint(liquid, temperature, density, told.composition), tuple(assumed))


def common_liquid(configurations: Sequence[Configuration]) -> str:
    """Liquid that all of some configurations are of.

    Raises
    ------
    SettingsError : if one does not say, or they are of several.
    """
    names = []
    for configuration in configurations:
        name = StatePoint.from_metadata(configuration.metadata).liquid
        if name is None:
            raise SettingsError(f"{configuration.name} does not say which liquid it is of")
        names.append(name)
    if len(set(names)) > 1:
        raise SettingsError(
            f"the configurations are of several liquids, {', '.join(sorted(set(names)))}"
        )
    return names[0]


def merged(points: Iterable[StatePoint]) -> tuple[StatePoint, ...]:
    """One state point for each liquid and temperature, in order of appearance."""
    found: dict[tuple[str | None, float | None], StatePoint] = {}
    for point in points:
        key = (point.liquid, point.temperature)
        known = found.get(key, point)
        shares = zip_longest(known.composition, point.composition, fillvalue=(0.0, 0.0))
        found[key] = StatePoint(
            *key, _joined(known.density, point.density), tuple(_join(a, b) for a, b in shares)
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
    densities = [p.density for p in points if p.density is not None]
    if snapshot.density is not None and densities and not _within(snapshot.density, densities):
        texts = dict.fromkeys(map(_range, densities))
        found.append(f"density {snapshot.density[0]:.4g} (trained on {', '.join(texts)})")
    told = snapshot.composition and all(p.composition for p in points)
    if told and not any(_inside(snapshot.composition, p.composition) for p in points):
        mixtures = dict.fromkeys(p.mixture for p in points)
        found.append(f"{snapshot.mixture} (trained on {'; '.join(mixtures)})")
    return found


def _one_liquid(told: str | None, given: str | None) -> str | None:
    """Name or file of the liquid that both name; the file where one names it by its file."""
    if told is None or given is None:
        return told if given is None else given
    if _name_of(told) != _name_of(given):
        raise SettingsError(f"says liquid '{_name_of(told)}', not '{_name_of(given)}'", "liquid")
    return told if is_liquid_file(told) else given


def _one_number(
    what: Quantity, told: float | None, given: float | None, tolerance: float
) -> float | None:
    if told is not None and given is not None and not _near(given, [told], tolerance):
        raise SettingsError(f"says {what} {told:g}, not {given:g}", what)
    return given if told is None else told


def _one_range(told: Range | None, given: Range | None) -> Range | None:
    if told is not None and given is not None and not _within(given, [told]):
        raise SettingsError(f"says density {_range(told)}, not {_range(given)}", "density")
    return given if told is None else told


def _untold(what: Quantity, needs: Mapping[Quantity, str]) -> SettingsError:
    return SettingsError(f"tells no {what}, needed by {needs[what]}; give it", what)


def _name_of(liquid: str) -> str:
    return load_liquid_settings(liquid).name if is_liquid_file(liquid) else liquid


def _loadable(liquid: str | None) -> bool:
    return liquid is not None and (liquid in BUILT_IN or is_liquid_file(liquid))


def _only(values: Iterable[Value | None]) -> Value | None:
    """Return the value that all of them have; None when they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


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


def _within(density: Range, known: Sequence[Range]) -> bool:
    low, high = density
    return any(a * (1 - _DENSITY) <= low and high <= b * (1 + _DENSITY) for a, b in known)


def _joined(a: Range | None, b: Range | None) -> Range | None:
    return _join(a, b) if a is not None and b is not None else a or b


def _join(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])


def _as_range(values: Sequence[float]) -> Range:
    low, high = values
    return float(low), float(high)


def _range(values: Range) -> str:
    low, high = (f"{v:.4g}" for v in values)
    return low if low == high else f"{low} to {high}"
