"""Scores against the value of one setting, all else equal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from glasscast.config import checked
from glasscast.datasets.files import write_atomically
from glasscast.evaluation.score_table import COLUMNS, SweptScores
from glasscast.evaluation.table_text import csv_text
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.variants import Trainings, Variant


def swept(experiment: BenchmarkExperiment) -> dict[str, list[Variant]]:
    """Variants of each value of the sweep, by how the value is written; empty without a sweep."""
    sweep = experiment.sweep
    if sweep is None:
        return {}
    found: dict[str, list[Variant]] = {}
    for value in sweep.values:
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        found[text] = [
            _variant(experiment, label, value, text) for label in sweep.labels(experiment.models)
        ]
    return found


def _variant(experiment: BenchmarkExperiment, label: str, value: Any, text: str) -> Variant:
    """Return a model with one setting changed; the model itself, if it has that value."""
    assert experiment.sweep is not None
    base, setting = experiment.models[label], experiment.sweep.setting
    changed = checked(type(base), experiment.sweep.changed(base, value))
    if changed == base:
        return Variant(label, base)
    return Variant(label, changed, f"{setting}={text}".replace("/", "_"))


def score_sweep(variants: Mapping[str, Sequence[Variant]], trainings: Trainings) -> SweptScores:
    """Scores of each value, from the kept forecasts."""
    return {value: trainings.combined(found) for value, found in variants.items()}


def write_sweep(path: Path, setting: str, scores: SweptScores) -> None:
    """Write a CSV: the columns of the score table behind the value of the setting."""
    rows = ({setting: value, **asdict(row)} for value, table in scores.items() for row in table)
    write_atomically(path, csv_text([setting, *COLUMNS], rows).encode())
