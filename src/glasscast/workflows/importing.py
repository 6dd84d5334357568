"""Turn files of any known format into a dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.dataset import Dataset, DatasetWriter
from glasscast.datasets.ensemble import Ensemble
from glasscast.datasets.files import sha256, sha256_of_file
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError, ShapeError
from glasscast.liquid.definition import load_liquid
from glasscast.progress import track
from glasscast.structure.workspace import Workspace
from glasscast.workflows.runs import log

#: Raised when the meaning of an imported field changes, so that old imports are made again.
TARGETS_VERSION = 1


def import_dataset(
    source: Path,
    out: Path,
    *,
    format_name: str | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
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

    Raises
    ------
    InputError : naming the first file that cannot be used.
    """
    workspace = workspace or Workspace()
    writer = DatasetWriter(out, name)
    splits: dict[str, list[str]] = {}
    nominal: np.ndarray[Any, np.dtype[np.float64]] | None = None
    ensembles = read_ensembles(source, format_name, **(options or {}))
    for ensemble in track(workspace.progress, f"import {source.name}", ensembles, None):
        if "split" in ensemble.metadata:
            splits.setdefault(str(ensemble.metadata["split"]), []).append(ensemble.name)
        # Times that mark each configuration's own relaxation are filed under the first's.
        if "scattering_levels" in ensemble.metadata:
            nominal = ensemble.times if nominal is None else nominal
        fingerprint = _fingerprint(ensemble, options or {})
        if writer.has(ensemble.name, fingerprint):
            continue
        try:
            configuration = reduce_ensemble(ensemble, _sigma(ensemble), workspace.threads)
            if nominal is not None:
                configuration = configuration.with_fields(times=nominal)
        except ShapeError as error:
            raise InputError(ensemble.sources[0], str(error)) from None
        writer.add(configuration, fingerprint)
        log.info("imported %s", ensemble.name)
    return writer.finish(splits)


def _sigma(ensemble: Ensemble) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    liquid = ensemble.metadata.get("liquid")
    return None if liquid is None else load_liquid(str(liquid)).sigma


def _fingerprint(ensemble: Ensemble, options: Mapping[str, Any]) -> str:
    """Identity of an import: the bytes of its files, and how they are read."""
    files = [sha256_of_file(path) for path in ensemble.sources]
    text = json.dumps([TARGETS_VERSION, ensemble.name, files, sorted(options.items())], default=str)
    return sha256(text.encode())
