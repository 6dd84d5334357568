"""What the result of a fit depends on: settings, seed and data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import sha256_of_file
from glasscast.errors import InputError
from glasscast.models.files import WEIGHTS
from glasscast.models.settings import ModelSettings

#: Settings that change where and how fast the work is done, not its result.
_NO_MATTER = ("device", "graph_memory", "checkpoint_every", "checkpoint_seconds")


def by_content(settings: ModelSettings) -> ModelSettings:
    """Return the settings naming files by their checksums: a copy is the same file.

    Raises
    ------
    InputError : if a file is absent.
    """
    sums = {}
    for key, path in settings.files.items():
        file = path / WEIGHTS if path.is_dir() else path
        if not file.is_file():
            raise InputError(file, "does not exist", f"'{key}' names it")
        sums[key] = f"sha256 {sha256_of_file(file)}"
    return settings.model_copy(update=sums)


def fit_identity(
    settings: ModelSettings,
    seed: int,
    train: Sequence[Configuration],
    validation: Sequence[Configuration] = (),
) -> dict[str, Any]:
    """Tell a fit from others.

    Parameters
    ----------
    train, validation : what it learns from. Configurations of a dataset are known by the checksums
        of their files, their times and stages, others by their names.

    Returns
    -------
    JSON values by what they are, each setting by itself, so that what differs can be named.

    Raises
    ------
    InputError : if a file that the settings name is absent.
    """
    known = by_content(settings).model_dump(mode="json")
    name, training = known.pop("name"), known.pop("training", {})
    known |= {f"training.{key}": value for key, value in training.items()}
    return {
        "model": name,
        **{f"setting {k}": v for k, v in known.items() if k.split(".")[-1] not in _NO_MATTER},
        "seed": seed,
        "training set": data_identity(train),
        "validation set": data_identity(validation),
    }


def data_identity(data: Sequence[Configuration]) -> list[Any]:
    """Tell data from others, as JSON values; see :func:`fit_identity`."""
    if isinstance(data, Dataset):
        return [[e.checksum, e.kept_times, e.stages] for e in data.entries]
    return [configuration.name for configuration in data]
