"""What ``model.json`` must hold whatever the model: checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from glasscast.datasets.metadata import first_problem
from glasscast.datasets.records import SpeciesName
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError
from glasscast.liquid.definition import MOST_SPECIES


class _Use(BaseModel):
    """A file that was read in training."""

    model_config = ConfigDict(extra="allow", strict=True)

    use: str
    name: str


class _TrainedOn(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    inputs: list[_Use] = Field(default_factory=list)


class _Score(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    dataset: str
    species: str
    value: float | None


class _Provenance(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    trained_on: list[Any] = Field(default_factory=list)
    validated_on: list[Any] = Field(default_factory=list)


class _Card(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    scores: list[_Score] = Field(default_factory=list)


class ModelRecord(BaseModel):
    """The keys that all models share; each model checks its own."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    hyperparameters: dict[str, Any]
    dimension: Literal[2, 3]
    species: Annotated[list[SpeciesName], Field(min_length=1, max_length=MOST_SPECIES)]
    stages: Stages
    state_points: list[dict[str, Any]] = Field(default_factory=list)
    reads: dict[str, Any] = Field(default_factory=dict)
    trained_on: _TrainedOn | list[str] = Field(default_factory=list)
    provenance: _Provenance = Field(default_factory=_Provenance)
    card: _Card = Field(default_factory=_Card)
    weights_sha256: str

    @model_validator(mode="after")
    def _told(self) -> Self:
        if not self.stages.values:
            raise ValueError("'stages' has no row")
        if len(set(self.species)) < len(self.species):
            raise ValueError(f"'species' names one twice: {self.species}")
        return self


def check_record(path: Path, record: Mapping[str, Any]) -> None:
    """Refuse a record that lacks or garbles what all models share.

    Raises
    ------
    InputError : naming the key.
    """
    try:
        ModelRecord(**record)
    except ValidationError as error:
        missing = next((e["loc"][0] for e in error.errors() if e["type"] == "missing"), None)
        if missing is not None:
            raise InputError(path, f"lacks the key '{missing}'") from None
        raise InputError(path, first_problem(error)) from None
