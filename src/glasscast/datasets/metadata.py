"""What a configuration says of itself beside its arrays; docs/data.md explains each key.

Version 1 wrote one flat record. It is upgraded where it is met, in a file or from a reader that
knows a few keys: what has a place of its own goes there, the rest into ``records``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from glasscast.datasets.records import (
    EquilibriumField,
    Kind,
    Parent,
    Record,
    Root,
    SpeciesName,
    TauFrom,
    WaveNumberFrom,
)
from glasscast.datasets.stages import Stages
from glasscast.datasets.state_points import StatePoint
from glasscast.errors import GlasscastError, ShapeError
from glasscast.liquid.definition import load_liquid
from glasscast.liquid.interactions import species_name

#: Letters of a message: what it quotes may be of any length.
_LONGEST_MESSAGE = 500
#: Keys that version 1 kept at the top; the others it had are free.
_MOVED = ("liquid", "temperature", "pressure", "density", "tau_alpha", "parent", "thermal_copy")


class Units(Record):
    """One reduced unit in the units of the files that were read."""

    style: str
    sigma: float = Field(gt=0)
    epsilon: float = Field(gt=0)
    mass: float = Field(gt=0)
    time: float = Field(gt=0)
    temperature: float = Field(gt=0)


class Definitions(Record):
    """Cutoffs behind labels, in sigma; null: another's, unknown."""

    bonds: float | None = Field(default=None, gt=0)
    strain: float | None = Field(default=None, gt=0)
    bond_breaking: tuple[float, float] | None = None


class Equilibrium(Record):
    """How equilibrium positions were made, seeds apart.

    ``minimisation`` (force_tolerance); ``monte-carlo`` (temperature, radius, cycles); ``runs``
    (number, time, mean ``at end`` or ``over time``; ``independent``: not the runs behind labels);
    ``given``: from a file, unknown.
    """

    by: Literal["minimisation", "monte-carlo", "runs", "given"]
    force_tolerance: float | None = Field(default=None, gt=0)
    temperature: float | None = Field(default=None, gt=0)
    radius: float | None = Field(default=None, gt=0)
    cycles: int | None = Field(default=None, ge=1)
    runs: int | None = Field(default=None, ge=1)
    time: float | None = Field(default=None, gt=0)
    mean: Literal["at end", "over time"] | None = None
    independent: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; what is unknown is left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def common(self, other: Self) -> Self:
        """Return what both agree on."""
        mine, theirs = self.to_json(), other.to_json()
        return type(self)(**{k: v for k, v in mine.items() if theirs.get(k) == v})

    def __str__(self) -> str:
        match self.by:
            case "minimisation":
                return "minimised"
            case "monte-carlo":
                numbers = {"R_cage =": self.radius, "cycles": self.cycles}
                known = [f"{what} {value:g}" for what, value in numbers.items() if value]
                return ", ".join(["restricted Monte Carlo", *known])
            case "runs":
                return f"mean over {self.runs} runs of t = {self.time:g}"
        return "as given"


class Origin(Record):
    """What a snapshot descends from.

    Parameters
    ----------
    kind : see :data:`Kind`.
    parent : the configuration it was made from, NAME here or DATASET/NAME; None: itself.
    root : first 16 hex digits of the fingerprint of the snapshot that all of its family descend
        from; finds a family across datasets, whatever they are named. None: its own, or unknown.
    run : number of the trajectory it was taken from.
    time : how long after the parent, or the start of the chain.
    """

    kind: Kind = "start"
    parent: Parent | None = None
    root: Root | None = None
    run: int | None = Field(default=None, ge=0)
    time: float | None = Field(default=None, ge=0)


class MeasuredRelaxation(Record):
    """How the runs behind the labels relax, and the relaxation time told of the state point.

    Parameters
    ----------
    q, q_from, species : wave number, where it comes from, and whose motion is measured.
    times, scattering, squared_displacement : F_s(q, t) and mean-square displacement against time.
    tau_alpha, tau_from : relaxation time and how it was found.
    """

    q: float | None = Field(default=None, gt=0)
    q_from: WaveNumberFrom | None = None
    species: SpeciesName | None = None
    times: tuple[float, ...] = ()
    scattering: tuple[float, ...] = ()
    squared_displacement: tuple[float, ...] = ()
    tau_alpha: float | None = Field(default=None, gt=0)
    tau_from: TauFrom | None = None


