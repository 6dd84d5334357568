"""Run folders: what was asked, with what, and what came out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import remove_partials, write_atomically, write_json
from glasscast.errors import InputError, SettingsError
from glasscast.models.identity import by_content
from glasscast.models.settings import ModelSettings
from glasscast.runtime import versions
from glasscast.workflows.experiments import Data

EXPERIMENT, RECORD, LOG = "experiment.yaml", "run.json", "run.log"

log = logging.getLogger("glasscast")


def refuse_absent_files(*models: ModelSettings) -> None:
    """Make sure, before any work, that the files which settings name are there.

    Raises
    ------
    InputError : naming the first that is not.
    """
    for settings in models:
        by_content(settings)


class RunFolder:
    """A folder that belongs to one experiment; a rerun of the same goes on in it.

    One that holds the settings of an experiment and nothing else, since that was refused before
    it began, is free for another.

    Parameters
    ----------
    folder : created when absent.
    experiment : resolved settings; they are written to ``experiment.yaml``.

    Raises
    ------
    SettingsError : if the folder holds another experiment.
    """

    def __init__(self, folder: Path, experiment: BaseModel) -> None:
        self.folder = folder
        resolved = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)
        path = folder / EXPERIMENT
        kept = path.read_text(encoding="utf-8") if path.exists() else None
        begun = folder.is_dir() and any(other != path for other in folder.iterdir())
        if kept not in (None, resolved) and begun:
            raise SettingsError(
                f"{folder} holds another experiment; choose another --out or delete the folder"
            )
        if folder.is_dir():
            remove_partials(folder)
        if kept != resolved:
            write_atomically(path, resolved.encode())

    @property
    def finished(self) -> bool:
        """Whether the run has been completed."""
        return (self.folder / RECORD).exists()

    def finish(self, record: dict[str, Any]) -> None:
        """Write the record that marks the run as complete."""
        write_json(self.folder / RECORD, {"versions": versions(), **record})

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Send the log to the folder as well, while the run is at work."""
        handler = logging.FileHandler(self.folder / LOG, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)
            handler.close()


def read_run(folder: Path) -> dict[str, Any]:
    """Read the record of a finished run.

    Raises
    ------
    InputError : if the run is not finished.
    """
    path = folder / RECORD
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(path, f"is no record of a finished run ({error})") from None


def about(data: Dataset) -> dict[str, Any]:
    """Say for the record which data were used."""
    return {"data": data.name, "configurations": len(data)}


def open_data(data: Data) -> Dataset:
    """Open, split and join the datasets an experiment names, and pick its times.

    Raises
    ------
    InputError : if a folder is no dataset, or lacks the split, a configuration or a time.
    """
    opened = [Dataset.open(folder) for folder in data.datasets]
    if data.split is not None:
        opened = [dataset.split(data.split) for dataset in opened]
    joined = Dataset.join(opened)
    if data.configurations is not None:
        joined = joined.subset(data.configurations)
    return joined if data.times is None else joined.at_times(data.times)


def with_copies(train: Dataset, copies: Dataset | None) -> Dataset:
    """Training configurations, and those thermal copies that descend from them.

    Copies of other configurations are left out: these may be test data.
    """
    if copies is None:
        return train
    joined = Dataset.join([train, copies])
    parents = {entry.parent for entry in joined.entries[: len(train)]}
    return joined.subset([e.name for e in joined.entries if e.parent in parents])
