"""Snapshots from outside and a model: does one suit the other, and what is still missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from glasscast.datasets.configuration import Configuration
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
from glasscast.simulation.equilibrium import completed
from glasscast.simulation.thermal_copies import copies_of


def suited(
    model: Model,
    snapshot: Configuration,
    liquid: str | None,
    temperature: float | None,
    say: Callable[[int, str], None],
    copies: int = 0,
    time: float = 5.0,
) -> list[Configuration]:
    """Make sure that a model can read a snapshot, and complete what it lacks.

    Parameters
    ----------
    liquid, temperature : where the snapshot's metadata do not tell. When they are needed and not
        given either, those the model was trained on are taken, provided there is only one.
    say : called with a level of logging and a line: a warning where the snapshot is unlike what
        the model was trained on, and what was assumed, before any work.

    Returns
    -------
    The snapshot with the equilibrium positions the model reads and, if it asks, the liquid's name.

    Raises
    ------
    ModelError : if its dimension or species are not those the model was trained on.
    SettingsError, InputError : see :func:`glasscast.simulation.equilibrium.completed`.
    """
    model.check_structure(snapshot)
    _compare(model, snapshot, temperature, say)
    told, given = StatePoint.of(snapshot), StatePoint.stated(liquid, temperature)
    settings = model.settings
    missing = [key for key in settings.equilibrium_positions if getattr(snapshot, key) is None]
    needs = _needs(missing, settings.reads_liquid, copies)
    try:
        point, assumed = resolve(told, given, model.state_points_, needs)
    except SettingsError as error:
        raise SettingsError(f"{snapshot.name}: {error}", error.parameter) from None
    if assumed:
        say(logging.INFO, f"does not tell; assumed {', '.join(assumed)}, as the model was trained")
    snapshot = completed(snapshot, missing, point.liquid, point.temperature)
    if settings.reads_liquid and point.liquid != told.liquid:
        metadata = {**snapshot.metadata, "liquid": point.liquid}
        snapshot = snapshot.with_fields(metadata=metadata)
    if not copies:
        return [snapshot]
    return [snapshot, *copies_of(snapshot, copies, time, point.liquid, point.temperature)]


def _needs(missing: Sequence[str], reads_liquid: bool, copies: int) -> dict[Quantity, str]:
    """Say what must be known to complete a snapshot, and what for."""
    needs: dict[Quantity, str] = {}
    if reads_liquid:
        needs["liquid"] = "the energies that the model reads"
    if missing:
        needs["liquid"] = "the equilibrium positions that the model reads"
    if "cage" in missing:
        needs["temperature"] = "the cage states that the model reads"
    if copies:
        needs |= {"liquid": "the thermal copies", "temperature": "the thermal copies"}
    return needs


def _compare(
    model: Model,
    snapshot: Configuration,
    temperature: float | None,
    say: Callable[[int, str], None],
) -> None:
    """Refuse a mixture of fewer species; warn of another state point."""
    points, state = model.state_points_, StatePoint.of(snapshot)
    absent = always_there(points) - set(snapshot.species)
    if absent:
        mixtures = "; ".join(dict.fromkeys(p.mixture for p in points))
        raise ModelError(
            f"{snapshot.name} holds no species {species_name(min(absent))}, the model was trained "
            f"on {mixtures}"
        )
    if temperature is not None:
        state = replace(state, temperature=temperature)
    found = departures(state, points)
    if found:
        say(logging.WARNING, f"{'; '.join(found)}: the forecast is an extrapolation")
