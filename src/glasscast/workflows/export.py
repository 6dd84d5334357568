"""Turn a training run into a ready model: record, weights in single precision, and card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.config import read
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import write_atomically
from glasscast.datasets.state_points import StatePoint, merged
from glasscast.errors import InputError
from glasscast.evaluation.score_table import read_scores
from glasscast.evaluation.table_text import unknown
from glasscast.models.files import (
    CARD,
    MODEL,
    RECORD,
    read_record,
    read_weights,
    state_points,
    write_model,
)
from glasscast.models.registry import load_model
from glasscast.report.card import card_text
from glasscast.workflows.experiment_folder import EXPERIMENT, about, open_data, read_run
from glasscast.workflows.experiment_folder import RECORD as RUN_RECORD
from glasscast.workflows.experiments import Data, TrainExperiment
from glasscast.workflows.train import SCORES

_METRIC = "pearson_mean"
#: Data of a run, in the order of the card.
_PARTS = ("train", "copies", "validation", "test")
#: What the card takes from ``run.json`` as it stands.
_COPIED = ("seed", "versions", "fit_seconds")


def export(
    run: Path, out: Path, *, scores: Sequence[Path] = (), notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Write ``model.json``, ``weights.safetensors`` and ``card.md`` of a ready model.

    Parameters
    ----------
    run : folder of a finished ``glasscast train``.
    out : folder to write; its name is the name of the ready model.
    scores : files ``scores.json`` of ``glasscast evaluate`` with this model, shown behind those
        of the run's own test data.
    notes : further limits for the card, a sentence each.

    Returns
    -------
    What ``model.json`` holds besides its header.

    Raises
    ------
    InputError : if the run is not finished, is none of ``glasscast train``, or has no scores; if
        its records do not tell the state point and its data cannot be read any more.
    """
    source = run / MODEL
    if not (source / RECORD).is_file():
        raise InputError(
            run, f"holds no {MODEL}/{RECORD}", "export takes the folder of a 'glasscast train'"
        )
    made, record = read_run(run), read_record(source)
    experiment = read(TrainExperiment, run / EXPERIMENT)
    points = state_points(record) or merged(map(StatePoint.of, _opened(run, experiment.train)))
    weights = {
        key: value.astype(np.float32) if value.dtype == np.float64 else value
        for key, value in read_weights(source, record).items()
    }
    absent = [key for key in _COPIED if key not in made]
    if absent:
        raise InputError(run / RUN_RECORD, f"lacks the key '{absent[0]}'", "train it again")
    record |= {
        "state_points": [point.record() for point in points],
        "parameters": load_model(source).parameter_count(),
        "card": {
            "data": _data(run, record, made, experiment),
            "scores": _scores(run, scores),
            **{key: made[key] for key in _COPIED},
            "notes": list(notes),
        },
    }
    write_atomically(out / CARD, card_text(out.resolve().name, record).encode())
    write_model(out, record, weights)
    load_model(out)
    return record


def _opened(run: Path, data: Data) -> Dataset:
    """Open data of a run whose records, of old, do not tell enough of them."""
    try:
        return open_data(data)
    except InputError as error:
        raise InputError(
            run / EXPERIMENT, f"names data that cannot be read ({error})", "correct their path"
        ) from None


def _data(
    run: Path, record: dict[str, Any], made: dict[str, Any], experiment: TrainExperiment
) -> dict[str, dict[str, Any]]:
    """Name, split and number of configurations of each part of the data."""
    parts: dict[str, dict[str, Any]] = {}
    for part in _PARTS:
        asked: Data | None = getattr(experiment, part)
        if asked is not None:
            known = made.get("data", {}).get(part) or about(_opened(run, asked))
            parts[part] = {**known, "split": asked.split}
    origin = record.get("provenance", record)
    if "validation" not in parts and "copies" not in parts and origin.get("validated_on"):
        aside = len(origin["validated_on"])
        parts["validation"] = {**parts["train"], "configurations": aside}
        parts["train"]["configurations"] -= aside
    return {part: parts[part] for part in _PARTS if part in parts}


def _scores(run: Path, others: Sequence[Path]) -> list[dict[str, Any]]:
    """Correlations by data, species and time: rows of the score table as JSON values."""
    own = run / f"{SCORES}.json"
    files = [*([own] if own.is_file() else []), *others]
    if not files:
        raise InputError(
            run,
            f"has no {SCORES}.json",
            "name 'test' data in the experiment, or give --scores of 'glasscast evaluate'",
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
