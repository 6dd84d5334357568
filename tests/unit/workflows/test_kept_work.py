"""What is kept of earlier work is used only if nothing that it depends on has changed.

Every cell of: what changes x what is kept. The change is named, in the log or in the error, and
what is made instead is what would have been made without anything kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasscast import runtime
from glasscast.config import checked
from glasscast.datasets.kept import read_kept
from glasscast.errors import SettingsError
from glasscast.models.base import Model
from glasscast.models.registry import build, settings_class
from glasscast.runtime import Workspace
from glasscast.workflows.benchmark import benchmark
from glasscast.workflows.data_roles import with_relatives
from glasscast.workflows.experiments import BenchmarkExperiment, Copies, Data, TrainExperiment
from glasscast.workflows.train import train
from tests.cli.material import contents
from tests.steps import KilledError, Steps
from tests.world import World


@dataclass
class Asked:
    """What is asked for, with the files of a world."""

    world: World
    model: dict[str, Any]
    seed: int = 1
    times: tuple[float, ...] | None = None
    split: str = "train"

    def data(self, folder: Path, **changes: Any) -> Data:
        """Choose of a dataset."""
        return Data(datasets=(folder,), times=self.times, **changes)

    def copies(self, **changes: Any) -> Copies:
        """Choose all copies."""
        return Copies(datasets=(self.world.copies,), times=self.times, **changes)


def relabel(folder: str, name: str):
    return lambda asked, patch: asked.world.relabel(asked.world.folder / folder, name)


def ask(**changes):
    return lambda asked, patch: [setattr(asked, key, value) for key, value in changes.items()]


@dataclass(frozen=True)
class Change:
    """Something that changes after work was done.

    Parameters
    ----------
    make : does it.
    named : words of the log or the error; '' where a fit does not depend on it.
    setting : key of the experiment file that has changed; '' if it is none.
    """

    make: Callable[[Asked, pytest.MonkeyPatch], Any]
    named: str = ""
    setting: str = ""


CHANGES = {
    "nothing": Change(lambda *_: None),
    "training labels": Change(relabel("data", "c1"), "'c1' (c1.npz) has changed"),
    "cage positions": Change(
        lambda asked, _: asked.world.move_cages("c2"), "'c2' (c2.npz) has changed"
    ),
    "copy": Change(relabel("copies", "copy-0"), "'copy-0' (copy-0.npz) has changed"),
    "copy of a test configuration": Change(relabel("copies", "copy-1")),
    "validation labels": Change(relabel("data", "held"), "'held' (held.npz) has changed"),
    "test cages": Change(lambda asked, _: asked.world.move_cages("scored")),
    "times": Change(ask(times=(10.0,)), "'c0' (c0.npz) is chosen otherwise", "train.times"),
    "split": Change(ask(split="validation"), "train 'held' (held.npz) is new", "train.split"),
    "seed": Change(ask(seed=2), "'seed' was 1, is 2", "seed"),
    "setting": Change(
        lambda asked, _: asked.model.update(structure="inherent"),
        '\'setting structure\' was "cage", is "inherent"',
        "model.structure",
    ),
    "version": Change(lambda _, patch: patch.setattr(runtime, "__version__", "99"), 'is "99"'),
    "liquid": Change(
        lambda asked, _: asked.world.write_liquid("new"), "liquid (own.yaml) has changed"
    ),
    "table": Change(
        lambda asked, _: asked.world.write_table(0.5), "liquid 'AA' (AA.table) has changed"
    ),
    "initial weights": Change(
        lambda asked, _: asked.world.write_start(seed=5),
        "initial_weights 'model.json' (model.json) has changed",
    ),
}


@pytest.fixture
def asked(request, tmp_path) -> Asked:
    """Return a world, and settings of a model that reads what is to change in it."""
    world, (kind, change) = World(tmp_path), request.param
    if kind == "linear":
        return Asked(world, world.linear())
    return Asked(world, world.energetic() if change in ("liquid", "table") else world.deep())


def cells(*kinds: str, without: tuple[str, ...] = ()):
    """Every change against what is kept of a kind of model: of any, where none is named."""
    reads = {change: ["linear", "deep"] for change in CHANGES} | {"initial weights": ["deep"]}
    found = [
        (kind, change)
        for change in CHANGES
        for kind in (reads[change] if kinds else reads[change][:1])
        if change not in without and kind in (kinds or ("linear", "deep"))
    ]
    values = [(cell, CHANGES[cell[1]]) for cell in found]
    labels = [" - ".join(cell) for cell in found]
    return pytest.mark.parametrize(("asked", "change"), values, indirect=["asked"], ids=labels)


def weights(model: Model) -> np.ndarray:
    """All numbers that a fit has learned."""
    if hasattr(model, "network_"):
        return np.concatenate([p.detach().numpy().ravel() for p in model.network_.parameters()])
    return np.concatenate([model.weights_.ravel(), model.intercept_.ravel()])


def fit(asked: Asked, steps: Steps, checkpoint: Path | None = None) -> Model:
    """Fit on a split with its copies, and validate if that is another one."""
    world = asked.world
    train = with_relatives(
        asked.data(world.data, split=asked.split).open(), [asked.copies().open()]
    )
    held = asked.data(world.data, split="validation").open() if asked.split == "train" else ()
    settings = checked(settings_class(asked.model["name"]), asked.model)
    model = build(settings, Workspace(threads=1, progress=steps))
    return model.fit(train, held, seed=asked.seed, checkpoint=checkpoint)


@cells("deep", "linear")
def test_a_checkpoint_is_taken_up_by_the_very_fit_alone(asked, change, caplog, monkeypatch):
    path, network = asked.world.folder / "fit.npz", asked.model["name"] != "structural"
    with pytest.raises(KilledError):
        fit(asked, Steps(stop_after=7 if network else 3), path)
    assert path.exists()
    change.make(asked, monkeypatch)
    again, whole = Steps(), Steps()
    found = fit(asked, again, path)
    assert not path.exists()
    assert np.array_equal(weights(found), weights(fit(asked, whole)))
    if change.named:
        assert "is of another fit, which starts anew" in caplog.text
        assert change.named in said(caplog.text)
        assert again.taken == whole.taken
    else:
        assert caplog.text == ""
        assert not network or again.taken[0] == 4  # the first epoch is taken up


def said(text: str) -> str:
    """Return a text without the digits that files changed in place have in their names."""
    return re.sub(r"\.[0-9a-f]{8}\.npz", ".npz", text)


def trained(asked: Asked, out: Path, steps: Steps | None = None) -> Model:
    """Carry out a training with all data there are."""
    world = asked.world
    experiment = TrainExperiment(
        train=asked.data(world.data, split=asked.split),
        copies=asked.copies(),
        validation=asked.data(world.data, split="validation"),
        test=asked.data(world.data, split="test"),
        model=asked.model,
        seed=asked.seed,
    )
    return train(experiment, out, workspace=Workspace(1, progress=steps or Steps()))


@cells(without=("split",))
def test_a_finished_training_is_read_back_unchanged_or_refused(asked, change, monkeypatch):
    out = asked.world.folder / "run"
    made, before = trained(asked, out), contents(out)
    change.make(asked, monkeypatch)
    words = "'scored' (scored.npz) has changed" if change is CHANGES["test cages"] else change.named
    if change.setting:
        words = f"holds another experiment: '{change.setting}' was"
    if words:
        with pytest.raises(SettingsError) as refusal:
            trained(asked, out)
        assert words in said(str(refusal.value))
    else:
        assert np.array_equal(weights(trained(asked, out)), weights(made))
    without_log = {k: v for k, v in contents(out).items() if k != "run.log"}
    assert without_log == {k: v for k, v in before.items() if k != "run.log"}


@pytest.mark.parametrize("asked", [("linear", "")], indirect=True, ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_folder_that_lost_its_experiment_file_is_nobodys(asked, seed):
    out = asked.world.folder / "run"
    trained(asked, out)
    (out / "experiment.yaml").unlink()
    before = contents(out)
    asked.seed = seed
    with pytest.raises(SettingsError, match="which is of no experiment"):
        trained(asked, out)
    assert contents(out) == before


def compared(asked: Asked, out: Path, steps: Steps | None = None) -> Path:
    """Carry out a cross-validation with copies; gives the folder of its forecasts."""
    experiment = BenchmarkExperiment(
        data=asked.data(asked.world.data, configurations=["c0", "c1", "c2", "scored"]),
        copies=asked.copies(averaged=["m"]),
        folds=2,
        models={"m": asked.model},
        seed=asked.seed,
    )
    workspace = Workspace(1, progress=steps or Steps())
    benchmark(experiment, out, report=False, workspace=workspace)
    return out / "forecasts"


def forecasts(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: read_kept(path).arrays["values"] for path in sorted(folder.rglob("*.npz"))}


@cells(without=("split",))
def test_kept_forecasts_are_made_anew_where_anything_has_changed(
    asked, change, caplog, monkeypatch
):
    out = asked.world.folder / "run"
    before = contents(compared(asked, out))
    caplog.clear()
    change.make(asked, monkeypatch)
    named = change.named
    if change in (CHANGES["copy of a test configuration"], CHANGES["test cages"]):
        named = "has changed"  # in a cross-validation all are trained on
    if change is CHANGES["validation labels"]:
        named = ""
    if change.setting:
        key = change.setting.replace("train.", "data.").replace("model.", "models.m.")
        words = f"holds another experiment: '{key}' was"
        with pytest.raises(SettingsError, match=re.escape(words)):
            compared(asked, out)
        assert contents(out / "forecasts") == before
        return
    after = compared(asked, out)
    if not named:
        assert contents(after) == before
        assert caplog.text == ""
        return
    assert "is made anew" in caplog.text
    assert named in said(caplog.text)
    fresh = forecasts(compared(asked, asked.world.folder / "fresh"))
    for name, values in forecasts(after).items():
        assert np.array_equal(values, fresh[name])


@pytest.mark.parametrize("asked", [("linear", ""), ("deep", "")], indirect=True, ids=str)
def test_a_killed_benchmark_whose_data_change_ends_as_a_fresh_one(asked, caplog, monkeypatch):
    """One fit is over, one under way: the forecasts of the one, the checkpoint of the other."""
    network, out = asked.model["name"] != "structural", asked.world.folder / "run"
    with pytest.raises(KilledError):
        compared(asked, out, Steps(stop_after=11 if network else 7))
    assert list((out / "forecasts").rglob("*.npz"))
    assert (out / "checkpoint-m-1.npz").exists()
    CHANGES["cage positions"].make(asked, monkeypatch)
    after = forecasts(compared(asked, out))
    assert "is made anew" in caplog.text
    assert "is of another fit, which starts anew" in caplog.text
    fresh = forecasts(compared(asked, asked.world.folder / "fresh"))
    assert after.keys() == fresh.keys()
    assert all(np.array_equal(after[name], fresh[name]) for name in fresh)
