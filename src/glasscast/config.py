"""Experiment files: one YAML file an experiment, typed, complete, unknown keys refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from glasscast.errors import SettingsError
from glasscast.models.hyperparameters import Hyperparameters
from glasscast.models.registry import hyperparameter_class
from glasscast.yaml_files import parse_pair, read_mapping


def _model_settings(value: Any) -> Any:
    """Turn ``lr`` or ``{name: lr, order: 1}`` into the settings class of that model."""
    if isinstance(value, str):
        value = {"name": value}
    if isinstance(value, Mapping):
        if "name" not in value:
            raise ValueError("a model needs a 'name'")
        return hyperparameter_class(str(value["name"]))(**value)
    return value


ModelSettings = Annotated[SerializeAsAny[Hyperparameters], BeforeValidator(_model_settings)]


#: Labels name folders, so they hold nothing a path would trip over.
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._()^+=-]*$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Settings):
    """Which configurations: dataset folders, joined; a split or some by name; some times."""

    datasets: tuple[Path, ...] = Field(min_length=1, description="dataset folders, joined")
    split: str | None = Field(None, description="named split to take; all when absent")
    configurations: tuple[str, ...] | None = Field(
        None, min_length=1, description="names of those to take; all when absent"
    )
    times: tuple[float, ...] | None = Field(None, description="times to keep; all when absent")


class TrainExperiment(_Settings):
    """Train one model."""

    train: Data
    copies: Data | None = Field(
        None, description="thermal copies; those of training configurations are trained on too"
    )
    validation: Data | None = None
    test: Data | None = Field(None, description="scored after training, never trained on")
    model: ModelSettings
    seed: int = Field(0, ge=0)


class PublishedData(_Settings):
    """The published data set whose scores are laid beside ours."""

    dataset: str = Field(description="GlassBench-KA3D, GlassBench-KA2D or Bapst-KA3D")
    temperature: float = Field(gt=0)


class Copies(Data):
    """Thermal copies, and what the models use them for."""

    models: tuple[Label, ...] | None = Field(
        None, description="labels of those trained on them; all when absent"
    )
    averaged: tuple[Label, ...] = Field(
        (), description="labels of those that forecast the mean over a snapshot and its copies"
    )


class BenchmarkExperiment(_Settings):
    """Compare models on equal terms: the same configurations, folds and seeds for each.

    With ``test`` every model is trained on ``data`` and scored on ``test``; without it, ``data``
    is cross-validated by configuration.
    """

    data: Data
    copies: Copies | None = Field(
        None,
        description="thermal copies of `data`, trained on or averaged over beside the snapshots",
    )
    test: Data | None = None
    folds: int | Literal["each"] = Field(
        5, description="cross-validation folds; 'each' leaves out one configuration at a time"
    )
    models: dict[Label, ModelSettings] = Field(min_length=1, description="label -> model")
    training_sizes: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None,
        min_length=1,
        description="also train on only so many configurations of each part: the learning curve",
    )
    seed: int = Field(0, ge=0)
    tau_alpha: float | None = Field(None, gt=0, description="marked in figures")
    chi4_threshold: float = Field(
        0.3, gt=0, description="propensity beyond which chi_4 counts a particle as mobile, sigma"
    )
    published: PublishedData | None = Field(
        None, description="lay scores of the literature beside ours, marked as such"
    )

    @model_validator(mode="after")
    def _known_labels(self) -> BenchmarkExperiment:
        if self.copies is not None:
            unknown = {*(self.copies.models or ()), *self.copies.averaged} - set(self.models)
            if unknown:
                raise ValueError(f"copies names '{min(unknown)}', which is not among the models")
        return self


class StatePoint(_Settings):
    """Training and test data of one temperature, or of one liquid."""

    train: Data
    test: Data


class TransferExperiment(_Settings):
    """Train at some state points, score at all, to see how far what was learnt carries.

    The times of the state points are matched by their order, so each must have the same number.
    """

    states: dict[Label, StatePoint] = Field(min_length=2, description="label -> data")
    trainings: tuple[tuple[Label, ...], ...] | None = Field(
        None, description="state points trained on together; default: each alone, then all"
    )
    stages: tuple[float, ...] | None = Field(
        None, description="numbers for the matched times, such as t / tau_alpha; default 1, 2, .."
    )
    models: dict[Label, ModelSettings] = Field(min_length=1, description="label -> model")
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _known_states(self) -> TransferExperiment:
        unknown = {name for group in self.trainings or () for name in group} - set(self.states)
        if unknown:
            raise ValueError(f"trainings names '{min(unknown)}', which is not among the states")
        if any(not group for group in self.trainings or ()):
            raise ValueError("trainings: each must name at least one state")
        return self


Experiment = TypeVar("Experiment", TrainExperiment, BenchmarkExperiment, TransferExperiment)


def read_experiment(
    kind: type[Experiment], path: Path, overrides: Sequence[str] = ()
) -> Experiment:
    """Read and check an experiment file.

    Parameters
    ----------
    kind : the experiment's class.
    path : YAML file; folders and files in it are relative to it.
    overrides : ``key=value`` with dotted keys, applied on top (``model.order=1``).

    Raises
    ------
    InputError : if the file is missing or not YAML.
    SettingsError : naming the key and, for a misspelt one, the nearest known.
    """
    record = read_mapping(path)
    for override in overrides:
        _override(record, override)
    return validate(kind, record, path)


def validate(kind: type[Experiment], record: dict[str, Any], path: Path) -> Experiment:
    """Check a record against its schema and resolve its paths relative to the file."""
    try:
        experiment = kind(**record)
    except ValidationError as error:
        raise SettingsError(f"{path}: {_explain(kind, error, record)}") from None
    except (TypeError, SettingsError) as error:
        raise SettingsError(f"{path}: {error}") from None
    resolved: Experiment = _beside(path.resolve().parent, experiment)
    return resolved


def _beside(base: Path, value: Any) -> Any:
    """Resolve the paths anywhere in an experiment relative to its file."""
    if isinstance(value, Hyperparameters):
        return value.beside(base)
    if isinstance(value, Data):
        return value.model_copy(update={"datasets": tuple(base / p for p in value.datasets)})
    if isinstance(value, dict):
        return {key: _beside(base, part) for key, part in value.items()}
    if isinstance(value, _Settings):
        parts = {key: _beside(base, getattr(value, key)) for key in type(value).model_fields}
        return value.model_copy(update=parts)
    return value


def _override(record: dict[str, Any], override: str) -> None:
    key, value = parse_pair(override, "--set")
    *parents, last = key.split(".")
    target: Any = record
    for parent in parents:
        if isinstance(target, dict) and isinstance(target.get(parent), str) and parent == "model":
            target[parent] = {"name": target[parent]}
        target = target.setdefault(parent, {}) if isinstance(target, dict) else None
    if not isinstance(target, dict):
        raise SettingsError(f"--set {key}: there is nothing to set under '{'.'.join(parents)}'")
    target[last] = value


def _explain(kind: type[BaseModel], error: ValidationError, record: dict[str, Any]) -> str:
    """One line for the first error, with a suggestion for an unknown key."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or kind.__name__
    if first["type"] == "extra_forbidden":
        known = _known_keys(_settings_of_model(first["loc"], record) or kind)
        close = get_close_matches(str(first["loc"][-1]), sorted(known), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return f"unknown key '{where}'{hint}"
    return f"'{where}': {first['msg']}"


def _settings_of_model(loc: tuple[int | str, ...], record: Any) -> type[BaseModel] | None:
    """Return the settings class of the model that a location lies in, if it lies in one."""
    if loc[0] not in ("model", "models"):
        return None
    for part in loc[: 1 if loc[0] == "model" else 2]:
        record = record[part]
    return hyperparameter_class(record["name"]) if isinstance(record, Mapping) else None


def _known_keys(kind: type[BaseModel]) -> set[str]:
    """All keys of a schema, those of nested schemas included."""
    keys = set(kind.model_fields)
    for info in kind.model_fields.values():
        for part in (info.annotation, *get_args(info.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                keys |= _known_keys(part)
    return keys
