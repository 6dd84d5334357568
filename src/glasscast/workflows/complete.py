"""Snapshots from outside and a model: does one suit the other, and what is still missing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.metadata import Equilibrium
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.state_points import (
    Quantity,
    StatePoint,
    always_there,
    departures,
    resolve,
)
from glasscast.errors import ModelError, SettingsError
from glasscast.liquid.interactions import species_name
from glasscast.models.base import Model
from glasscast.simulation.engine import Engine
from glasscast.simulation.equilibrium_positions import completed


@dataclass(frozen=True)
class Needs:
    """What a snapshot needs before a model can read it.

    Parameters
    ----------
    missing : equilibrium positions that the model reads and the snapshot lacks.
    made : how those of the training were made, which theirs are to be like.
    liquid : to find them with, or that the model reads; None where it takes none.
    temperature : to find them with; a snapshot that tells none is taken to be at it.
    called : liquid that the snapshot's metadata are to name, where they name none.
    remarks : level of logging and line: how the snapshot differs from the training, and what is
        assumed of it.
    """

    missing: tuple[EquilibriumField, ...]
    made: Mapping[EquilibriumField, Equilibrium]
    liquid: str | None
    temperature: float | None
    called: str | None
    remarks: tuple[tuple[int, str], ...]


def examine(
    model: Model,
    snapshot: Configuration,
    given: StatePoint,
    copies: bool = False,
) -> Needs:
    """Make sure that a model can read a snapshot, and say what that lacks.

    Parameters
    ----------
    given : by the user, where the snapshot does not tell. When liquid or temperature are needed
        and not given either, those the model was trained on are taken, provided there is only one.
    copies : whether thermal copies are wanted.

    Raises
    ------
    ModelError : if its dimension or species are not those the model was trained on.
    SettingsError : if the liquid or the temperature are needed and nobody tells them, or what is
        given contradicts the snapshot.
    """
    model.check_structure(snapshot)
    told = snapshot.state_point
    remarks = _differences(model, snapshot, given)
    settings = model.settings
    missing = tuple(key for key in settings.equilibrium_positions if getattr(snapshot, key) is None)
    needs: dict[Quantity, str] = {}
    if settings.reads_liquid:
        needs["liquid"] = "the energies that the model reads"
    if missing:
        needs["liquid"] = "the equilibrium positions that the model reads"
    if "cage" in missing:
        needs["temperature"] = "the cage states that the model reads"
    if copies:
        needs |= {"liquid": "the thermal copies", "temperature": "the thermal copies"}
    try:
        point, assumed = resolve(told, given, model.state_points_, needs)
    except SettingsError as error:
        raise error.of(snapshot.name) from None
    if assumed:
        text = f"does not tell; assumed {', '.join(assumed)}, as the model was trained"
        remarks.append((logging.INFO, text))
    called = None
    if told.liquid is None:  # sizes and names of species are then those of the training, too
        trained = {p.liquid for p in model.state_points_}
        called = point.liquid or (trained.pop() if len(trained) == 1 else None)
    return Needs(
        missing, model.equilibrium_, point.liquid, point.temperature, called, tuple(remarks)
    )


def complete(snapshot: Configuration, needs: Needs, engine: Engine) -> Configuration:
    """Return the snapshot with what it lacked.

    Raises
    ------
    SettingsError, InputError : see :func:`glasscast.simulation.equilibrium_positions.completed`.
    """
    snapshot = completed(
        snapshot, needs.missing, engine, needs.liquid, needs.temperature, needs.made
    )
    told = snapshot.metadata.state_point
    point = replace(
        told,
        liquid=told.liquid if needs.called is None else needs.called,
        temperature=needs.temperature if told.temperature is None else told.temperature,
    )
    if point == told:
        return snapshot
    return snapshot.with_fields(metadata=snapshot.metadata.changed(state_point=point))


def _differences(model: Model, snapshot: Configuration, given: StatePoint) -> list[tuple[int, str]]:
    """Refuse a mixture of fewer species; remark on another state point, or other cages."""
    points, state = model.state_points_, snapshot.state_point
    absent = always_there(points) - set(snapshot.species)
    if absent:
        mixtures = "; ".join(dict.fromkeys(p.mixture for p in points))
        raise ModelError(
            f"{snapshot.name} holds no species {species_name(min(absent))}, the model was trained "
            f"on {mixtures}"
        )
    if given.temperature is not None:
        state = replace(state, temperature=given.temperature)
    found, remarks = departures(state, points), list[tuple[int, str]]()
    if found:
        text = f"{'; '.join(found)}: the forecast is an extrapolation"
        remarks.append((logging.WARNING, text))
    for field, how in snapshot.metadata.equilibrium.items():
        trained_on = model.equilibrium_.get(field)
        if trained_on and getattr(snapshot, field) is not None and how.by != trained_on.by:
            text = f"its '{field}' positions are {how}; the model was trained on {trained_on}"
            remarks.append((logging.WARNING, text))
    return remarks
