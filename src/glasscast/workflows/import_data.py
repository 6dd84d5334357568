"""Turn files of any known format into a dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from glasscast.config import checked
from glasscast.datasets.chains import Chains
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset, is_unfinished
from glasscast.datasets.files import sha256, sha256_of_file
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.listing import list_files, name_below, split_of, survey
from glasscast.datasets.formats.registry import detect, find_format, read_ensembles
from glasscast.datasets.frames import Ensemble
from glasscast.datasets.kept_runs import kept_ensembles, runs_of
from glasscast.datasets.metadata import Metadata
from glasscast.datasets.ownership import owned, place_of
from glasscast.datasets.reversed_runs import ReversedRuns
from glasscast.datasets.scattering import AskedWave, Wave, wave_of
from glasscast.datasets.state_points import StatePoint, resolve
from glasscast.datasets.targets import reduce_ensemble
from glasscast.datasets.understood import Understood
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, SettingsError, ShapeError
from glasscast.inputs import reading as file_reading
from glasscast.liquid.box import FloatArray
from glasscast.liquid.definition import load_liquid, load_liquid_settings
from glasscast.progress import log, track
from glasscast.runtime import Workspace

#: Raised when the meaning of an imported field changes, so that old imports are made again.
TARGETS_VERSION = 3
#: What trajectories are taken for: runs from one configuration, these read from their ends, or
#: long runs whose every frame is a configuration.
Reading = Literal["ensemble", "reversed", "chain"]
#: More times than any run has frames.
_ALL_TIMES = 10**9


def import_data(
    source: Path | str,
    out: Path | str,
    *,
    reading: Reading = "ensemble",
    stride: int = 1,
    format_name: str | None = None,
    options: ReadOptions | Mapping[str, Any] | None = None,
    name: str | None = None,
    liquid: str | None = None,
    temperature: float | None = None,
    wave_number: AskedWave = "diameter",
    keep_runs: bool = False,
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
        run is a configuration, with the label of that run read backwards (the source may be a
        dataset that keeps its runs); with ``times`` among
        the options each of those frames is one. ``chain``: every file is one long run in
        equilibrium, every frame of it a configuration, labelled at the ``times`` of the options
        by the frames so much later and earlier.
    stride : frames of a chain from one configuration to the next.
    format_name : key of the format registry; recognised from the files when absent.
    options : what the files do not tell, such as ``{"timestep": 0.005}``; see
        :class:`~glasscast.datasets.formats.format.ReadOptions`.
    liquid, temperature : of files that do not tell, as trajectories of one's own; a built-in name
        or the path of a YAML file, and the temperature in LJ units, or in the units of the files
        where ``options`` scale these.
    wave_number : q of the scattering function F_s(q, t) of species A that is measured:
        ``diameter``, 2 pi / sigma_AA; ``peak``, the first of S(q) of the first configuration; or a
        number.
    keep_runs : whether the dataset keeps the runs, for :func:`~glasscast.workflows.analyse.analyse`
        and for reading them backwards.

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
    taken = _Taken.by(reading, options, stride, stated.liquid)
    if reading != "ensemble":
        work["as"] = reading
        identity |= {"as": reading, "stride": stride}
    else:
        taken = replace(taken, wave_number=wave_number, keep_runs=keep_runs)
        identity |= {} if wave_number == "diameter" else {"wave_number": wave_number}
    workspace = workspace or Workspace()
    with owned(out, "import", work, is_unfinished):
        ensembles = taken.read(source, format_name, options)
        tracked = track(workspace.progress, f"import {source.name}", ensembles, None)
        said = options.model_dump(mode="json", exclude_unset=True)
        understood = Understood(survey(source), said)
        writer = DatasetWriter(out, name)
        return _write(writer, tracked, stated, identity, workspace, taken, understood)


@dataclass(frozen=True)
class _Taken:
    """What the trajectories of an import are taken for, and what is to be said of that."""

    liquid: str | None
    backwards: ReversedRuns | None = None
    chains: Chains | None = None
    wave_number: AskedWave | None = None
    keep_runs: bool = False

    @classmethod
    def by(cls, reading: Reading, options: ReadOptions, stride: int, liquid: str | None) -> Self:
        """Settle how trajectories are read.

        Raises
        ------
        SettingsError : for a chain without times, or a stride where there is no chain.
        """
        if reading == "chain":
            lags = options.times
            lags = (float(lags),) if isinstance(lags, int) else lags
            return cls(liquid, chains=Chains(lags or (), stride))
        if stride != 1:
            raise SettingsError("only a chain has a stride", "stride")
        ends = options.times is None
        backwards = ReversedRuns(ends, liquid) if reading == "reversed" else None
        return cls(liquid, backwards=backwards)

    def read(
        self, source: Path, format_name: str | None, options: ReadOptions
    ) -> Iterator[Ensemble]:
        """Read the files so."""
        if self.chains is not None:
            whole = options.model_copy(update={"times": _ALL_TIMES})
            suffixes = find_format(format_name or detect(source)).suffixes
            for file in list_files(source, suffixes):
                for run in read_ensembles(file, format_name, whole):
                    split = run.metadata | split_of(file, source)
                    named = replace(run, name=name_below(file, source), metadata=split)
                    yield from self.chains.read(named, self.liquid)
            return
        if self.backwards is None:
            if Dataset.is_one(source):
                yield from kept_ensembles(Dataset.open(source), options.times)
            else:
                yield from read_ensembles(source, format_name, options)
            return
        if Dataset.is_one(source):
            ensembles = kept_ensembles(Dataset.open(source), options.times)
        else:
            ensembles = read_ensembles(source, format_name, options)
        for ensemble in ensembles:
            yield from self.backwards.read(ensemble)

    def wave(self, ensemble: Ensemble, sigma: FloatArray | None) -> Wave | None:
        """Settle the wave number by one ensemble; None where no runs are averaged."""
        if self.wave_number is None or not len(ensemble.times):
            return None
        parent = ensemble.parent
        diameter = 1.0 if sigma is None else float(sigma[0, 0])
        return wave_of(self.wave_number, parent.positions, parent.types, parent.box, diameter)

    def record(self) -> dict[str, Any]:
        """Say what was found, once all are read."""
        if self.chains is not None:
            told = {"as": "chain", "runs": (1, 2), "chains": self.chains.records}
            return told | {"reliability": self._worth()}
        if self.backwards is not None:
            told = {"as": "reversed", "runs": (1, 1), "reliability": self._worth()}
            return told | self.backwards.record()
        return {"as": "ensemble"}

    def _worth(self) -> dict[str, dict[str, float]]:
        """Reliability of a single run's label by species and time."""
        read = self.chains or self.backwards
        return {} if read is None else read.reliability()

    def remarks(self) -> list[str]:
        """Return what a user should hear of, once all are read."""
        read = self.chains or self.backwards
        found = [] if read is None else list(read.remarks)
        for species, shares in self._worth().items():
            listed = ", ".join(f"{share:.2f} at t = {time}" for time, share in shares.items())
            found.append(f"reliability of a single run's label, species {species}: {listed}")
        return found


