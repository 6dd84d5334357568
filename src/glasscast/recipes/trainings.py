"""The models behind the figures: one list, shared by all recipes, at two scales."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from glasscast.config import Settings, checked, read_mapping, validate
from glasscast.errors import SettingsError
from glasscast.models.registry import settings_class
from glasscast.models.settings import ModelSettings

Scale = Literal["sample", "paper"]


class Start(Settings):
    """A training whose weights others start from."""

    time: float = Field(gt=0, description="that it learns, in LJ units at T = 0.44")
    model: dict[str, Any]


class ScaleSettings(Settings):
    """What all trainings of a scale have in common."""

    models: dict[str, dict[str, Any]] = Field(description="model -> settings of its trainings")
    per_time: tuple[str, ...] = Field((), description="models of which one is trained a time")
    seeds: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="model -> how often each of its trainings is repeated"
    )
    pretraining: Start | None = Field(None, description="what `pretrained` trainings start from")


class TrainingSettings(Settings):
    """One training of the catalogue."""

    model: dict[str, Any] = Field(description="name, and settings that differ from the scale's")
    paper: dict[str, Any] = Field({}, description="settings at the scale of the paper alone")
    pretrained: bool = Field(False, description="starts from the scale's pretraining")


class Trainings(Settings):
    """``trainings.yaml``."""

    scales: dict[Scale, ScaleSettings]
    trainings: dict[str, TrainingSettings]
    watched: tuple[str, ...] = Field(
        (), description="keys of those whose test scores are noted at every epoch"
    )


@cache
def all_trainings() -> Trainings:
    """Every training of the catalogue."""
    with as_file(files("glasscast.recipes") / "catalogue" / "trainings.yaml") as path:
        return validate(Trainings, read_mapping(path), Path(path))


def model_settings(training: str, scale: Scale) -> ModelSettings:
    """Return the settings of a training's model.

    Parameters
    ----------
    training : key of ``trainings.yaml``.
    scale : of the bundled sample, or the paper's.

    Raises
    ------
    SettingsError : if there is no such training, or its settings cannot be used.
    """
    known = all_trainings()
    if training not in known.trainings:
        raise SettingsError(f"there is no training '{training}' in the catalogue")
    named = known.trainings[training]
    name = str(named.model.get("name"))
    chosen = _laid_over(known.scales[scale].models.get(name, {}), named.model)
    if scale == "paper":
        chosen = _laid_over(chosen, named.paper)
    try:
        return checked(settings_class(name), chosen)
    except SettingsError as error:
        raise error.of(f"training '{training}' at {scale} scale") from None


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Join two mappings and those within; what is above wins."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = _laid_over(under, value) if both and under is not None else value
    return merged
