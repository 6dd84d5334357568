"""The fits of an experiment, and the forecasts and costs they leave on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.dataset import Dataset, file_stem
from glasscast.datasets.identity import Identity, inputs_of
from glasscast.datasets.kept import is_kept, keep, read_kept
from glasscast.datasets.splits import fold_indices
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError, SettingsError
from glasscast.evaluation.comparison import Cost
from glasscast.models.forecast import ModelForecast
from glasscast.models.identity import fit_identity
from glasscast.models.registry import build
from glasscast.models.settings import ModelSettings
from glasscast.progress import log
from glasscast.runtime import Workspace, forget_peak, peak_mb
from glasscast.training.history import Epoch, history_paths, read_history
from glasscast.workflows.data_roles import judged, refuse_overlap, with_relatives
from glasscast.workflows.experiments import MARK, BenchmarkExperiment

FORECASTS = "forecasts"


@dataclass(frozen=True)
class Fit:
    """Train on some configurations, forecast others; fit k of a cross-validation is its fold k.

    Parameters
    ----------
    copies : thermal copies, of any configurations.
    trained_with : labels of the models trained on them; None for all.
    averaged : labels of the models that forecast the mean over a snapshot and its copies.
    single_runs : configurations with labels of single runs, of any families.
    beside, alone : labels of the models trained on them, beside the training configurations (None
        for all others) or in place of these.
    """

    number: int
    train: Dataset
    test: Dataset
    copies: Dataset | None = None
    trained_with: tuple[str, ...] | None = None
    averaged: tuple[str, ...] = ()
    single_runs: Dataset | None = None
    beside: tuple[str, ...] | None = None
    alone: tuple[str, ...] = ()

    def trained_on(self, label: str) -> Dataset:
        """Training configurations of a model, with what of the other data descends from them."""
        runs = self.single_runs
        if runs is not None and label in self.alone:
            return with_relatives(self.train, [runs], alone=True)
        choices = ((self.copies, self.trained_with), (runs, self.beside))
        wanted = [
            d for d, labels in choices if d is not None and (labels is None or label in labels)
        ]
        return with_relatives(self.train, wanted)

    def at_time(self, time: float) -> Fit:
        """Return the fit with the labels of one time."""
        chosen = {
            key: data.at_times([time])
            for key in ("train", "test", "copies", "single_runs")
            if (data := getattr(self, key)) is not None
        }
        return replace(self, **chosen)

    def forecast_from(self, name: str, label: str) -> Dataset:
        """Test configuration of a name, and its copies if the model averages over them."""
        alone = self.test.subset([name])
        if self.copies is None or label not in self.averaged:
            return alone
        return with_relatives(alone, [self.copies])


def fits_of(experiment: BenchmarkExperiment) -> list[Fit]:
    """Fits of a benchmark with each model: one a fold, or one when it has test data."""
    data = experiment.data.open()
    copies = None if experiment.copies is None else experiment.copies.open()
    use: dict[str, Any] = {}
    if copies is not None and experiment.copies is not None:
        _refuse_strangers(data, copies)
        wanted = experiment.copies
        use = {"copies": copies, "trained_with": wanted.models, "averaged": wanted.averaged}
    if experiment.single_runs is not None:
        told = experiment.single_runs
        use |= {"single_runs": told.open(), "beside": told.models, "alone": told.alone}
    if experiment.test is not None:
        test = experiment.test.open()
        refuse_overlap(data, test)
        return [Fit(0, data, judged(test), **use)]
    scored, families = judged(data), data.groups()
    ours = dict(zip(data.names, families, strict=True))
    names = scored.names
    left_out = [ours[name] for name in names]
    count = len(set(left_out)) if experiment.folds == "each" else experiment.folds
    fits = []
    for number, held in enumerate(fold_indices(left_out, count, experiment.seed)):
        away = {left_out[i] for i in held}
        train = data.subset([name for name, family in ours.items() if family not in away])
        fits.append(Fit(number, train, scored.subset([names[i] for i in held]), **use))
    return fits


def _refuse_strangers(data: Dataset, copies: Dataset) -> None:
    """Refuse copies of configurations that are not in the data, or not valid at all its times."""
    theirs, ours = copies.times, data.times
    if theirs != ours:
        raise SettingsError(
            f"'copies' has labels at {theirs}, the data at {ours}: choose the same 'times' for both"
        )
    joined = Dataset.join([data, copies])
    families = joined.groups()
    known = set(families[: len(data)])
    pairs = zip(joined.entries, families, strict=True)
    strangers = [entry for entry, family in pairs if family not in known]
    if strangers:
        raise SettingsError(
            f"'copies' holds '{strangers[0].name}', a copy of '{strangers[0].parent}', which is "
            f"not in the data; make copies of {data.name} with 'glasscast thermal-copies'"
        )


def forecast_path(out: Path, label: str, name: str) -> Path:
    """File of one forecast."""
    return out / FORECASTS / label / f"{file_stem(name)}.npz"


def carry_out(
    fit: Fit,
    label: str,
    settings: ModelSettings,
    seed: int,
    out: Path,
    workspace: Workspace,
    watch: bool = False,
) -> None:
    """Train a model and forecast those configurations of a fit that have no forecast yet.

    Parameters
    ----------
    watch : whether to follow the scores on the test configurations while the fit goes on.
    """
    plain_label = label.partition(MARK)[0]
    train = fit.trained_on(plain_label)
    sources = {name: fit.forecast_from(name, plain_label) for name in fit.test.names}
    identity = fit_identity(settings, seed, train)
    size, names = settings.together, fit.test.names
    batches = [names[start : start + size] for start in range(0, len(names), size)]
    wanted = {
        name: identity.also(inputs_of(sources[name], "forecast")).also(
            part for n in batch if n != name for part in inputs_of(sources[n], "forecast beside")
        )
        for batch in batches
        for name in batch
    }
    missing = [n for n in fit.test.names if not _is_made(forecast_path(out, label, n), wanted[n])]
    if not missing:
        return
    forget_peak()
    started = perf_counter()
    model = build(settings, workspace)
    if watch:
        model.watch(fit.test)
    model.fit(
        train,
        seed=seed,
        checkpoint=_checkpoint(out, label, fit),
    )
    fitted = perf_counter() - started
    log.info("%s, fit %d: done in %.1f s", label, fit.number, fitted)
    for batch in batches:
        if not set(batch) & set(missing):
            continue
        # Nothing remembered from training: the time of a forecast is that of a new snapshot.
        model.workspace = Workspace(workspace.threads, workspace.limit, workspace.progress)
        started = perf_counter()
        forecasts = model.predict_each([sources[name] for name in batch])
        each = (perf_counter() - started) / len(batch)
        cost = Cost(model.parameter_count(), fitted, each, peak_mb())
        for name, forecast in zip(batch, forecasts, strict=True):
            if name in missing:
                _keep(forecast_path(out, label, name), forecast, wanted[name], cost)


def _keep(path: Path, forecast: ModelForecast, identity: Identity, cost: Cost) -> None:
    """Write a forecast, with what it was made from and what it cost."""
    record = {
        "target": forecast.target,
        "stages": forecast.stages.model_dump(mode="json", exclude_none=True),
        "identity": identity.to_json(),
        **asdict(cost),
    }
    keep(path, identity.fingerprint, _arrays(forecast), record)


def _is_made(path: Path, wanted: Identity) -> bool:
    """Whether a forecast is there, of all that it depends on; the log says what has changed."""
    if is_kept(path, wanted.fingerprint):
        return True
    if path.exists():
        try:
            known = read_kept(path).record.get("identity")
        except InputError as error:
            log.warning("a forecast is made anew: %s", error)
        else:
            log.warning("%s is made anew: %s", path, wanted.change_since(known))
    return False


def _checkpoint(out: Path, label: str, fit: Fit) -> Path:
    return out / f"checkpoint-{label}-{fit.number}.npz"


def history_of(out: Path, label: str, fit: Fit) -> list[Epoch]:
    """History of one training, phases one after the other; empty if the model has none."""
    paths = history_paths(_checkpoint(out, label, fit))
    return [row for path in paths for row in read_history(path)]


def read_forecasts(out: Path, label: str, test: Dataset) -> Iterator[ModelForecast]:
    """Read the kept forecasts of one model, labelled as in the experiment.

    Raises
    ------
    InputError : if one is missing or damaged.
    """
    for configuration in test:
        path = forecast_path(out, label, configuration.name)
        arrays, record = read_kept(path, ("times", "values"))
        yield ModelForecast(
            configuration=configuration,
            model=label,
            times=arrays["times"],
            values=arrays["values"],
            target=record["target"],
            stages=Stages(**record.get("stages", {})),
            bonds=arrays.get("bonds"),
            bond_change=arrays.get("bond_change"),
        )


def _arrays(forecast: ModelForecast) -> dict[str, NDArray[Any]]:
    """Return what is kept of a forecast."""
    arrays = {key: getattr(forecast, key) for key in ("times", "values", "bonds", "bond_change")}
    return {key: value for key, value in arrays.items() if value is not None}


def cost_of(out: Path, label: str, fits: Sequence[Fit]) -> Cost:
    """Cost of one model, from what was noted with its forecasts.

    Raises
    ------
    InputError : if a forecast is missing or damaged.
    """
    found = []
    for path in (forecast_path(out, label, name) for fit in fits for name in fit.test.names):
        record = read_kept(path).record
        found.append([record.get(field.name, math.nan) for field in fields(Cost)])
    parameters, fit, forecast, peak = np.array(found, dtype=np.float64).T
    return Cost(parameters.mean(), fit.mean(), forecast.mean(), peak.max())
