"""What the configurations of a dataset have in common, and when they may stand together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.metadata import Definitions, Equilibrium, Units
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.stages import Stages
from glasscast.datasets.state_points import Range, StatePoint, spanned
from glasscast.errors import ShapeError

#: Densities of one state point differ by less, relative, where no pressure is told. A thousand
#: particles at constant pressure fluctuate by 0.4 per cent.
_SPREAD = 0.03


@dataclass(frozen=True, kw_only=True)
class Common:
    """What the configurations of a dataset have in common.

    Parameters
    ----------
    dimension : of space.
    species : names of species 0, 1, ...
    state_point : what is told of it, and the ranges of density and composition.
    stages : what the rows of labels are; without values where joined datasets differ in them.
    units : one reduced unit in those of the files that were read; None: these were reduced.
    definitions : cutoffs behind the labels.
    equilibrium : how equilibrium positions were made, by field.
    """

    dimension: int = 3
    species: tuple[str, ...] = ()
    state_point: StatePoint = field(default_factory=StatePoint)
    stages: Stages = field(default_factory=Stages)
    units: Units | None = None
    definitions: Definitions = field(default_factory=Definitions)
    equilibrium: Mapping[EquilibriumField, Equilibrium] = field(default_factory=dict)

    def told(self) -> dict[str, str]:
        """Name and value of what is known, in a few words each."""
        point, stages = self.state_point, self.stages
        found = {
            "dimension": self.dimension,
            "liquid": point.liquid_name,
            "temperature": point.temperature,
            "pressure": point.pressure,
            "density": point.density_text,
            "tau_alpha": stages.tau_alpha,
            "stages": None if stages.by == "time" else f"by {stages.by}",
            "units": None if self.units is None else self.units.style,
        }
        return {key: str(value) for key, value in found.items() if value is not None}


def common_of(configuration: Configuration) -> Common:
    """Return what one configuration says."""
    told, stages = configuration.metadata, configuration.stages
    if stages.by != "time":
        own = ((t, t) if t == t else None for t in configuration.times.tolist())
        stages = stages.model_copy(update={"times": tuple(own)})
    elif told.relaxation is not None:
        known = {"tau_alpha": told.relaxation.tau_alpha, "tau_from": told.relaxation.tau_from}
        stages = stages.model_copy(update=known)
    return Common(
        dimension=configuration.dimension,
        species=configuration.species_names,
        state_point=configuration.state_point,
        stages=stages,
        units=told.units,
        definitions=told.definitions,
        equilibrium=configuration.equilibrium,
    )


def together(a: Common, b: Common, whose: tuple[str, str]) -> Common:
    """Return what two parts of one dataset have in common.

    Parameters
    ----------
    whose : names of the two, for the message.

    Raises
    ------
    ShapeError : naming what is not the same.
    """
    one, other = a.state_point, b.state_point
    _same("liquid", one.liquid_name, other.liquid_name, whose)
    for key in ("temperature", "pressure"):
        _same(key, getattr(one, key), getattr(other, key), whose)
    found = spanned(one, other)
    if one.pressure is None and found.density is not None:
        low, high = found.density
        if high > low * (1 + _SPREAD):
            _same("density", one.density_text, other.density_text, whose)
    mine, theirs = (_same_for_all(c.stages) for c in (a, b))
    _same("times", mine.values, theirs.values, whose)
    _same("stages", mine, theirs, whose)
    spans: tuple[Range | None, ...] | None = None
    if a.stages.times is not None and b.stages.times is not None:
        rows = zip(a.stages.times, b.stages.times, strict=True)
        spans = tuple(_span(mine, theirs) for mine, theirs in rows)
    stages = a.stages.model_copy(update={"times": spans})
    return replace(joined(a, b, whose), stages=stages)


def _same_for_all(stages: Stages) -> Stages:
    """Return what of its stages each configuration must say alike; its own 1/e time need not be."""
    own = {"tau_alpha": None} if stages.tau_from == "1/e" else {}
    return stages.model_copy(update={"times": None, **own})


def _span(a: Range | None, b: Range | None) -> Range | None:
    return a or b if a is None or b is None else (min(a[0], b[0]), max(a[1], b[1]))


def joined(a: Common, b: Common, whose: tuple[str, str]) -> Common:
    """Return what two datasets agree on, and the ranges of what varies.

    Parameters
    ----------
    whose : names of the two, for the message.

    Raises
    ------
    ShapeError : naming what cannot stand together: dimension, names of species, units, cutoffs of
        labels, or the kind of equilibrium positions.
    """
    _same("dimension", a.dimension, b.dimension, whose)
    shared = min(len(a.species), len(b.species))
    _same("species", a.species[:shared], b.species[:shared], whose)
    if a.units is not None and b.units is not None:
        _same("units", a.units, b.units, whose)
    return Common(
        dimension=a.dimension,
        species=max(a.species, b.species, key=len),
        state_point=spanned(a.state_point, b.state_point),
        stages=_agreed_stages(a.stages, b.stages),
        units=a.units or b.units,
        definitions=_agreed_definitions(a.definitions, b.definitions, whose),
        equilibrium=_agreed_equilibrium(a.equilibrium, b.equilibrium, whose),
    )


def _agreed_stages(a: Stages, b: Stages) -> Stages:
    """Stages of both; what they differ in is left out, the values if the rows are not the same."""
    if (a.by, a.values) == (b.by, b.values):
        differ = [key for key in Stages.model_fields if getattr(a, key) != getattr(b, key)]
        return a.model_copy(update=dict.fromkeys(differ))
    return Stages(tau_alpha=a.tau_alpha if a.tau_alpha == b.tau_alpha else None)


def _agreed_definitions(a: Definitions, b: Definitions, whose: tuple[str, str]) -> Definitions:
    found = {}
    for key in Definitions.model_fields:
        mine, theirs = getattr(a, key), getattr(b, key)
        if mine is not None and theirs is not None:
            _same(f"definitions.{key}", mine, theirs, whose)
        found[key] = theirs if mine is None else mine
    return Definitions(**found)


def _agreed_equilibrium(
    a: Mapping[EquilibriumField, Equilibrium],
    b: Mapping[EquilibriumField, Equilibrium],
    whose: tuple[str, str],
) -> dict[EquilibriumField, Equilibrium]:
    """How both made them; of the same kind, settings that differ or are not told are left out."""
    found = {**b, **a}
    for key in a.keys() & b.keys():
        mine, theirs = a[key], b[key]
        if "given" not in (mine.by, theirs.by):
            _same(f"equilibrium.{key}", mine.by, theirs.by, whose)
        if mine.by != theirs.by:
            found[key] = Equilibrium(by="given")
        else:
            differ = [k for k in Equilibrium.model_fields if getattr(mine, k) != getattr(theirs, k)]
            found[key] = mine.model_copy(update=dict.fromkeys(differ))
    return found


def _same(key: str, mine: object, theirs: object, whose: tuple[str, str]) -> None:
    if mine != theirs:
        raise ShapeError(f"'{key}' is {mine} for {whose[0]} but {theirs} for {whose[1]}")
