"""Presets: what is not given is the paper's or the released code's, and each setting matters."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import yaml

from glasscast.config import checked, read
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import Stages
from glasscast.errors import SettingsError
from glasscast.models.botan.settings import BotanSettings
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.models.identity import fit_identity, flat
from glasscast.models.registry import REGISTRY, build, settings_class
from glasscast.models.settings import ModelSettings
from glasscast.runtime import Workspace
from glasscast.structure.descriptors.structure_functions import MANY_ANGULAR, MANY_RADII
from glasscast.workflows.experiments import TrainExperiment
from tests.contracts.cases import snapshot

PRESETS = [(name, preset) for name in REGISTRY for preset in settings_class(name).presets]
#: What makes each model small; the same for a preset and its departures.
SMALL = {
    "botan": {"cutoff": 1.4, "hidden": 8, "rounds": 1},
    "nt-gnn": {"cutoff": 1.4, "hidden": 8, "rounds": 1},
    "geo-gnn": {"cutoff": 1.4, "hidden": 8, "radial_functions": 6, "angular_functions": 3,
                "triplet_layers": 1},
    "eignn-inh": {"cutoff": 1.4, "hidden": 8, "layers": 2, "radial_functions": 4},
    "eignn-cage": {"cutoff": 1.4, "hidden": 8, "layers": 2, "radial_functions": 4},
    "glass-mlp": {"phases": [{"loss": "total", "learning_rate": 1e-2, "epochs": 2}],
                  "rings": [1.0, 2.0]},
    "svm": {"penalties": [0.01], "folds": 2},
}  # fmt: skip
#: Of deep models: rates and their steps large enough to be seen.
SHORT = {"epochs": 3, "learning_rate": 7e-3, "step_epochs": 1, "device": "cpu"}
#: Cannot be told by few steps: how many there are, and whether the last are the best (of which
#: the tests of histories show that it matters).
OBVIOUS = {"training.epochs", "training.keep"}


def differences(name: str, preset: str) -> Iterator[tuple[str, Any]]:
    """Settings in which a preset departs from the defaults, and their defaults."""
    kind = settings_class(name)
    own, chosen = (flat(kind(**given).model_dump()) for given in ({}, {"preset": preset}))
    for key, value in chosen.items():
        if value != own[key] and key not in OBVIOUS | {"preset"}:
            yield key, own[key]


def small(name: str, preset: str, key: str = "", value: Any = None) -> ModelSettings:
    """Return small settings of a preset, with one put back."""
    given: dict[str, Any] = {"preset": preset, **SMALL.get(name, {})}
    if "training" in settings_class(name).model_fields:
        given["training"] = dict(SHORT)
    *parents, last = key.split(".") if key else ("",)
    inner = given
    for parent in parents:
        inner = inner[parent]
    if key:
        inner[last] = value
    return checked(settings_class(name), given)


def mobile(seed: int) -> Configuration:
    """Labels large enough that raw ones have gradients to clip."""
    c = snapshot(seed, 3)
    return c.with_fields(propensity=30 * c.propensity, bond_change=30 * c.bond_change)


def forecasts(settings: ModelSettings, folder) -> list[np.ndarray]:
    """Forecasts after some fits: validation set aside, given, and from weights of another."""
    data = [mobile(k) for k in (1, 2, 3, 6)]
    held = [mobile(7)]
    start = {}
    if "initial_weights" in type(settings).model_fields:
        start = {"initial_weights": str(folder)}
        fresh = settings.model_copy(update={"fit_readout": True})
        build(fresh, Workspace(1)).fit(data[2:], seed=3).save(folder)
    ways = [((data,), {})]
    ways += [((data[:2], held), {})] if hasattr(settings, "training") else []
    ways += [((data[:2], held), start)] if start else []
    found = []
    for given, changes in ways:
        model = build(settings.model_copy(update=changes), Workspace(1)).fit(*given, seed=1)
        said = model.predict(snapshot(4, 3))
        found.append(said.values)
        if said.bond_change is not None:
            found.append(said.bond_change)
    return found


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(
        x.shape == y.shape and np.allclose(x, y, rtol=1e-5, atol=1e-7, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "preset"), PRESETS, ids=str)
def test_each_setting_of_a_preset_changes_the_forecast(name, preset, tmp_path):
    if name == "glass-mlp":
        pytest.importorskip("pyvoro2")
    departures = list(differences(name, preset))
    if not departures:
        return  # the paper is the default
    told = forecasts(small(name, preset), tmp_path / "told")
    for number, (key, default) in enumerate(departures):
        if key == "form":  # what goes with a form alone goes with it
            continue
        try:
            settings = small(name, preset, key, default)
        except SettingsError:
            assert key == "parity"  # the printed form has no other
            continue
        other = forecasts(settings, tmp_path / str(number))
        assert not same(told, other), key


def test_a_preset_fills_in_what_is_not_given():
    kind = settings_class("geo-gnn")
    paper = kind(preset="paper", hidden=16, training={"epochs": 7})
    assert (paper.feature_norm, paper.hidden) == ("none", 16)
    assert paper.training.epochs == 7
    assert paper.training.learn_species == (0,)
    assert kind(training={"epochs": 7}).training.average == kind().training.average
    again = kind(**paper.model_dump())  # in full, a preset changes nothing
    assert again == paper
    plain = kind(**{k: v for k, v in paper.model_dump().items() if k != "preset"})
    data = [snapshot(1, 3)]
    assert fit_identity(plain, 0, data).fingerprint == fit_identity(paper, 0, data).fingerprint


def test_the_resolved_experiment_is_written_out_in_full(tmp_path):
    text = {"train": {"datasets": ["sample"]}, "model": {"name": "botan", "preset": "paper"}}
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(text))
    first = read(TrainExperiment, tmp_path / "e.yaml")
    written = first.within(tmp_path).model_dump(mode="json")
    assert written["model"]["shared_decoder"] is False
    assert written["model"]["training"]["learning_rate"] == 1e-4
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(written))
    assert read(TrainExperiment, tmp_path / "again.yaml") == first


def test_a_preset_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(SettingsError, match="no 'released' here; there are default, paper"):
        checked(settings_class("lr"), {"name": "lr", "preset": "released"})
    with pytest.raises(SettingsError, match="ablation of form: text"):
        checked(GeoSettings, {"preset": "released", "angles": "linear"})


def parameters(name: str, preset: str, times: int = 1) -> int:
    """Trainable numbers for two species in three dimensions."""
    model = build(settings_class(name)(preset=preset))
    model.species_, model.dimension_ = (0, 1), 3
    model.stages_ = Stages(values=tuple(range(1, times + 1)))
    return sum(p.numel() for p in model.build_network().parameters())


def test_parameter_counts_are_the_published_ones():
    # An edge decoder that nothing is learned of counts in the published number of NT-GNN.
    assert parameters("nt-gnn", "released") + 2 * (64 * 64 + 64) == 70721
    assert parameters("geo-gnn", "paper") == 30274
    assert parameters("geo-gnn", "released") == 29314
    assert parameters("botan", "paper") - parameters("botan", "released") == 2 * 4160 + 65
    assert 2 * len(MANY_RADII) + 3 * len(MANY_ANGULAR) == 440
    assert BotanSettings(preset="paper").training.epochs == 1000
