"""Forecast snapshots with a trained model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.formats.registry import read_snapshot
from glasscast.datasets.state_points import StatePoint
from glasscast.errors import InputError, ModelError, SettingsError, ShapeError
from glasscast.evaluation.score_table import ScoreTable, read_scores, scores_in
from glasscast.liquid.definition import liquid_identity
from glasscast.models.base import Model
from glasscast.models.files import MODEL, RECORD, model_folder, read_record
from glasscast.models.registry import Device, load_model
from glasscast.progress import log, track
from glasscast.report.page import Page
from glasscast.report.sections import (
    bond_section,
    data_section,
    limit_section,
    particle_section,
    provenance_section,
    summary_section,
    view_section,
)
from glasscast.report.worth_section import worth_section
from glasscast.runtime import Workspace
from glasscast.simulation.copies import SEPARATION, copies_of
from glasscast.simulation.engine import Engine
from glasscast.simulation.registry import EngineChoice, load_engine
from glasscast.workflows.complete import complete, examine
from glasscast.workflows.forecast import Forecast, Forecasts
from glasscast.workflows.forecast_folder import (
    ForecastFiles,
    ForecastFolder,
    Source,
    forecast_folder,
)
from glasscast.workflows.train import SCORES

_DRAWN = 4  # snapshots in the figures of a report
_NAMED = 3  # quantities of an alarm that a line of the log names


#: What can be forecast: a file or folder, a snapshot, a dataset, or several of them.
Snapshots = str | Path | Configuration | Dataset | Sequence[str | Path | Configuration]


def predict(
    model: Model | Path | str,
    snapshots: Snapshots,
    *,
    out: Path | str | None = None,
    files: ForecastFiles | None = None,
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
    trained on: in its state point, or in energy, pressure, stress, bond order or surroundings.

    Parameters
    ----------
    model : fitted, its folder, that of its training, or the name of a ready model.
    snapshots : configurations, files of any readable format, dataset folders.
    out : folder for the forecasts, one file a snapshot and format, each written as soon as it is
        made; equal names are told apart by the folders they come from. Nothing is written
        without it.
    files : what is written there; extended XYZ by default.
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
    if out is None and files is not None:
        raise SettingsError("files need a folder to be written to", "out")
    files = files or ForecastFiles()
    given = StatePoint.stated(liquid, temperature, density)
    fitted = load_model(model, workspace, device)
    forecaster = _Forecaster(fitted, load_engine(engine), given, copies, copy_time)
    sources = _sources(snapshots)
    if out is None:
        forecasts = list(forecaster.all_of(sources))
    else:
        names = [_names(source, density) for source in sources]  # read now, before any work
        with forecast_folder(
            Path(out),
            model,
            sources,
            names,
            files=files,
            assumed={
                "liquid": None if liquid is None else liquid_identity(liquid),
                "temperature": temperature,
                "density": density,
                "copies": [copies, copy_time] if copies else None,
            },
        ) as folder:
            forecasts = list(forecaster.all_of(sources, folder))
            if files.report:
                report_forecasts(Path(out), forecasts, fitted, known_scores(model))
    one = isinstance(snapshots, str | Path | Configuration) and len(forecasts) == 1
    return forecasts[0] if one else Forecasts(forecasts)


@dataclass(frozen=True)
class _Forecaster:
    """A fitted model, and what it takes to forecast snapshots that lack something.

    Parameters
    ----------
    engine : that finds equilibrium positions and runs copies.
    given : by the user, where snapshots do not tell.
    copies, copy_time : of each snapshot, forecast as well.
    """

    model: Model
    engine: Engine
    given: StatePoint
    copies: int
    copy_time: float

    def all_of(
        self, sources: Sequence[Source], folder: ForecastFolder | None = None
    ) -> Iterator[Forecast]:
        """Forecast every snapshot of some sources, and write each as soon as it is made."""
        density = None if self.given.density is None else self.given.density[0]
        for number, source in enumerate(sources):
            said: set[str] = set()
            made: list[Forecast] = []
            opened = _opened(source, density)
            for snapshot in track(self.model.workspace.progress, source.name, opened, None):
                try:
                    made.append(self.forecast(snapshot, source.name, said))
                except (ModelError, ShapeError, SettingsError) as error:
                    raise (error.of(source) if isinstance(source, Path) else error) from None
                if folder is not None:
                    folder.add(number, len(made) - 1, made[-1])
            if folder is not None:
                folder.close(number, made)
            yield from made

    def forecast(self, snapshot: Configuration, place: str, said: set[str]) -> Forecast:
        """Forecast one snapshot.

        Parameters
        ----------
        place : where it comes from, for the remarks.
        said : remarks on earlier snapshots from there; they are not logged again.
        """
        needs = examine(self.model, snapshot, self.given, self.copies > 0)
        whole = [complete(snapshot, needs, self.engine)]
        alarm = () if self.model.limits_ is None else self.model.limits_.departures(whole[0])
        remarks = list(needs.remarks)
        if alarm:
            worst = "; ".join(map(str, alarm[:_NAMED]))
            more = f"; and {len(alarm) - _NAMED} more" if len(alarm) > _NAMED else ""
            text = f"unlike the training: {worst}{more}: the forecast is an extrapolation"
            remarks.append((logging.WARNING, text))
        if self.copies and self.model.uncertainty_ is not None:
            text = "standard deviations are of a single snapshot, too wide for a mean over copies"
            remarks.append((logging.INFO, text))
        for level, text in remarks:
            if text not in said:
                log.log(level, "%s: %s", place, text)
                said.add(text)
        if self.copies:
            state = needs.liquid, needs.temperature
            whole += copies_of(whole[0], self.copies, self.copy_time, self.engine, *state)
        mean = self.model.predict_mean(whole, SEPARATION * self.copy_time)
        told = tuple(f"{place}: {text}" for _, text in remarks)
        return Forecast.of(mean, self.model, told, alarm)


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


def known_scores(model: Model | Path | str) -> ScoreTable:
    """Mean correlations on test data that lie with a model: in its record, or beside its folder.

    Empty where there are none.

    Raises
    ------
    InputError : if they are damaged.
    """
    if isinstance(model, Model):
        return ScoreTable()
    folder = model_folder(model)
    rows = read_record(folder).get("card", {}).get("scores", ())
    beside = folder.parent / f"{SCORES}.json"
    if not rows and folder.name == MODEL and beside.is_file():
        return read_scores(beside).select(metric="pearson_mean")
    return scores_in(folder / RECORD, rows).select(metric="pearson_mean")


def report_forecasts(
    out: Path, forecasts: Sequence[Forecast], model: Model, scores: ScoreTable | None = None
) -> Path:
    """Write the page of forecasts; truth is shown where a configuration carries it.

    What was assumed of the snapshots stands among the limits.

    Parameters
    ----------
    scores : of the model on test data, where they are known.

    Returns
    -------
    The HTML page.
    """
    shown = forecasts[:_DRAWN]
    summary = f"{len(forecasts)} snapshots; up to {_DRAWN} are drawn."
    alarms = {f.configuration.name: list(map(str, f.alarm)) for f in forecasts if f.alarm}
    remarks = list(dict.fromkeys(chain.from_iterable(f.remarks for f in forecasts)))
    page = Page(
        f"Forecast by {model.name}",
        [
            summary_section(summary, forecasts=shown),
            worth_section(
                shown,
                alarms=None if model.limits_ is None else alarms,
                points=model.state_points_,
                scores=scores or ScoreTable(),
            ),
            data_section({}, shown),
            particle_section(shown),
            bond_section(shown[:1]),
            view_section(shown),
            limit_section(forecasts=shown, notes=remarks),
            provenance_section(
                {"model": model.name, **model.settings.without_folders().model_dump(mode="json")}
            ),
        ],
    )
    return page.write(out)
