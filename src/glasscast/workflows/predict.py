"""Forecast snapshots with a trained model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.formats.registry import read_snapshot
from glasscast.datasets.state_points import (
    Quantity,
    StatePoint,
    always_there,
    departures,
    resolve,
)
from glasscast.errors import InputError, ModelError, SettingsError, ShapeError
from glasscast.liquid.interactions import species_name
from glasscast.models.base import Model
from glasscast.models.registry import Device, load_model
from glasscast.progress import log, track
from glasscast.report.page import Page
from glasscast.report.sections import (
    data_section,
    limit_section,
    particle_section,
    provenance_section,
    summary_section,
    view_section,
)
from glasscast.runtime import Workspace
from glasscast.simulation.copies import SEPARATION, copies_of
from glasscast.simulation.engine import Engine
from glasscast.simulation.equilibrium_positions import completed
from glasscast.simulation.registry import EngineChoice, load_engine
from glasscast.workflows.forecast import Forecast, Forecasts
from glasscast.workflows.forecast_folder import ForecastFolder, Source, forecast_folder

_DRAWN = 4  # snapshots in the figures of a report


#: What can be forecast: a file or folder, a snapshot, a dataset, or several of them.
Snapshots = str | Path | Configuration | Dataset | Sequence[str | Path | Configuration]


def predict(
    model: Model | Path | str,
    snapshots: Snapshots,
    *,
    out: Path | str | None = None,
    formats: Sequence[str] = ("xyz",),
    joined: bool = False,
    species: Sequence[str] | None = None,
    report: bool = False,
    density: float | None = None,
    liquid: str | None = None,
    temperature: float | None = None,
    copies: int = 0,
    copy_time: float = 5.0,
    engine: EngineChoice | None = None,
    device: Device | None = None,
    workspace: Workspace | None = None,
) -> Forecast | Forecasts:
    """Forecast every particle of one snapshot or of many.

    A model that reads inherent structures or cage states gets them made where a snapshot carries
    none. Liquid and temperature are those of the snapshot or those given, else those the model was
    trained on; the log and the forecast say so, and where a snapshot is unlike what the model was
    trained on.

    Parameters
    ----------
    model : fitted, its folder, that of its training, or the name of a ready model.
    snapshots : configurations, files of any readable format, dataset folders.
    out : folder for the forecasts, one file a snapshot and format, each written as soon as it is
        made; equal names are told apart by the folders they come from. Nothing is written
        without it.
    formats : endings of the files: ``xyz``, ``gsd``, ``csv``, ``parquet``, ``npz``.
    joined : write all snapshots of a trajectory or dataset into one file, a frame each.
    species : names to write instead of those of the liquid, such as ``("Ni", "P")``.
    report : write ``report.html`` into ``out`` as well.
    density : number density, for files without a box.
    liquid, temperature : to find equilibrium positions with, where a snapshot does not tell.
    copies, copy_time : forecast the mean over so many thermal copies as well, this long after the
        snapshot; only at times far longer.
    engine : that finds equilibrium positions and runs copies; see
        :func:`glasscast.simulation.registry.load_engine`.
    device : ``cpu``, ``cuda`` or ``auto``; the one the model was trained on by default.

    Returns
    -------
    One forecast for one configuration or for a file that holds one; else all, in order.

    Raises
    ------
    InputError, ModelError, ShapeError : if a file or snapshot does not suit the model, by its
        dimension or species for example.
    SettingsError : if ``out`` holds anything but these forecasts of an earlier call, two snapshots
        cannot be told apart, or equilibrium positions are needed of a liquid or temperature not
        known.
    """
    if report and out is None:
        raise SettingsError("a report needs a folder to be written to", "out")
    given = StatePoint.stated(liquid, temperature, density)
    fitted, moved_by = load_model(model, workspace, device), load_engine(engine)
    sources = _sources(snapshots)

    def forecast(folder: ForecastFolder | None) -> Iterator[Forecast]:
        for number, source in enumerate(sources):
            said: set[str] = set()
            made: list[Forecast] = []
            opened = _opened(source, density)
            for snapshot in track(fitted.workspace.progress, source.name, opened, None):
                try:
                    needs = examine(fitted, snapshot, given, copies > 0)
                    remarks = _say(source.name, needs, said)
                    whole = [complete(snapshot, needs, moved_by)]
                    if copies:
                        state = needs.liquid, needs.temperature
                        whole += copies_of(whole[0], copies, copy_time, moved_by, *state)
                    mean = fitted.predict_mean(whole, SEPARATION * copy_time)
                except (ModelError, ShapeError, SettingsError) as error:
                    raise (error.of(source) if isinstance(source, Path) else error) from None
                made.append(Forecast.of(mean, remarks))
                if folder is not None:
                    folder.add(number, len(made) - 1, made[-1])
            if folder is not None:
                folder.close(number, made)
            yield from made

    if out is None:
        forecasts = list(forecast(None))
    else:
        names = [_names(source, density) for source in sources]  # read now, before any work
        with forecast_folder(
            Path(out),
            model,
            sources,
            names,
            formats=formats,
            joined=joined,
            species=species,
            assumed={
                "liquid": liquid,
                "temperature": temperature,
                "density": density,
                "copies": [copies, copy_time] if copies else None,
            },
        ) as folder:
            forecasts = list(forecast(folder))
            if report:
                report_forecasts(Path(out), forecasts, fitted)
    one = isinstance(snapshots, str | Path | Configuration) and len(forecasts) == 1
    return forecasts[0] if one else Forecasts(forecasts)


def _names(source: Source, density: float | None) -> list[str]:
    if isinstance(source, Path) and Dataset.is_one(source):
        return Dataset.open(source).names
    if isinstance(source, Dataset):
        return source.names
    return [snapshot.name for snapshot in _opened(source, density)]


def _sources(snapshots: Snapshots) -> list[Source]:
    if isinstance(snapshots, str):
        return [Path(snapshots)]
    if isinstance(snapshots, Path | Configuration | Dataset):
        return [snapshots]
    return [Path(each) if isinstance(each, str) else each for each in snapshots]


def _opened(source: Source, density: float | None) -> Sequence[Configuration]:
    if isinstance(source, Path):
        return read(source, density=density)
    return [source] if isinstance(source, Configuration) else source


def read(path: Path | str, *, density: float | None = None) -> Sequence[Configuration]:
    """Read snapshots from a file of any format, or the configurations of a dataset folder.

    Parameters
    ----------
    density : number density, for files without a box.

    Raises
    ------
    InputError : if there is nothing to read.
    """
    path = Path(path)
    if Dataset.is_one(path):
        return Dataset.open(path)
    found = read_snapshot(path, density=density)
    if not found:
        raise InputError(path, "holds no snapshot")
    return found


@dataclass(frozen=True)
class Needs:
    """What a snapshot needs before a model can read it.

    Parameters
    ----------
    missing : equilibrium positions that the model reads and the snapshot lacks.
    liquid : to find them with, or that the model reads; None where it takes none.
    temperature : to find them with.
    called : liquid that the snapshot's metadata are to name, where they name none.
    remarks : level of logging and line: how the snapshot differs from the training, and what is
        assumed of it.
    """

    missing: tuple[str, ...]
    liquid: str | None
    temperature: float | None
    called: str | None
    remarks: tuple[tuple[int, str], ...]


def examine(
    model: Model,
    snapshot: Configuration,
    given: StatePoint,
    copies: bool = False,
) -> Needs:
    """Make sure that a model can read a snapshot, and say what that lacks.

    Parameters
    ----------
    given : by the user, where the snapshot does not tell. When liquid or temperature are needed
        and not given either, those the model was trained on are taken, provided there is only one.
    copies : whether thermal copies are wanted.

    Raises
    ------
    ModelError : if its dimension or species are not those the model was trained on.
    SettingsError : if the liquid or the temperature are needed and nobody tells them, or what is
        given contradicts the snapshot.
    """
    model.check_structure(snapshot)
    told = StatePoint.of(snapshot)
    remarks = _differences(model, snapshot, given)
    settings = model.settings
    missing = tuple(key for key in settings.equilibrium_positions if getattr(snapshot, key) is None)
    needs: dict[Quantity, str] = {}
    if settings.reads_liquid:
        needs["liquid"] = "the energies that the model reads"
    if missing:
        needs["liquid"] = "the equilibrium positions that the model reads"
    if "cage" in missing:
        needs["temperature"] = "the cage states that the model reads"
    if copies:
        needs |= {"liquid": "the thermal copies", "temperature": "the thermal copies"}
    try:
        point, assumed = resolve(told, given, model.state_points_, needs)
    except SettingsError as error:
        raise error.of(snapshot.name) from None
    if assumed:
        text = f"does not tell; assumed {', '.join(assumed)}, as the model was trained"
        remarks.append((logging.INFO, text))
    called = None
    if told.liquid is None:  # sizes and names of species are then those of the training, too
        trained = {p.liquid for p in model.state_points_}
        called = point.liquid or (trained.pop() if len(trained) == 1 else None)
    return Needs(missing, point.liquid, point.temperature, called, tuple(remarks))


def complete(snapshot: Configuration, needs: Needs, engine: Engine) -> Configuration:
    """Return the snapshot with what it lacked.

    Raises
    ------
    SettingsError, InputError : see :func:`glasscast.simulation.equilibrium_positions.completed`.
    """
    snapshot = completed(snapshot, needs.missing, engine, needs.liquid, needs.temperature)
    if needs.called is None:
        return snapshot
    return snapshot.with_fields(metadata={**snapshot.metadata, "liquid": needs.called})


def _differences(model: Model, snapshot: Configuration, given: StatePoint) -> list[tuple[int, str]]:
    """Refuse a mixture of fewer species; remark on another state point."""
    points, state = model.state_points_, StatePoint.of(snapshot)
    absent = always_there(points) - set(snapshot.species)
    if absent:
        mixtures = "; ".join(dict.fromkeys(p.mixture for p in points))
        raise ModelError(
            f"{snapshot.name} holds no species {species_name(min(absent))}, the model was trained "
            f"on {mixtures}"
        )
    if given.temperature is not None:
        state = replace(state, temperature=given.temperature)
    found = departures(state, points)
    if not found:
        return []
    return [(logging.WARNING, f"{'; '.join(found)}: the forecast is an extrapolation")]


def _say(name: str, needs: Needs, said: set[str]) -> tuple[str, ...]:
    """Log all remarks but those on an earlier frame of the same file; return all."""
    for level, text in needs.remarks:
        if text not in said:
            log.log(level, "%s: %s", name, text)
            said.add(text)
    return tuple(f"{name}: {text}" for _, text in needs.remarks)


def report_forecasts(out: Path, forecasts: Sequence[Forecast], model: Model) -> Path:
    """Write the page of forecasts; truth is shown where a configuration carries it.

    What was assumed of the snapshots stands among the limits.

    Returns
    -------
    The HTML page.
    """
    shown = forecasts[:_DRAWN]
    summary = f"{len(forecasts)} snapshots; up to {_DRAWN} are drawn."
    remarks = list(dict.fromkeys(chain.from_iterable(f.remarks for f in forecasts)))
    page = Page(
        f"Forecast by {model.name}",
        [
            summary_section(summary, forecasts=shown),
            data_section({}, shown),
            particle_section(shown),
            view_section(shown),
            limit_section(forecasts=shown, notes=remarks),
            provenance_section({"model": model.name, **model.settings.model_dump(mode="json")}),
        ],
    )
    return page.write(out)
