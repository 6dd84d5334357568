"""Turn files of any known format into a dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from glasscast.config import checked
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset, is_unfinished
from glasscast.datasets.files import sha256, sha256_of_file
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.frames import Ensemble
from glasscast.datasets.manifest import Source
from glasscast.datasets.metadata import Metadata
from glasscast.datasets.ownership import owned, place_of
from glasscast.datasets.reversed_runs import ReversedRuns
from glasscast.datasets.state_points import StatePoint, resolve
from glasscast.datasets.targets import reduce_ensemble
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, SettingsError, ShapeError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.definition import load_liquid, load_liquid_settings
from glasscast.progress import log, track
from glasscast.runtime import Workspace

#: Raised when the meaning of an imported field changes, so that old imports are made again.
TARGETS_VERSION = 2
#: What trajectories are taken for: runs from one configuration, or these read from their ends.
Reading = Literal["ensemble", "reversed"]


def import_data(
    source: Path | str,
    out: Path | str,
    *,
    reading: Reading = "ensemble",
    lags: Sequence[float] | None = None,
    format_name: str | None = None,
    options: ReadOptions | Mapping[str, Any] | None = None,
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
    reading : ``ensemble``: runs from one configuration are averaged. ``reversed``: the end of each
        run is a configuration, with the label of that run read backwards.
    lags : times of the labels of reversed runs; the longest when absent.
    format_name : key of the format registry; recognised from the files when absent.
    options : what the files do not tell, such as ``{"timestep": 0.005}``; see
        :class:`~glasscast.datasets.formats.format.ReadOptions`.
    liquid, temperature : of files that do not tell, as trajectories of one's own; a built-in name
        or the path of a YAML file, and the temperature in LJ units, or in the units of the files
        where ``options`` scale these.

    Raises
    ------
    InputError : naming the first file that cannot be used or that says another liquid or
        temperature.
    SettingsError : for an unknown liquid or an impossible temperature, or if something else than
        an earlier import of the same source lies in ``out``.
    """
    source, out = Path(source), Path(out)
    stated = StatePoint.stated(liquid, temperature)
    if not isinstance(options, ReadOptions):
        options = checked(ReadOptions, options or {})
    identity = options.model_dump(exclude_unset=True) | _identity(stated)
    work = {"source": place_of(source, out)}
    if lags is not None and reading == "ensemble":
        raise SettingsError("an ensemble has the times of its files", "lags")
    if reading != "ensemble":
        work["as"] = reading
        identity |= {"as": reading, "lags": None if lags is None else list(lags)}
    workspace = workspace or Workspace()
    with owned(out, "import", work, is_unfinished):
        ensembles = read_ensembles(source, format_name, options)
        taken = _Taken(reading, None if reading == "ensemble" else ReversedRuns(lags))
        tracked = track(workspace.progress, f"import {source.name}", taken.of(ensembles), None)
        return _write(DatasetWriter(out, name), tracked, stated, identity, workspace, taken)


@dataclass
class _Taken:
    """What the trajectories of an import are taken for, and what is to be said of that."""

    reading: Reading
    backwards: ReversedRuns | None

    def of(self, ensembles: Iterable[Ensemble]) -> Iterator[Ensemble]:
        """Read ensembles so."""
        for ensemble in ensembles:
            if self.backwards is None:
                yield ensemble
            else:
                yield from self.backwards.read(ensemble)

    def record(self) -> dict[str, Any]:
        """Say what was found, once all are read."""
        told: dict[str, Any] = {"as": self.reading}
        if self.backwards is not None:
            told |= {"runs": (1, 1), "reliability": self.backwards.reliability()}
        return told


