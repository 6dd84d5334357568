"""What is kept of earlier work is used only if nothing that it depends on has changed.

Every cell of: what changes x what is kept. The change is named, in the log or in the error, and
what is made instead is what would have been made without anything kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasscast import runtime
from glasscast.datasets.dataset import Dataset
from glasscast.models.base import Model
from glasscast.models.registry import build
from glasscast.runtime import Workspace
from glasscast.workflows.experiments import TrainExperiment, with_copies
from tests.steps import KilledError, Steps
from tests.world import World


@dataclass
class Asked:
    """What is asked for, beside the files of a world."""

    model: dict[str, Any]
    seed: int = 1
    times: tuple[float, ...] | None = None
    split: str = "train"
    patch: list[str] = field(default_factory=list)  # of the version


def relabel(split_or_copies: str, name: str):
    def change(world: World, asked: Asked, monkeypatch) -> None:
        world.relabel(world.folder / split_or_copies, name)

    return change


def move_cages(name: str):
    return lambda world, asked, monkeypatch: world.move_cages(name)


def ask(**changes):
    def change(world: World, asked: Asked, monkeypatch) -> None:
        for key, value in changes.items():
            setattr(asked, key, value)

    return change


def set_model(**settings):
    return lambda world, asked, monkeypatch: asked.model.update(settings)


def upgrade(world: World, asked: Asked, monkeypatch) -> None:
    monkeypatch.setattr(runtime, "__version__", "99.0")


#: What changes -> how, and how the message names it. Beside them what each reads it.
CHANGES = {
    "training labels": (relabel("data", "c1"), "train 'c1' (c1.npz) has changed"),
    "training cages": (move_cages("c2"), "train 'c2' (c2.npz) has changed"),
    "copy": (relabel("copies", "copy-0"), "train 'copy-0' (copy-0.npz) has changed"),
    "copy not trained on": (relabel("copies", "copy-1"), ""),
    "validation labels": (
        relabel("data", "held"), "validation 'held' (held.npz) has changed"
    ),
    "test cages": (move_cages("scored"), "'scored' (scored.npz) has changed"),
    "times": (ask(times=(10.0,)), "train 'c0' (c0.npz) is chosen otherwise"),
    "split": (ask(split="validation"), "train 'held' (held.npz) is new"),
    "seed": (ask(seed=2), "'seed' was 1, is 2"),
    "setting": (set_model(structure="inherent"), "'setting structure' was \"cage\""),
    "version": (upgrade, "is \"99.0\""),
    "liquid": (lambda world, *_: world.write_liquid("new"), "setting liquid (own.yaml) has"),
    "table": (lambda world, *_: world.write_table(0.5), "setting liquid 'AA' (AA.table) has"),
    "initial weights": (
        lambda world, *_: world.write_start(seed=5),
        "setting initial_weights 'model.json' (model.json) has changed",
    ),
    "nothing": (lambda *_: None, ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def settings_for(kind: str, change: str, world: World) -> dict[str, Any]:
    """Settings of a model that reads what changes."""
    if kind == "linear":
        return world.linear()
    return world.energetic() if change in ("liquid", "table") else world.deep()


def apply(change: str, world: World, asked: Asked, monkeypatch) -> str:
    """Make the change; gives the words it must be named with, none where it does not matter."""
    how, named = CHANGES[change]
    how(world, asked, monkeypatch)
    return named


def weights(model: Model) -> np.ndarray:
    if hasattr(model, "network_"):
        return np.concatenate([p.detach().numpy().ravel() for p in model.network_.parameters()])
    return np.concatenate([model.weights_.ravel(), model.intercept_.ravel()])


def fit(world: World, asked: Asked, steps: Steps, checkpoint: Path | None = None) -> Model:
    """Fit with the front door's pieces: the training data with copies, and validation data."""
    experiment = TrainExperiment(
        train=world.asked(asked.split, times=asked.times), model=asked.model
    )
    copies = Dataset.open(world.copies)
    held = Dataset.open(world.data).split("validation")
    if asked.times:
        copies, held = copies.at_times(asked.times), held.at_times(asked.times)
    if asked.split == "validation":
        held = held[:0]
    model = build(experiment.model, Workspace(threads=1, progress=steps))
    seen = with_copies(experiment.train.open(), copies)
    return model.fit(seen, held, seed=asked.seed, checkpoint=checkpoint)


FITS = [c for c in CHANGES if c not in ("test cages",)]


@pytest.mark.parametrize("change", FITS)
@pytest.mark.parametrize("kind", ["deep", "linear"])
def test_a_checkpoint_is_taken_up_by_the_very_fit_alone(kind, change, world, caplog, monkeypatch):
    if (kind, change) == ("linear", "initial weights"):
        pytest.skip("a linear model has none")
    asked, path = Asked(settings_for(kind, change, world)), world.folder / "fit.npz"
    with pytest.raises(KilledError):
        fit(world, asked, Steps(stop_after=7 if kind == "deep" else 3), path)
    assert path.exists()
    named = apply(change, world, asked, monkeypatch)
    if change == "split" and kind == "linear":
        asked.model["penalties"] = [1.0]  # one configuration cannot choose
    steps = Steps()
    found = fit(world, asked, steps, path)
    assert np.array_equal(weights(found), weights(fit(world, asked, whole := Steps())))
    if named:
        assert "is of another fit, which starts anew" in caplog.text
        assert named in caplog.text
        assert len(steps.taken) == len(whole.taken)
    else:
        assert caplog.text == ""
        taken_up = sum(n > 1 for n in steps.taken) == 1 or kind == "linear"
        assert taken_up
    assert not path.exists()