def _write(
    writer: DatasetWriter,
    ensembles: Iterable[Ensemble],
    stated: StatePoint,
    identity: Mapping[str, Any],
    workspace: Workspace,
    taken: _Taken,
    understood: Understood,
) -> Dataset:
    """Reduce and write each ensemble that is not there yet, then the manifest."""
    wave: Wave | None = None
    splits: dict[str, list[str]] = {}
    files: dict[Path, str] = {}
    told = set[tuple[Path, str]]()
    for read in ensembles:
        ensemble = _completed(read, stated)
        for remark in ensemble.metadata.get("remarks", ()):
            if (ensemble.sources[0], remark) not in told:
                told.add((ensemble.sources[0], remark))
                log.warning("%s: %s", ensemble.name, remark)
        if "split" in ensemble.metadata:
            splits.setdefault(str(ensemble.metadata["split"]), []).append(ensemble.name)
        files |= {path: sha256_of_file(path) for path in ensemble.sources if path not in files}
        fingerprint = _fingerprint(ensemble, [files[path] for path in ensemble.sources], identity)
        configuration = writer.finished(ensemble.name, fingerprint)
        if configuration is None or (taken.keep_runs and not writer.keeps_runs(ensemble.name)):
            if taken.keep_runs:
                writer.keep_runs(ensemble.name, ensemble.times, runs_of(ensemble))
            wave = wave or taken.wave(ensemble, _sigma(ensemble, stated))
            configuration = _reduced(ensemble, stated, workspace, wave)
            writer.add(configuration, fingerprint)
            log.info("imported %s", _understood(configuration))
        understood.add(ensemble, configuration)
    liquid = None if stated.liquid is None else load_liquid_settings(stated.liquid)
    source = understood.source(taken.record())
    dataset = writer.finish(splits, [source], liquid=liquid)
    summary, *left = understood.lines()
    log.info("%s", summary)
    for line in (*taken.remarks(), *left):
        log.warning("%s", line)
    return dataset


def _reduced(
    ensemble: Ensemble, stated: StatePoint, workspace: Workspace, wave: Wave | None
) -> Configuration:
    with file_reading(ensemble.sources[0]):
        try:
            return reduce_ensemble(ensemble, _sigma(ensemble, stated), workspace.threads, wave)
        except ShapeError as error:
            raise InputError(ensemble.sources[0], str(error)) from None


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
        if (named := stated.liquid or metadata.get("liquid")) is not None:
            liquid = load_liquid(named)
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
