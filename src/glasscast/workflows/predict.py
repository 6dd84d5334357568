"""Forecast snapshots with a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import MANIFEST, Dataset, file_stem
from glasscast.datasets.formats.registry import read_snapshot
from glasscast.errors import InputError, ModelError, SettingsError, ShapeError
from glasscast.models.forecast import ModelForecast
from glasscast.models.registry import load_model
from glasscast.progress import track
from glasscast.report.forecast_files import write_forecast
from glasscast.runtime import Workspace
from glasscast.simulation.thermal_copies import SEPARATION
from glasscast.workflows.experiment_folder import log
from glasscast.workflows.suiting import suited


@dataclass(frozen=True)
class Predictions:
    """What :func:`predict` found.

    Parameters
    ----------
    forecasts : of all snapshots, in order.
    remarks : what was assumed of the snapshots and how they differ from the training set.
    """

    forecasts: list[ModelForecast]
    remarks: list[str]


def predict(
    model: Path | str,
    snapshots: Sequence[Path],
    out: Path,
    *,
    formats: Sequence[str] = ("xyz",),
    density: float | None = None,
    liquid: str | None = None,
    temperature: float | None = None,
    copies: int = 0,
    copy_time: float = 5.0,
    workspace: Workspace | None = None,
) -> Predictions:
    """Forecast every snapshot in some files and write each forecast.

    A model that reads inherent structures or cage states gets them made where a snapshot carries
    none. Liquid and temperature are those of the file or the options, else those the model was
    trained on; the log says so, and where a snapshot is unlike what the model was trained on.

    Parameters
    ----------
    model : folder of a model or of a training run, or the name of a ready model.
    snapshots : files of any readable format, or dataset folders.
    out : folder for the forecasts, one file a snapshot and format.
    formats : of ``xyz``, ``gsd``, ``npz``.
    density : number density, for files without a box.
    liquid, temperature : to find equilibrium positions with, where a file does not tell.
    copies, copy_time : forecast the mean over so many thermal copies as well, this long after the
        snapshot; only at times far longer.

    Raises
    ------
    InputError, ModelError, ShapeError : if a file or snapshot does not suit the model, by its
        dimension or species for example.
    SettingsError : if equilibrium positions are needed of a liquid or temperature not known.
    """
    fitted = load_model(model, workspace)
    forecasts: list[ModelForecast] = []
    remarks: list[str] = []
    for path in snapshots:
        say = partial(_say, remarks, path)
        for found in track(fitted.workspace.progress, path.name, read(path, density), None):
            try:
                suiting = suited(fitted, found, liquid, temperature, say, copies, copy_time)
                configuration, forecast = (
                    suiting[0],
                    fitted.predict_mean(suiting, SEPARATION * copy_time),
                )
            except (ModelError, ShapeError, SettingsError) as error:
                raise type(error)(f"{path}: {error}", error.parameter) from None
            for suffix in formats:
                truth = configuration if len(configuration.times) else None
                write_forecast(out / f"{file_stem(configuration.name)}.{suffix}", forecast, truth)
            forecasts.append(forecast)
    return Predictions(forecasts, remarks)


def _say(remarks: list[str], path: Path, level: int, text: str) -> None:
    """Log a line unless it was said of an earlier frame of the same file."""
    line = f"{path}: {text}"
    if line not in remarks:
        remarks.append(line)
        log.log(level, "%s", line)


def read(path: Path, density: float | None = None) -> Sequence[Configuration]:
    """Read snapshots from a file, or the configurations of a dataset folder.

    Raises
    ------
    InputError : if there is nothing to read.
    """
    if (path / MANIFEST).exists():
        return Dataset.open(path)
    found = read_snapshot(path, density=density)
    if not found:
        raise InputError(path, "holds no snapshot")
    return found
