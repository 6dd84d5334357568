"""What the result of a fit depends on: settings, seed, version, and all that is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import sha256_of_file
from glasscast.datasets.identity import Identity, Input, inputs_of
from glasscast.errors import InputError
from glasscast.liquid.definition import is_liquid_file, liquid_files
from glasscast.models.files import RECORD, WEIGHTS
from glasscast.models.settings import ModelSettings
from glasscast.runtime import versions

#: Settings that change where and how fast the work is done, not its result.
NO_MATTER = ("device", "graph_memory", "checkpoint_every", "checkpoint_seconds")


def fit_identity(
    settings: ModelSettings,
    seed: int,
    train: Sequence[Configuration],
    validation: Sequence[Configuration] = (),
) -> Identity:
    """Say what a fit depends on; what is made of the fit depends on more.

    Settings count by their content: files that they name by checksum, wherever these lie, and
    neither the name of a preset, whose settings stand beside it, nor what only changes where the
    work is done. Configurations of a dataset count by the
    checksums of their files, their parents and the times chosen, others by all they hold.

    Raises
    ------
    InputError : if a file that the settings name is absent.
    """
    named = settings.files
    values = {
        f"setting {key}": value
        for key, value in flat(
            settings.model_dump(mode="json", exclude={"name", "preset", *named})
        ).items()
        if key.split(".")[-1] not in NO_MATTER
    }
    return Identity(
        {"glasscast": versions()["glasscast"], "model": settings.name, "seed": seed, **values},
        (
            *inputs_of(train, "train"),
            *inputs_of(validation, "validation"),
            *files_of(settings),
            *_liquids_of([train, validation]),
        ),
    )


def files_of(settings: ModelSettings) -> tuple[Input, ...]:
    """List the files that settings name: of a saved model both, of a liquid its tables too.

    Raises
    ------
    InputError : naming the setting, if one is absent.
    """
    return tuple(
        _input(f"setting {key}", name, file, f"'{key}' names it")
        for key, path in settings.files.items()
        for name, file in _parts(path).items()
    )


def flat(record: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of nested records by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        path = f"{above}{key}"
        found |= flat(value, f"{path}.") if isinstance(value, dict) and value else {path: value}
    return found


def _liquids_of(data: Sequence[Sequence[Configuration]]) -> tuple[Input, ...]:
    """List the files of liquids that configurations name; most name one by its name."""
    told: dict[str, None] = {}
    for part in data:
        states = [part] if isinstance(part, Dataset) else part
        told |= {liquid: None for s in states if (liquid := s.state_point.liquid)}
    return tuple(
        _input(f"liquid {number}", name, file, "the configurations name it")
        for number, path in enumerate(map(Path, filter(is_liquid_file, told)))
        for name, file in _parts(path).items()
    )


def _parts(path: Path) -> dict[str, Path]:
    """Files that a path stands for, by what tells them apart."""
    if path.is_dir():
        return {name: path / name for name in (RECORD, WEIGHTS)}
    return liquid_files(path) if is_liquid_file(path) and path.is_file() else {"": path}


def _input(use: str, name: str, file: Path, why: str) -> Input:
    if not file.is_file():
        raise InputError(file, "does not exist", why)
    return Input(use, name, sha256_of_file(file), file.name)
