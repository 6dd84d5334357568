"""Data of a liquid of one's own hold the content of its file."""

import json
from importlib.resources import files

import numpy as np
import pytest

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.state_points import StatePoint, resolve
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, SettingsError
from glasscast.liquid.definition import (
    LiquidSettings,
    liquid_identity,
    load_liquid,
    load_liquid_settings,
)
from glasscast.simulation.equilibrium_positions import EquilibriumPlan
from glasscast.simulation.registry import load_engine
from glasscast.simulation.settings import InherentSettings
from glasscast.structure.energies import particle_energies
from tests.conftest import labelled


def test_the_content_of_a_liquid_of_ones_own_is_kept(tmp_path, rng):
    text = (files("glasscast.liquid") / "built_in" / "ka.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text.replace("name: ka\n", "name: own\n"))
    own = load_liquid_settings(tmp_path / "own.yaml")
    for liquid, kept in ((own, True), (load_liquid_settings("ka"), False)):
        writer = DatasetWriter(tmp_path / liquid.name)
        writer.add(labelled(rng, "c", size=27), "")
        dataset = writer.finish(liquid=liquid)
        assert (dataset.liquid is not None) == kept
        if dataset.liquid is not None:
            assert LiquidSettings(**dataset.liquid) == own


def own_data(folder, rng, name="own", epsilon="1.0"):
    """Write data of a liquid like ka with another attraction of A; its file is gone afterwards."""
    text = (files("glasscast.liquid") / "built_in" / "ka.yaml").read_text()
    file = folder / "file.yaml"
    folder.mkdir(exist_ok=True)
    changed = text.replace("name: ka\n", f"name: {name}\n")
    file.write_text(changed.replace("AA: {epsilon: 1.0,", f"AA: {{epsilon: {epsilon},"))
    liquid = load_liquid_settings(file)
    writer = DatasetWriter(folder / "data")
    for key in ("a", "b"):
        made = labelled(rng, key, size=64)
        point = StatePoint(name, 0.5)
        writer.add(made.with_fields(metadata=made.metadata.changed(state_point=point)), "")
    dataset = writer.finish(liquid=liquid)
    file.unlink()
    return dataset, liquid.liquid()


def test_data_know_their_liquid_by_the_content_that_they_hold(tmp_path, rng):
    data, liquid = own_data(tmp_path / "a", rng, epsilon="1.5")
    ka = load_liquid("ka")
    c = data[0]
    mine = particle_energies(c, c.positions, None)
    np.testing.assert_allclose(mine, liquid.energies(c.positions, c.types, c.box))
    assert not np.allclose(mine, ka.energies(c.positions, c.types, c.box))
    assert c.state_point.liquid_name == data.state_point.liquid_name == "own"
    # written again and read back it is told by its name, its content with it
    writer = DatasetWriter(tmp_path / "again")
    writer.add(c, "")
    again = writer.finish(liquid=data.own_liquid())
    assert '"liquid": "own"' in (tmp_path / "again" / "dataset.json").read_text()
    np.testing.assert_allclose(particle_energies(again[0], c.positions, None), mine)
    assert again.own_liquid() == data.own_liquid()
    plan = EquilibriumPlan.make(
        "d", data.state_point, StatePoint(), InherentSettings(), None, load_engine(None)
    )
    assert plan.liquid == data.own_liquid()
    identity = liquid_identity(str(data.state_point.liquid))
    assert identity == liquid_identity(str(again.state_point.liquid))


def test_another_liquid_of_the_same_name_is_refused(tmp_path, rng):
    first, _ = own_data(tmp_path / "a", rng, epsilon="1.5")
    other, _ = own_data(tmp_path / "b", rng, epsilon="1.4")
    with pytest.raises(InputError, match="both name the liquid 'own', with other interactions"):
        Dataset.join([first, other])
    assert Dataset.join([first, first]).liquid == first.liquid
    given = StatePoint(str(other.state_point.liquid))
    with pytest.raises(SettingsError, match="holds other interactions of the liquid 'own'"):
        resolve(first.state_point, given)
    with pytest.raises(InputError, match="other interactions than the built-in liquid 'ka'"):
        own_data(tmp_path / "c", rng, name="ka", epsilon="1.5")
    text = (tmp_path / "a" / "data" / "dataset.json").read_text()
    changed = json.loads(text)
    changed["liquid"]["name"] = "ka2d"
    (tmp_path / "a" / "data" / "dataset.json").write_text(json.dumps(changed))
    with pytest.raises(InputError, match="holds the liquid 'ka2d', but is of 'own'"):
        Dataset.open(tmp_path / "a" / "data")
