"""State points: liquid, temperature, density and mixture of data, and of what a model knows.

Files, users and models each may say something of a state point. :func:`resolve` is the one place
that puts together what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

import numpy as np
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from glasscast.errors import SettingsError
from glasscast.liquid.definition import (
    BUILT_IN,
    is_liquid_file,
    load_liquid_settings,
    name_of_liquid,
)
from glasscast.liquid.interactions import check_temperature, species_name


def _ascending(values: tuple[float, float]) -> tuple[float, float]:
    low, high = values
    if not 0 <= low <= high:
        raise ValueError(f"a range goes from the lowest up, got {low:g}, {high:g}")
    return values


def _told(values: Any) -> Any:
    return () if values is None else values


#: Lowest and highest value among the configurations of a state point.
Range = Annotated[tuple[float, float], AfterValidator(_ascending)]
#: What of a state point a computation can need.
Quantity = Literal["liquid", "temperature", "density"]
Value = TypeVar("Value")

#: What counts as the same. The relaxation of Lennard-Jones mixtures is a function of rho^gamma / T
#: with gamma near 5 (Coslovich and Roland, arXiv:0709.1090), so that one per cent of density is
#: worth five of temperature.
_DENSITY = 0.01  # relative
_TEMPERATURE = 0.01  # relative
_SHARE = 0.02  # of all particles


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class StatePoint:
    """Where a liquid stands. Reduced Lennard-Jones units; None where it is not told.

    Parameters
    ----------
    liquid : its name, or the path of the file that describes it.
    temperature : of the heat bath.
    density : number density, lowest and highest.
    composition : share of the particles that are of species 0, 1, ...; empty if not told.
    pressure : that the box was held at; then each configuration has a density of its own.
    times : lowest and highest time of each row of labels that a model learned, None where not
        reached; empty elsewhere.
    """

    liquid: str | None = None
    temperature: float | None = Field(default=None, gt=0)
    density: Range | None = None
    composition: Annotated[tuple[Range, ...], BeforeValidator(_told)] = ()
    pressure: float | None = None
    times: tuple[Range | None, ...] = ()

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
        return cls(
            None if liquid is None else str(liquid),
            None if temperature is None else float(temperature),
            None if density is None else (density, density),
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what :meth:`record` wrote; KeyError, ValueError or TypeError if it cannot be."""
        for key in ("liquid", "temperature", "density", "composition"):
            record[key]  # all must be there, though none need be known
        return cls(**record)

    def record(self) -> dict[str, Any]:
        """Return JSON values, the liquid by its name wherever its file lies."""
        record = asdict(self) | {"liquid": self.liquid_name}
        if not self.times:
            del record["times"]
        return record

    def __str__(self) -> str:
        liquid = f"liquid {self.liquid_name}" if self.liquid else "unnamed liquid"
        temperature = "unknown" if self.temperature is None else f"{self.temperature:g}"
        return (
            f"{liquid}, T = {temperature}, density {self.density_text or 'unknown'}, {self.mixture}"
        )

    @property
    def liquid_name(self) -> str | None:
        """Name of the liquid, where it is given by a file that within."""
        return None if self.liquid is None else name_of_liquid(self.liquid)

    @property
    def density_text(self) -> str | None:
        """Density for people: ``1.2``, or ``1.2 to 1.21``; None where it is not told."""
        return None if self.density is None else _range(self.density)

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
    point = StatePoint(liquid, temperature, density, told.composition, told.pressure)
    return Resolved(point, tuple(assumed))


def common_liquid(points: Mapping[str, StatePoint]) -> str:
    """Liquid that all of some configurations are of, by name.

    Raises
    ------
    SettingsError : if one does not say, or they are of several.
    """
    names = []
    for name, point in points.items():
        if point.liquid is None:
            raise SettingsError(f"{name} does not say which liquid it is of")
        names.append(point.liquid)
    if len(set(names)) > 1:
        raise SettingsError(
            f"the configurations are of several liquids, {', '.join(sorted(set(names)))}"
        )
    return names[0]


def merged(points: Iterable[StatePoint]) -> tuple[StatePoint, ...]:
    """One state point for each liquid and temperature, in order of appearance."""
    found: dict[tuple[str | None, float | None], StatePoint] = {}
    for point in points:
        key = (point.liquid_name, point.temperature)
        found[key] = spanned(found.get(key, point), point)
    return tuple(found.values())


def spanned(a: StatePoint, b: StatePoint) -> StatePoint:
    """Return what two state points agree on, and the ranges of what varies."""
    shares = zip_longest(
        a.composition or b.composition, b.composition or a.composition, fillvalue=(0.0, 0.0)
    )
    return StatePoint(
        a.liquid if a.liquid_name == b.liquid_name else None,
        a.temperature if a.temperature == b.temperature else None,
        _joined(a.density, b.density),
        tuple(_join(mine, theirs) for mine, theirs in shares),
        a.pressure if a.pressure == b.pressure else None,
        _joined_times(a.times, b.times),
    )


def always_there(points: Sequence[StatePoint]) -> set[int]:
    """Species that every configuration of every state point held."""
    there = [{s for s, (low, _) in enumerate(p.composition) if low > 0} for p in points]
    return set.intersection(*there) if there else set()


def times_of_stages(points: Sequence[StatePoint], snapshot: StatePoint) -> tuple[Range | None, ...]:
    """Return the times of each row in trainings at a state point; empty if there were none."""
    same = [
        p
        for p in points
        if p.liquid_name == snapshot.liquid_name
        and p.temperature is not None
        and snapshot.temperature is not None
        and _near(snapshot.temperature, [p.temperature], _TEMPERATURE)
    ]
    return same[0].times if len(same) == 1 else ()


def departures(snapshot: StatePoint, points: Sequence[StatePoint]) -> list[str]:
    """Say where a snapshot lies outside of what a model was trained on, a phrase each.

    Empty when it lies inside, or when nothing is recorded of the training. What the snapshot or
    the record do not tell is not compared.
    """
    if not points:
        return []
    found = []
    liquids = list(dict.fromkeys(p.liquid_name for p in points))
    liquid = snapshot.liquid_name
    if liquid is not None and None not in liquids and liquid not in liquids:
        found.append(f"liquid {liquid} (trained on {', '.join(map(str, liquids))})")
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
    if (ours := name_of_liquid(told)) != (theirs := name_of_liquid(given)):
        raise SettingsError(f"says liquid '{ours}', not '{theirs}'", "liquid")
    if is_liquid_file(told) and is_liquid_file(given) and told != given:
        mine, yours = (load_liquid_settings(path).interactions() for path in (told, given))
        if mine != yours:
            raise SettingsError(
                f"holds other interactions of the liquid '{ours}' than the file that is given",
                "liquid",
            )
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


def _loadable(liquid: str | None) -> bool:
    return liquid is not None and (liquid in BUILT_IN or is_liquid_file(liquid))


def _only(values: Iterable[Value | None]) -> Value | None:
    """Return the value that all of them have; None when they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


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


def _joined_times(
    a: tuple[Range | None, ...], b: tuple[Range | None, ...]
) -> tuple[Range | None, ...]:
    return tuple(map(_joined, a, b)) if len(a) == len(b) else ()


def _joined(a: Range | None, b: Range | None) -> Range | None:
    return _join(a, b) if a is not None and b is not None else a or b


def _join(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1])


def _range(values: Range) -> str:
    low, high = (f"{v:.4g}" for v in values)
    return low if low == high else f"{low} to {high}"
