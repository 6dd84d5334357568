"""Material without a training: forecasts are the truth and noise, as much as a model would miss."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from glasscast.datasets.dataset import SAMPLE, Dataset
from glasscast.evaluation.comparison import Cost
from glasscast.models.forecast import ModelForecast
from glasscast.models.selection import SelectionScores
from glasscast.recipes.material import Material, Point, Trained
from glasscast.recipes.trainings import model_settings
from glasscast.training.history import Epoch

#: Temperature -> relaxation time that the sample is given out for.
RELAXATION = {0.44: 16.5, 0.47: 16.5, 0.50: 16.5, 0.56: 16.5, 0.64: 16.5}


def made_up_points(train: int = 3, test: int = 3) -> list[Point]:
    """Every state point of the papers; all of them are configurations of the sample."""
    sample = Dataset.open("sample")
    halves = sample.split("train")[:train], sample.split("test")[:test]
    where = (Path(SAMPLE),)
    made = [
        Point(f"T = {t:g}", "ka", t, *halves, tau, folders=where) for t, tau in RELAXATION.items()
    ]
    return [*made, Point("hard spheres", "hard-spheres", None, *halves, 16.5)]


def forecast(training: str, at: Point, on: Point) -> list[ModelForecast]:
    """Truth and noise of its own strength for each training."""
    settings = model_settings(training, "sample")
    rng = np.random.default_rng([ord(letter) for letter in training])
    weight = getattr(settings, "node_weight", 1.0)
    made = []
    for truth in on.tested:
        values = np.array(getattr(truth, settings.target), dtype=np.float32)
        noise = rng.normal(0, 1, values.shape).astype(np.float32) * values.std(axis=1)[:, None]
        values += np.float32(0.5 + rng.random()) * noise
        bonds, change = None, None
        if weight == 0:
            values[:] = np.nan
        if settings.name == "nt-gnn":
            values[:, truth.types != 0] = np.nan  # learns species A at sample scale
        if weight < 1:
            spread = truth.bond_change.std(axis=1)[:, None]
            bonds = truth.bonds
            change = truth.bond_change + spread * rng.normal(0, 1, truth.bond_change.shape)
        made.append(
            ModelForecast(
                configuration=truth,
                model=training,
                times=truth.times,
                values=values,
                target=settings.target,
                bonds=bonds,
                bond_change=None if change is None else change.astype(np.float32),
            )
        )
    return made


def trained(training: str, at: Point) -> Trained:
    """Cost and history of a training that went well."""
    length = len(training)
    history = tuple(
        Epoch(
            epoch=k,
            seconds=float(k),
            loss=1 / k,
            learning_rate=1e-3,
            gradient_norm=1.0,
            test_loss=1.1 / k,
            test_pearson=1 - 1 / (k + 1),
            test_pair_pearson=1 - 1 / (k + 2),
        )
        for k in range(1, 9)
    )
    return Trained(Cost(1000.0 * length, 10.0 * length, 0.1, math.nan), history)


def selection(training: str, at: Point, row: int) -> list[SelectionScores]:
    """A choice of descriptors whose score rises and levels off."""
    counts = np.unique(np.geomspace(1, 100, 24).round().astype(np.int64))
    names = tuple(f"X{k % 3}:G(r={k / 20:.2f},s=A)" for k in range(100))
    score, training_score = 0.6 - 0.2 / counts, 0.7 - 0.3 / np.arange(1, 101)
    return [
        SelectionScores(s, float(at.times[row]), names, training_score, counts, score)
        for s in (0, 1)
    ]


def material_of(points: list[Point]) -> Material:
    """Put it together."""
    return Material(
        points=points,
        repeats=lambda training, at, on: [forecast(training, at, on)],
        trained=trained,
        selection=selection,
        settings=lambda training: model_settings(training, "sample"),
    )
