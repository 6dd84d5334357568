"""The folder of an experiment: what was asked, with what, and what came out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from glasscast.config import Settings, read_mapping
from glasscast.datasets.files import remove_partials, write_atomically, write_json
from glasscast.datasets.identity import Identity, changed_values
from glasscast.datasets.locks import locked
from glasscast.datasets.ownership import visible
from glasscast.errors import InputError, SettingsError
from glasscast.inputs import read_json
from glasscast.models.identity import NO_MATTER, files_of, flat
from glasscast.models.settings import ModelSettings
from glasscast.progress import log
from glasscast.runtime import versions

EXPERIMENT, OUTCOME, LOG = "experiment.yaml", "run.json", "run.log"


@contextmanager
def place(out: Path | str | None, command: str) -> Iterator[Path]:
    """Give the folder asked for, to one writer; without one, one that is gone at the end.

    Raises
    ------
    InputError : if the folder cannot be written, or another process does so.
    """
    if out is not None:
        with locked(Path(out), command):
            yield Path(out)
        return
    with TemporaryDirectory(prefix="glasscast-") as folder:
        yield Path(folder)


def refuse_absent_files(*models: ModelSettings) -> None:
    """Make sure, before any work, that the files which settings name are there.

    Raises
    ------
    InputError : naming the first that is not.
    """
    for settings in models:
        files_of(settings)


class ExperimentFolder:
    """A folder that belongs to one experiment; a rerun of the same goes on in it.

    One that holds the settings of an experiment and nothing else, since that was refused before
    it began, is free for another.

    Parameters
    ----------
    folder : created when absent.
    experiment : resolved settings; they are written to ``experiment.yaml``, complete, so that the
        same experiment can be asked for by that file, as it lies.
    identity : what the outcome depends on; None where all of it is made again in every run.

    Raises
    ------
    SettingsError : if the folder holds anything but this experiment, or one finished from other
        inputs, naming what differs.
    InputError : if the record of a finished one is damaged.
    """

    def __init__(
        self, folder: Path, experiment: Settings, identity: Identity | None = None
    ) -> None:
        self.folder, self.identity = folder, identity
        path, wanted = folder / EXPERIMENT, experiment.within(folder).model_dump(mode="json")
        others = [p for p in visible(folder) if p != path] if folder.is_dir() else []
        if others:
            self._refuse_another(path, others[0], wanted)
        if identity is not None and self.finished:
            self._refuse_other_inputs(identity)
        if folder.is_dir():
            remove_partials(folder)
        write_atomically(path, yaml.safe_dump(wanted, sort_keys=False).encode())

    def _refuse_another(self, path: Path, other: Path, wanted: Mapping[str, Any]) -> None:
        """Refuse a folder of another experiment, or of none; where it is done does not matter."""
        what = f"'{other.name}', which is of no experiment"
        if path.exists():
            kept, now = (
                {k: v for k, v in flat(record).items() if k.split(".")[-1] not in NO_MATTER}
                for record in (read_mapping(path), wanted)
            )
            change = changed_values(kept, now)
            if not change:
                return
            what = f"another experiment: {change[0]}"
        raise SettingsError(
            f"{self.folder} holds {what}; choose another folder or delete it", "out"
        )

    def _refuse_other_inputs(self, identity: Identity) -> None:
        change = identity.change_since(read_outcome(self.folder).get("identity"))
        if change:
            raise SettingsError(
                f"{self.folder} is finished, but what it was made from is not what it is now: "
                f"{change}; choose another folder, or delete it to start anew",
                "out",
            )

    @property
    def finished(self) -> bool:
        """Whether the experiment has been completed."""
        return (self.folder / OUTCOME).exists()

    def finish(self, record: dict[str, Any]) -> None:
        """Write the record that marks the experiment as complete."""
        made_from = {} if self.identity is None else {"identity": self.identity.to_json()}
        write_json(self.folder / OUTCOME, {"versions": versions(), **record, **made_from})

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Send the log to the folder as well, while the experiment is at work."""
        handler = logging.FileHandler(self.folder / LOG, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)
            handler.close()


def read_outcome(folder: Path) -> dict[str, Any]:
    """Read the record of a finished experiment.

    Raises
    ------
    InputError : if it is not finished, or the record is damaged.
    """
    path = folder / OUTCOME
    if not path.exists():
        raise InputError(folder, "holds no record of a finished experiment")
    return read_json(path)
