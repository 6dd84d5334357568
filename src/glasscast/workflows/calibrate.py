"""Learn how far the forecasts of a model err, and what it was trained on: its stated worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_atomically, write_json
from glasscast.datasets.locks import locked
from glasscast.datasets.splits import families, fold_indices
from glasscast.datasets.state_points import StatePoint
from glasscast.errors import SettingsError
from glasscast.evaluation.coverage import Coverage, CoverageEvaluation
from glasscast.models.base import Model
from glasscast.models.files import CARD, RECORD, model_folder, read_record
from glasscast.models.forecast import ModelForecast
from glasscast.models.limits import Limits
from glasscast.models.registry import build, load_model
from glasscast.models.settings import ModelSettings
from glasscast.models.uncertainty import Uncertainty
from glasscast.progress import log, track
from glasscast.report.card import card_text
from glasscast.runtime import Workspace
from glasscast.simulation.registry import load_engine
from glasscast.workflows.complete import complete, examine
from glasscast.workflows.data_roles import judged, refuse_overlap
from glasscast.workflows.experiments import TrainExperiment, resolved

_FOLDS = 3  # of the fits that stand in for held-out configurations
_MOST = 100  # forecasts held at once
_CHECKS = 5  # times that what is learned is tried on configurations left out of it


def calibrate(
    model: Path | str,
    experiment: TrainExperiment | Mapping[str, Any] | Path | str,
    *,
    overrides: Sequence[str] = (),
    workspace: Workspace | None = None,
) -> Model:
    """Add to a saved model how far its forecasts err and what it was trained on.

    ``glasscast train`` does so itself; this is for models of old, and for weights of others. The
    weights stay as they are, ``model.json`` and the card, if there is one, are replaced.

    Parameters
    ----------
    model : its folder, that of its training, or the name of a ready model.
    experiment : that it was trained by. Its ``train`` configurations are those it was trained on;
        its ``calibration`` configurations, else ``validation``, else ``test``, teach the errors.
    overrides : ``key=value`` with dotted keys, on top of a file.

    Raises
    ------
    SettingsError : if the experiment names nothing to learn errors from, something that was
        trained on, or other training configurations than the model's record.
    """
    settings = resolved(TrainExperiment, experiment, overrides)
    folder = model_folder(model)
    fitted = load_model(folder, workspace)
    data = settings.train.open()
    _refuse_strangers(fitted, data)
    held = held_out(fitted, settings, data)
    if held is None:
        raise SettingsError(
            "the experiment names no configurations that were not trained on; give it the key "
            "'calibration'",
            "experiment",
        )
    refuse_overlap(data, held)
    with locked(folder, "calibrate"):
        learn_worth(fitted, list(forecasts_of(fitted, held)), data)
        record = read_record(folder) | fitted.worth()
        write_json(folder / RECORD, record)
        if (folder / CARD).exists():
            write_atomically(folder / CARD, card_text(folder.resolve().name, record).encode())
    return fitted


def forecasts_of(model: Model, data: Sequence[Configuration]) -> Iterator[ModelForecast]:
    """Forecast configurations, as many together as the model is set to.

    Equilibrium positions that they lack are found.
    """
    engine = load_engine(None)
    batch: list[list[Configuration]] = []
    for configuration in track(model.workspace.progress, f"try {model.name}", data, len(data)):
        needs = examine(model, configuration, StatePoint.stated())
        batch.append([complete(configuration, needs, engine)])
        if len(batch) == model.settings.together:
            yield from model.predict_each(batch)
            batch = []
    yield from model.predict_each(batch)


def held_out(model: Model, experiment: TrainExperiment, data: Dataset) -> Dataset | None:
    """Return configurations that the model was not fitted on, to learn its errors from.

    Those meant for it; else the first of validation data, of what the fit set aside of its
    training configurations, and of test data that holds several families. None if there are none.
    """
    if experiment.calibration is not None:
        return judged(experiment.calibration.open())
    aside = [name for name in data.names if name in set(model.set_aside_)]
    candidates = [
        experiment.validation and experiment.validation.open(),
        data.subset(aside) if aside else None,
        experiment.test and experiment.test.open(),
    ]
    known = [judged(found) for found in candidates if found]
    several = [found for found in known if len(set(found.groups())) > 1]
    return next(iter([*several, *known]), None)


def cross_fitted(
    settings: Callable[[Dataset, str], ModelSettings],
    data: Dataset,
    seed: int,
    workspace: Workspace | None,
) -> list[ModelForecast]:
    """Forecast training configurations, each by a model of the same kind fitted without it.

    Parameters
    ----------
    settings : of the model that is fitted to some of the data, under a name.

    Returns
    -------
    Nothing where fewer than three families leave too little to fit on.
    """
    groups = data.groups()
    if len(set(groups)) < _FOLDS:
        return []
    log.info("no configuration was held out: %d more fits tell how far forecasts err", _FOLDS)
    found: list[ModelForecast] = []
    for number, held in enumerate(fold_indices(groups, _FOLDS, seed)):
        out = {data.names[index] for index in held}
        rest = data.subset([name for name in data.names if name not in out])
        chosen = settings(rest, f"fold-{number}")
        fitted = build(chosen, workspace).fit(rest, seed=seed)
        found += forecasts_of(fitted, data.subset([n for n in data.names if n in out]))
    return found


def learn_worth(
    model: Model, forecasts: Sequence[ModelForecast], train: Sequence[Configuration]
) -> None:
    """Let a fitted model know its errors and its limits.

    Parameters
    ----------
    forecasts : of labelled configurations that it, or one of its kind, was not fitted on.
    train : what it was fitted on.
    """
    model.limits_ = Limits.of(train)
    if not forecasts:
        log.warning(
            "no configuration was held out of the training: forecasts will not say how sure they "
            "are; name 'calibration' data"
        )
        return
    known = [f for f in forecasts if np.isfinite(f.errors()).any()]
    if known:  # else it forecasts pairs alone
        coverage = [row.record() for row in checked_coverage(known)]
        model.uncertainty_ = Uncertainty.learn(known).with_coverage(coverage)


def checked_coverage(forecasts: Iterable[ModelForecast]) -> list[Coverage]:
    """Learn uncertainties from some of the forecasts, try them on the others, in turn.

    Parameters
    ----------
    forecasts : of labelled configurations; those after the first hundred are not looked at.

    Returns
    -------
    One row a species and time; none where all configurations are relatives.
    """
    forecasts = [f for f in islice(forecasts, _MOST) if np.isfinite(f.errors()).any()]
    groups = families([(f.configuration.parent, f.configuration.root) for f in forecasts])
    count = min(_CHECKS, len(set(groups)))
    if count < 2:
        return []
    evaluation = CoverageEvaluation()
    for held in fold_indices(groups, count, seed=0):
        rest = [forecast for k, forecast in enumerate(forecasts) if k not in held]
        learned = Uncertainty.learn(rest)
        for k in held:
            evaluation.add(replace(forecasts[k], uncertainty=learned.of(forecasts[k])))
    return evaluation.rows()


def _refuse_strangers(model: Model, data: Dataset) -> None:
    """Refuse training data that the record of a model, if it names any, does not name."""
    told = {
        str(part["name"]).removesuffix(".npz")
        for part in model.trained_on_.get("inputs", ())
        if part["use"] == "train"
    }
    strangers = [name for name in data.names if told and name not in told]
    if strangers:
        raise SettingsError(
            f"the experiment names '{strangers[0]}' as training data, which the model was not "
            "trained on",
            "experiment",
        )