class Metadata(Record):
    """What a configuration says of itself.

    Parameters
    ----------
    species : names of species 0, 1, ...; empty: see :func:`species_names`.
    state_point : liquid, temperature and pressure as told; density and composition are those of
        the arrays, see :attr:`Configuration.state_point`.
    units : of the files that were read; None: these were reduced.
    definitions : cutoffs behind the labels.
    origin : what it descends from.
    equilibrium : how ``inherent`` and ``cage`` were made.
    relaxation : of the runs behind its labels.
    stages : that the rows of labels are; None: they go by time.
    source : names of files, or the program that made it.
    fingerprint : of sources and settings; the same one need not be made again.
    records : free JSON values: seeds, costs, evidence.
    """

    species: tuple[SpeciesName, ...] = ()
    state_point: StatePoint = StatePoint()
    units: Units | None = None
    definitions: Definitions = Definitions()
    origin: Origin = Origin()
    equilibrium: dict[EquilibriumField, Equilibrium] = Field(default_factory=dict)
    relaxation: MeasuredRelaxation | None = None
    stages: Stages | None = None
    source: tuple[str, ...] = ()
    fingerprint: str | None = None
    records: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, Any], times: tuple[float, ...] = ()) -> Self:
        """Read a record of either version; see :func:`upgraded`.

        Raises
        ------
        ShapeError : naming the key that cannot be used.
        """
        try:
            found = upgraded(record, times)
        except (ValidationError, TypeError, ValueError, AttributeError) as error:
            raise ShapeError(f"'metadata' cannot be used: {error}") from None
        return cls.checked(found)

    @classmethod
    def checked(cls, record: Mapping[str, Any]) -> Self:
        """Read a record of this version.

        Raises
        ------
        ShapeError : naming the key that cannot be used.
        """
        try:
            json.dumps(record)
            return cls(**record)
        except ValidationError as error:
            raise ShapeError(f"'metadata': {first_problem(error)}") from None
        except (TypeError, ValueError, RecursionError) as error:
            raise ShapeError(f"'metadata' must hold JSON values: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; what is unknown or its default is left out."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def changed(self, **changes: Any) -> Self:
        """Return a copy with some keys replaced."""
        return self.model_copy(update=changes)


def first_problem(error: ValidationError) -> str:
    """Key and reason of the first thing that cannot be used."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")[:_LONGEST_MESSAGE]
    return f"'{where:.200}': {message}" if where else message


def upgraded(record: Mapping[str, Any], times: tuple[float, ...] = ()) -> dict[str, Any]:
    """Turn a flat record of version 1 into one of version 2; what is of version 2 stays.

    Parameters
    ----------
    times : of the labels, which version 1 did not repeat in its scattering functions.
    """
    known = {k: v for k, v in record.items() if k in Metadata.model_fields or k.startswith("x_")}
    free = {k: v for k, v in record.items() if k not in known and k not in _MOVED}
    records = dict(known.get("records") or {}) | free
    found: dict[str, Any] = {**known}
    point = {k: record[k] for k in ("liquid", "temperature", "pressure") if k in record}
    if point:
        found["state_point"] = point
    if isinstance(known.get("source"), str):
        found["source"] = (known["source"],)
    if "parent" in record:
        run = record.get("thermal_copy") or {}
        found["origin"] = {"kind": "copy", "parent": record["parent"], "time": run.get("time")}
        records |= {"thermal_copy": run} if run else {}
    keys: tuple[EquilibriumField, ...] = ("inherent", "cage")
    made = {k: _how(k, records[k]).model_dump(exclude_none=True) for k in keys if k in records}
    if made and "equilibrium" not in known:
        found["equilibrium"] = made
    relaxation = _relaxation(
        records.get("production"), record.get("tau_alpha"), times, record.get("liquid")
    )
    if relaxation and "relaxation" not in known:
        found["relaxation"] = relaxation
    if records:
        found["records"] = records
    return found


def how_made(
    key: EquilibriumField, settings: Mapping[str, Any], temperature: float | None = None
) -> Equilibrium:
    """Tell how minimisation, restricted Monte Carlo or short runs with these settings find them."""
    if key == "inherent":
        return Equilibrium(by="minimisation", force_tolerance=settings.get("force_tolerance"))
    if settings.get("by") == "runs":
        told = {key: settings[key] for key in ("runs", "time")}
        return Equilibrium(by="runs", mean="at end", independent=True, **told)
    return Equilibrium(
        by="monte-carlo",
        temperature=temperature,
        radius=settings.get("radius"),
        cycles=settings.get("cycles"),
    )


def _how(key: EquilibriumField, evidence: Any) -> Equilibrium:
    """How version 1 found equilibrium positions, as far as it kept that."""
    told = evidence if isinstance(evidence, Mapping) else {}
    return how_made(key, told.get("settings") or {}, told.get("temperature"))


def _relaxation(production: Any, tau: Any, times: tuple[float, ...], liquid: Any) -> dict[str, Any]:
    """How version 1 told of the runs of a simulation: at q = 2 pi / sigma_AA, of species A."""
    found: dict[str, Any] = {} if tau is None else {"tau_alpha": tau}
    told = production if isinstance(production, Mapping) else {}
    curves = {k: told[k] for k in ("scattering", "squared_displacement") if k in told}
    if curves and len(times) == len(next(iter(curves.values()))):
        found |= {"q_from": "2 pi / sigma_AA", "times": times, **curves}
        with suppress(GlasscastError):
            known = load_liquid(str(liquid))
            found |= {"q": float(2 * math.pi / known.sigma[0, 0]), "species": known.species[0]}
    return found


def species_names(count: int, liquid: str | None) -> tuple[str, ...]:
    """Name so many species as the liquid does where it can be loaded, else A, B, ..."""
    try:
        names = () if liquid is None else load_liquid(liquid).species
    except GlasscastError:
        names = ()
    if len(names) >= count:
        return tuple(names)
    return tuple(species_name(s) for s in range(count))
