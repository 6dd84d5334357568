"""Turn files of any known format into a dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.ensemble import Ensemble
from glasscast.datasets.files import sha256, sha256_of_file
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.targets import reduce_ensemble
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, ShapeError
from glasscast.liquid.definition import LiquidSettings, load_liquid, load_liquid_settings
from glasscast.liquid.interactions import check_temperature
from glasscast.progress import track
from glasscast.runtime import Workspace
from glasscast.workflows.experiment_folder import log

#: Raised when the meaning of an imported field changes, so that old imports are made again.
TARGETS_VERSION = 1


def import_dataset(
    source: Path,
    out: Path,
    *,
    format_name: str | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
    liquid: str | None = None,
    temperature: float | None = None,
    workspace: Workspace | None = None,
) -> Dataset:
    """Read every configuration under ``source``, compute all targets, write a dataset.

    Configurations that are already there from the same files and settings are kept, so an
    interrupted import goes on with the same call. Splits named by the source (folders ``train``
    and ``test``) are kept.

    Parameters
    ----------
    source : file or folder.
    out : dataset folder.
    format_name : key of the format registry; recognised from the files when absent.
    options : passed to the reader, for example ``timestep``.
    liquid, temperature : of files that do not tell, as trajectories of one's own; a built-in name
        or the path of a YAML file, and the temperature in LJ units.

    Raises
    ------
    InputError : naming the first file that cannot be used or that says another liquid or
        temperature.
    SettingsError : for an unknown liquid or an impossible temperature.
    """
    stated = _Stated.make(liquid, temperature)
    workspace = workspace or Workspace()
    writer = DatasetWriter(out, name)
    splits: dict[str, list[str]] = {}
    nominal: np.ndarray[Any, np.dtype[np.float64]] | None = None
    ensembles = read_ensembles(source, format_name, **(options or {}))
    for read in track(workspace.progress, f"import {source.name}", ensembles, None):
        ensemble = stated.complete(read)
        if "split" in ensemble.metadata:
            splits.setdefault(str(ensemble.metadata["split"]), []).append(ensemble.name)
        # Times that mark each configuration's own relaxation are filed under the first's.
        if "scattering_levels" in ensemble.metadata:
            nominal = ensemble.times if nominal is None else nominal
        fingerprint = _fingerprint(ensemble, {**(options or {}), **stated.identity})
        if writer.has(ensemble.name, fingerprint):
            continue
        try:
            configuration = reduce_ensemble(ensemble, stated.sigma(ensemble), workspace.threads)
            if nominal is not None:
                configuration = configuration.with_fields(times=nominal)
        except ShapeError as error:
            raise InputError(ensemble.sources[0], str(error)) from None
        writer.add(configuration, fingerprint)
        log.info("imported %s", ensemble.name)
    return writer.finish(splits)


@dataclass(frozen=True)
class _Stated:
    """What the user says of files that do not say it themselves."""

    liquid: LiquidSettings | None
    temperature: float | None

    @classmethod
    def make(cls, liquid: str | None, temperature: float | None) -> _Stated:
        if temperature is not None:
            check_temperature(temperature)
        return cls(None if liquid is None else load_liquid_settings(liquid), temperature)

    @property
    def identity(self) -> dict[str, Any]:
        """What of this decides the result; empty where nothing is stated."""
        said: dict[str, Any] = {}
        if self.liquid is not None:
            said["liquid"] = self.liquid.model_dump_json()
        if self.temperature is not None:
            said["temperature"] = self.temperature
        return said

    def complete(self, ensemble: Ensemble) -> Ensemble:
        """Add what is stated to the metadata, after a check that nothing contradicts it."""
        source, metadata = ensemble.sources[0], dict(ensemble.metadata)
        if self.temperature is not None:
            told = metadata.setdefault("temperature", self.temperature)
            if not np.isclose(told, self.temperature):
                raise InputError(source, f"says temperature {told:g}, not {self.temperature:g}")
        if self.liquid is not None:
            told = metadata.setdefault("liquid", self.liquid.name)
            if told != self.liquid.name:
                raise InputError(source, f"says liquid '{told}', not '{self.liquid.name}'")
            dimension, liquid = ensemble.positions.shape[1], self.liquid.liquid()
            if dimension != liquid.dimension:
                raise InputError(
                    source, f"has {dimension} dimensions, {liquid.name} {liquid.dimension}"
                )
            try:
                liquid.check_types(ensemble.types)
            except ShapeError as error:
                raise InputError(source, str(error)) from None
        return replace(ensemble, metadata=metadata)

    def sigma(self, ensemble: Ensemble) -> np.ndarray[Any, np.dtype[np.float64]] | None:
        """Pair diameters of the liquid, if it is known."""
        if self.liquid is not None:
            return self.liquid.liquid().sigma
        liquid = ensemble.metadata.get("liquid")
        return None if liquid is None else load_liquid(str(liquid)).sigma


def _fingerprint(ensemble: Ensemble, options: Mapping[str, Any]) -> str:
    """Identity of an import: the bytes of its files, and how they are read."""
    files = [sha256_of_file(path) for path in ensemble.sources]
    text = json.dumps([TARGETS_VERSION, ensemble.name, files, sorted(options.items())], default=str)
    return sha256(text.encode())