def _write(
    writer: DatasetWriter,
    ensembles: Iterable[Ensemble],
    stated: StatePoint,
    identity: Mapping[str, Any],
    workspace: Workspace,
    taken: _Taken,
) -> Dataset:
    """Reduce and write each ensemble that is not there yet, then the manifest."""
    splits: dict[str, list[str]] = {}
    found, files = "", dict[Path, str]()
    told = set[tuple[Path, str]]()
    for read in ensembles:
        ensemble = _completed(read, stated)
        for remark in ensemble.metadata.get("remarks", ()):
            if (ensemble.sources[0], remark) not in told:
                told.add((ensemble.sources[0], remark))
                log.warning("%s: %s", ensemble.name, remark)
        if "split" in ensemble.metadata:
            splits.setdefault(str(ensemble.metadata["split"]), []).append(ensemble.name)
        found = ensemble.metadata.get("format", "")
        files |= {path: sha256_of_file(path) for path in ensemble.sources if path not in files}
        fingerprint = _fingerprint(ensemble, [files[path] for path in ensemble.sources], identity)
        if writer.has(ensemble.name, fingerprint):
            continue
        try:
            configuration = reduce_ensemble(ensemble, _sigma(ensemble, stated), workspace.threads)
        except ShapeError as error:
            raise InputError(ensemble.sources[0], str(error)) from None
        writer.add(configuration, fingerprint)
        log.info("imported %s", _understood(configuration))
    record = {"how": "import", "format": found, "files": len(files), **taken.record()}
    for species, worth in record.get("reliability", {}).items():
        listed = ", ".join(f"{share:.2f} at t = {time}" for time, share in worth.items())
        log.info("reliability of a single run's label, species %s: %s", species, listed)
    return writer.finish(splits, [Source(**record)])


def _understood(configuration: Configuration) -> str:
    """Return one line on what a configuration was taken for; the metadata hold the same."""
    times, runs, metadata = configuration.times, configuration.runs, configuration.metadata
    told = [
        configuration.name,
        str(metadata.records.get("format", "")),
        f"{runs.max()} trajectories" if runs is not None and len(runs) else "",
        f"{len(times)} times from {times[0]:g} to {times[-1]:g}" if len(times) else "",
        str(metadata.records.get("coordinates", "")),
        f"species {', '.join(metadata.species)}" if metadata.species else "",
    ]
    return ", ".join(filter(None, told))


def _identity(stated: StatePoint) -> dict[str, Any]:
    """Return what of a statement decides the result; empty where nothing is stated."""
    said: dict[str, Any] = {}
    if stated.liquid is not None:
        said["liquid"] = load_liquid_settings(stated.liquid).model_dump_json()
    if stated.temperature is not None:
        said["temperature"] = stated.temperature
    return said


def _completed(ensemble: Ensemble, stated: StatePoint) -> Ensemble:
    """Add what is stated to the metadata, after a check that nothing contradicts it."""
    source, metadata = ensemble.sources[0], dict(ensemble.metadata)
    if "units" in metadata and stated.temperature is not None:
        reduced = stated.temperature / metadata["units"]["temperature"]
        stated = replace(stated, temperature=reduced)
    try:
        point = resolve(Metadata.of(metadata).state_point, stated).point
        if stated.liquid is not None:
            liquid = load_liquid(stated.liquid)
            liquid.check_types(ensemble.parent.types)
            dimension = ensemble.parent.positions.shape[1]
            if liquid.dimension != dimension:
                raise ShapeError(f"has {dimension} dimensions, {liquid.name} {liquid.dimension}")
            metadata.setdefault("liquid", liquid.name)
    except (SettingsError, ShapeError) as error:
        raise InputError(source, str(error), parameter=error.parameter) from None
    if point.temperature is not None:
        metadata.setdefault("temperature", point.temperature)
    return replace(ensemble, metadata=metadata)


def _sigma(ensemble: Ensemble, stated: StatePoint) -> FloatArray | None:
    """Pair diameters of the liquid, if it is known."""
    liquid = stated.liquid or ensemble.metadata.get("liquid")
    return None if liquid is None else load_liquid(str(liquid)).sigma


def _fingerprint(ensemble: Ensemble, contents: Sequence[str], options: Mapping[str, Any]) -> str:
    """Identity of an import: the bytes of its files by their hashes, and how they are read."""
    said = [TARGETS_VERSION, ensemble.name, list(contents), sorted(options.items())]
    return sha256(json.dumps(said, default=str).encode())
