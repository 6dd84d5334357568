"""Turn a training into a ready model: record, weights in single precision, and card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.config import read
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_atomically
from glasscast.datasets.ownership import owned, place_of
from glasscast.datasets.state_points import merged
from glasscast.errors import InputError
from glasscast.evaluation.score_table import read_scores
from glasscast.evaluation.table_text import unknown
from glasscast.models.files import (
    CARD,
    MODEL,
    RECORD,
    read_others,
    read_record,
    read_weights,
    state_points,
    write_model,
)
from glasscast.models.registry import load_model
from glasscast.report.card import card_text
from glasscast.workflows.data_roles import about
from glasscast.workflows.experiment_folder import EXPERIMENT, OUTCOME, read_outcome
from glasscast.workflows.experiments import Data, TrainExperiment
from glasscast.workflows.train import SCORES

_METRIC = "pearson_mean"
#: What data a training uses, in the order of the card.
_USES = ("train", "copies", "single_runs", "validation", "test")
#: What the card takes from ``run.json`` as it stands.
_COPIED = ("seed", "versions", "fit_seconds")


def export(
    training: Path, out: Path, *, scores: Sequence[Path] = (), notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Write ``model.json``, ``weights.safetensors`` and ``card.md`` of a ready model.

    Parameters
    ----------
    training : folder of a finished ``glasscast train``.
    out : folder to write; its name is the name of the ready model.
    scores : files ``scores.json`` of ``glasscast evaluate`` with this model, shown behind those
        of its own test data.
    notes : further limits for the card, a sentence each.

    Returns
    -------
    What ``model.json`` holds besides its header.

    Raises
    ------
    InputError : if it is not finished, is none of ``glasscast train``, or has no scores; if
        its records do not tell the state point and its data cannot be read any more.
    SettingsError : if something else than an earlier export of it lies in ``out``.
    """
    source = training / MODEL
    if not (source / RECORD).is_file():
        raise InputError(
            training, f"holds no {MODEL}/{RECORD}", "export takes the folder of a 'glasscast train'"
        )
    made, record = read_outcome(training), read_record(source)
    experiment = read(TrainExperiment, training / EXPERIMENT)
    points = state_points(record) or merged(
        c.state_point for c in _opened(training, experiment.train)
    )
    weights = {
        key: value.astype(np.float32) if value.dtype == np.float64 else value
        for key, value in read_weights(source, record).items()
    }
    absent = [key for key in _COPIED if key not in made]
    if absent:
        raise InputError(training / OUTCOME, f"lacks the key '{absent[0]}'", "train it again")
    record |= {
        "state_points": [point.record() for point in points],
        "parameters": load_model(source).parameter_count(),
        "card": {
            "data": _data(training, record, made, experiment),
            "scores": _scores(training, scores),
            **{key: made[key] for key in _COPIED},
            "notes": list(notes),
        },
    }
    with owned(out, "export", {"training": place_of(training, out)}):
        write_atomically(out / CARD, card_text(out.resolve().name, record).encode())
        write_model(out, record, weights, read_others(source, record))
        load_model(out)
    return record


def _opened(training: Path, data: Data) -> Dataset:
    """Open data of a training whose records, of old, do not tell enough of them."""
    try:
        return data.open()
    except InputError as error:
        raise InputError(
            training / EXPERIMENT, f"names data that cannot be read ({error})", "correct their path"
        ) from None


def _data(
    training: Path, record: dict[str, Any], made: dict[str, Any], experiment: TrainExperiment
) -> dict[str, dict[str, Any]]:
    """Name, split and number of configurations of the data, by what they were used for."""
    used: dict[str, dict[str, Any]] = {}
    for use in _USES:
        asked: Data | None = getattr(experiment, use)
        if asked is not None:
            known = made.get("data", {}).get(use) or about(_opened(training, asked))
            used[use] = {**known, "split": asked.split}
    origin = record.get("provenance", record)
    if "validation" not in used and origin.get("validated_on"):
        used["validation"] = {**used["train"], "configurations": len(origin["validated_on"])}
        # The fit set whole families aside: their copies and runs were not trained on either.
        fitted, given = set(origin["trained_on"]), iter(made["trained_on"])
        for use in ("train", "copies", "single_runs"):
            if use in used:
                of_it = list(islice(given, used[use]["configurations"]))
                used[use]["configurations"] = sum(name in fitted for name in of_it)
    return {use: used[use] for use in _USES if use in used}


def _scores(training: Path, others: Sequence[Path]) -> list[dict[str, Any]]:
    """Correlations by data, species and time: rows of the score table as JSON values."""
    own = training / f"{SCORES}.json"
    files = [*([own] if own.is_file() else []), *others]
    if not files:
        raise InputError(
            training,
            f"has no {SCORES}.json",
            "name 'test' data in the experiment, or give those of 'glasscast evaluate'",
            parameter="scores",
        )
    rows: dict[tuple[str, str, float], dict[str, Any]] = {}
    for path in files:
        table = read_scores(path).select(metric=_METRIC)
        if len(table.values_of("model")) != 1:
            raise InputError(path, "must hold the scores of one model")
        for score in table:
            key = (score.dataset, score.species, score.time)
            if key in rows:
                raise InputError(path, f"scores {score.dataset} once more", "leave it out")
            rows[key] = {k: None if unknown(v) else v for k, v in asdict(score).items()}
    return list(rows.values())
