"""Snapshots from outside and a model: does one suit the other, and what is still missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.state_points import StatePoint, always_there, departures
from glasscast.errors import ModelError
from glasscast.liquid.definition import BUILT_IN
from glasscast.liquid.interactions import species_name
from glasscast.models.base import Model
from glasscast.simulation.equilibrium import completed
from glasscast.simulation.thermal_copies import copies_of

Value = TypeVar("Value")


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
    settings, known, assumed = model.hyperparameters, snapshot.metadata, []
    missing = [key for key in settings.equilibrium if getattr(snapshot, key) is None]
    nameless = known.get("liquid") is None
    if nameless and liquid is None and (missing or settings.reads_liquid or copies):
        # A liquid of one's own is a file, which the model does not carry.
        liquid = _only(p.liquid if p.liquid in BUILT_IN else None for p in model.state_points_)
        if liquid is not None:
            assumed.append(f"liquid {liquid}")
    warm = "cage" in missing or copies > 0
    if warm and temperature is None and known.get("temperature") is None:
        temperature = _only(p.temperature for p in model.state_points_)
        if temperature is not None:
            assumed.append(f"T = {temperature:g}")
    if assumed:
        say(logging.INFO, f"does not tell; assumed {', '.join(assumed)}, as the model was trained")
    snapshot = completed(snapshot, missing, liquid, temperature)
    if nameless and liquid is not None and settings.reads_liquid:
        snapshot = snapshot.with_fields(metadata={**known, "liquid": liquid})
    if not copies:
        return [snapshot]
    return [snapshot, *copies_of(snapshot, copies, time, liquid, temperature)]


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


def _only(values: Iterable[Value | None]) -> Value | None:
    """Return the value that all of them have; None when they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
